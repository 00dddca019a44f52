package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"portrait/profile"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := commitForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// testOptions are the smallest tables, so that checkpoints above the caps stay small, and no mark.
func testOptions() Options {
	o := DefaultOptions()
	o.MemTable, o.FreeSpace = 8<<20, 0
	return o
}

func mustOpen(t testing.TB, dir string, o Options) *DB {
	t.Helper()
	db, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, db) })
	return db
}

func mustClose(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func mustAcquire(t testing.TB, db *DB, partition int) *Partition {
	t.Helper()
	p, err := db.Acquire(partition)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustCommit(t testing.TB, p *Partition, c *profile.Checkpoint) {
	t.Helper()
	if err := p.Commit(c); err != nil {
		t.Fatal(err)
	}
}

// model is the store, dumb: what a partition must hold at one position.
type model struct {
	position int64
	meta     string
	state    map[string]string
}

func (m model) after(c *profile.Checkpoint) model {
	next := model{c.Position, string(c.Meta), maps.Clone(m.state)}
	if next.state == nil {
		next.state = make(map[string]string)
	}
	for _, ch := range c.Changes {
		if ch.Value == nil {
			delete(next.state, string(ch.Key))
		} else {
			next.state[string(ch.Key)] = string(ch.Value)
		}
	}
	return next
}

// difference says how a partition differs from m, "" if it does not; by one scan and by loads.
func (m model) difference(p *Partition) string {
	position, meta, err := p.Position()
	if err != nil {
		return err.Error()
	}
	if position != m.position || string(meta) != m.meta {
		return fmt.Sprintf("at %d (%.20q), want %d (%.20q)", position, meta, m.position, m.meta)
	}
	var keys []string
	different := ""
	err = p.Scan(nil, nil, 0, func(key, value []byte) bool {
		keys = append(keys, string(key))
		if want, ok := m.state[string(key)]; !ok || want != string(value) {
			different = fmt.Sprintf("key %.20q has %d bytes (%.20q), want %d (%.20q), present %v", key, len(value), value, len(want), want, ok)
		}
		return different == ""
	})
	switch {
	case err != nil:
		return err.Error()
	case different != "":
		return different
	case !slices.IsSorted(keys):
		return "scan does not ascend"
	case len(keys) != len(m.state):
		return fmt.Sprintf("%d keys, want %d", len(keys), len(m.state))
	}
	return ""
}

func (m model) require(t testing.TB, p *Partition) {
	t.Helper()
	if d := m.difference(p); d != "" {
		t.Fatal(d)
	}
}

// set and gone make changes; checkpoint sorts them.
func set(key, value string) profile.Change {
	return profile.Change{Key: []byte(key), Value: []byte(value)}
}
func gone(key string) profile.Change { return profile.Change{Key: []byte(key)} }

func checkpoint(position int64, changes ...profile.Change) *profile.Checkpoint {
	slices.SortFunc(changes, func(a, b profile.Change) int { return bytes.Compare(a.Key, b.Key) })
	return &profile.Checkpoint{Position: position, Meta: fmt.Appendf(nil, "meta %d", position), Changes: changes}
}

// random is checkpoint number n of an endless script: most fit a transaction of testOptions, each
// fourth is about twice as large. It depends on n only.
func random(n int64) *profile.Checkpoint {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	count, size := 200, 300
	if n%4 == 0 {
		count, size = 50, 60_000
	}
	drawn := make(map[string]profile.Change)
	for range count {
		key := fmt.Sprintf("k%04d", r.IntN(1000))
		if r.IntN(5) == 0 {
			drawn[key] = gone(key)
			continue
		}
		drawn[key] = set(key, strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(2*size)))
	}
	return checkpoint(n, slices.Collect(maps.Values(drawn))...)
}

func TestCommitLoadScan(t *testing.T) {
	p := mustAcquire(t, mustOpen(t, t.TempDir(), testOptions()), 3)
	model{}.require(t, p)
	first := checkpoint(10, set("a", "1"), set("b/1", "x"), set("b/2", ""), set("c", "3"))
	second := checkpoint(11, gone("b/1"), set("b/3", "new"), gone("never"))
	m := model{}.after(first)
	mustCommit(t, p, first)
	m.require(t, p)
	m = m.after(second)
	mustCommit(t, p, second)
	m.require(t, p)

	for _, c := range []struct {
		name, key string
		want      []byte
	}{
		{"present", "a", []byte("1")},
		{"empty is not absent", "b/2", []byte{}},
		{"deleted", "b/1", nil},
		{"never there", "zz", nil},
		{"prefix of a key", "b/", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := p.Load([]byte(c.key))
			if err != nil || !bytes.Equal(got, c.want) || (got == nil) != (c.want == nil) {
				t.Fatalf("got %q (nil %v), %v", got, got == nil, err)
			}
		})
	}
}

func TestScan(t *testing.T) {
	p := mustAcquire(t, mustOpen(t, t.TempDir(), testOptions()), 0)
	var changes []profile.Change
	for i := range 3 * maxPage {
		changes = append(changes, set(fmt.Sprintf("m%04d", i), "v"))
	}
	changes = append(changes, set("a", ""), set("z", ""), set("\xff\xff", ""), set("", "empty key"))
	mustCommit(t, p, checkpoint(1, changes...))
	// Pending deletes: keys gone in the tree but not yet compacted away must not count against a limit.
	var deletes []profile.Change
	for i := 1; i < 3*maxPage; i += 2 {
		deletes = append(deletes, gone(fmt.Sprintf("m%04d", i)))
	}
	mustCommit(t, p, checkpoint(2, deletes...))

	for _, c := range []struct {
		name          string
		after, prefix []byte
		limit, stop   int
		first, last   string
		count         int
	}{
		{name: "everything", first: "", last: "\xff\xff", count: 3*maxPage/2 + 4},
		{name: "prefix", prefix: []byte("m"), first: "m0000", last: "m0766", count: 3 * maxPage / 2},
		{name: "limit over pages", prefix: []byte("m"), limit: maxPage + 10, first: "m0000", last: "m0530", count: maxPage + 10},
		{name: "limit of one page", prefix: []byte("m"), limit: maxPage, first: "m0000", last: "m0510", count: maxPage},
		{name: "after an existing key", after: []byte("m0002"), prefix: []byte("m"), limit: 2, first: "m0004", last: "m0006", count: 2},
		{name: "after a deleted key", after: []byte("m0003"), prefix: []byte("m"), limit: 2, first: "m0004", last: "m0006", count: 2},
		{name: "after before the prefix", after: []byte("a"), prefix: []byte("m"), limit: 1, first: "m0000", last: "m0000", count: 1},
		{name: "after behind the prefix", after: []byte("z"), prefix: []byte("m")},
		{name: "after the empty key", after: []byte{}, limit: 1, first: "a", last: "a", count: 1},
		{name: "after the last", after: []byte("\xff\xff")},
		{name: "nothing has the prefix", prefix: []byte("q")},
		{name: "stopped by the callback", stop: 3, first: "", last: "m0000", count: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var keys []string
			err := p.Scan(c.after, c.prefix, c.limit, func(key, _ []byte) bool {
				keys = append(keys, string(key))
				return len(keys) != c.stop
			})
			if err != nil || len(keys) != c.count || !slices.IsSorted(keys) {
				t.Fatalf("%d keys, want %d, %v", len(keys), c.count, err)
			}
			if c.count > 0 && (keys[0] != c.first || keys[len(keys)-1] != c.last) {
				t.Fatalf("%q to %q, want %q to %q", keys[0], keys[len(keys)-1], c.first, c.last)
			}
		})
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	var m model
	for n := int64(1); n <= 12; n++ {
		db := mustOpen(t, dir, testOptions())
		p := mustAcquire(t, db, 1)
		m.require(t, p)
		mustCommit(t, p, random(n))
		m = m.after(random(n))
		mustClose(t, db)
	}
	db := mustOpen(t, dir, testOptions())
	m.require(t, mustAcquire(t, db, 1))
	model{}.require(t, mustAcquire(t, db, 2))
	model{}.require(t, mustAcquire(t, db, 0))
}

func TestPartitionsApart(t *testing.T) {
	db := mustOpen(t, t.TempDir(), testOptions())
	models := make(map[int]model)
	handles := make(map[int]*Partition)
	for _, number := range []int{0, 1, 255, 256, maxPartition} {
		handles[number] = mustAcquire(t, db, number)
		c := checkpoint(int64(number)+1, set("same key", fmt.Sprint(number)), set(fmt.Sprint(number), ""))
		mustCommit(t, handles[number], c)
		models[number] = model{}.after(c)
	}
	for number, p := range handles {
		models[number].require(t, p)
	}
	for _, number := range []int{-1, maxPartition + 1} {
		if _, err := db.Acquire(number); err == nil {
			t.Errorf("partition %d accepted", number)
		}
	}
}

// TestPositionOfOthers asks for positions without taking the partition from whom has it.
func TestPositionOfOthers(t *testing.T) {
	db := mustOpen(t, t.TempDir(), testOptions())
	p := mustAcquire(t, db, 3)
	mustCommit(t, p, checkpoint(7, set("k", "v")))
	for partition, want := range map[int]int64{3: 7, 4: 0} {
		if position, _, err := db.Position(partition); err != nil || position != want {
			t.Errorf("partition %d: %d, %v; want %d", partition, position, err, want)
		}
	}
	mustCommit(t, p, checkpoint(8, set("k", "w"))) // the handle stayed good
}

func TestDeployment(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir, testOptions())
	if got, err := db.Deployment(); got != nil || err != nil {
		t.Fatalf("fresh store: %x, %v", got, err)
	}
	for _, hash := range []string{"first", "second"} {
		if err := db.SetDeployment([]byte(hash)); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Deployment(); string(got) != hash || err != nil {
			t.Fatalf("%q, %v; want %q", got, err, hash)
		}
	}
	mustClose(t, db)
	if got, err := mustOpen(t, dir, testOptions()).Deployment(); string(got) != "second" || err != nil {
		t.Fatalf("reopened: %q, %v", got, err)
	}
}

func TestClosed(t *testing.T) {
	db := mustOpen(t, t.TempDir(), testOptions())
	p := mustAcquire(t, db, 0)
	mustClose(t, db)
	for name, call := range map[string]func() error{
		"position":       func() error { _, _, err := p.Position(); return err },
		"load":           func() error { _, err := p.Load([]byte("k")); return err },
		"scan":           func() error { return p.Scan(nil, nil, 0, func(_, _ []byte) bool { return true }) },
		"commit":         func() error { return p.Commit(checkpoint(1)) },
		"acquire":        func() error { _, err := db.Acquire(0); return err },
		"deployment":     func() error { _, err := db.Deployment(); return err },
		"set deployment": func() error { return db.SetDeployment([]byte("d")) },
	} {
		if err := call(); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestOptions(t *testing.T) {
	for name, memTable := range map[string]int64{"none": 0, "value threshold above the cap": 6 << 20, "too large": 1 << 30} {
		o := DefaultOptions()
		o.MemTable = memTable
		if _, err := Open(t.TempDir(), o); err == nil || !strings.Contains(err.Error(), "DefaultOptions") {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := DefaultOptions()
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	// What a crash of the host leaves cannot be tried here.
	if settings := badgerOptions("d", &o); !settings.SyncWrites || settings.NumVersionsToKeep != 1 {
		t.Error("commits are not synced")
	}
}
