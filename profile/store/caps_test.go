package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portrait/profile"
)

// counted opens a store that counts the transactions it commits.
func counted(t *testing.T) (*DB, *Partition, *int) {
	writes := new(int)
	o := testOptions()
	o.beforeWrite = func() error { *writes++; return nil }
	db := mustOpen(t, t.TempDir(), o)
	p := mustAcquire(t, db, 0)
	*writes = 0
	return db, p, writes
}

// filled returns a checkpoint of so many entries that demands exactly size bytes; 0: as few as it can.
func filled(t *testing.T, p *Partition, position int64, entries int, size int64) *profile.Checkpoint {
	t.Helper()
	changes := make([]profile.Change, entries)
	for i := range changes {
		changes[i] = set(fmt.Sprintf("k%06d", i), "")
	}
	c := checkpoint(position, changes...)
	_, least := p.demand(c)
	if size == 0 {
		return c
	}
	rest := size - least
	if rest < 0 || rest > int64(entries)*MaxValue {
		t.Fatalf("%d bytes do not go into %d entries", size, entries)
	}
	for i := range changes {
		n := min(rest, MaxValue)
		c.Changes[i].Value = []byte(strings.Repeat("v", int(n)))
		rest -= n
	}
	return c
}

func TestAtTheCaps(t *testing.T) {
	db, p, writes := counted(t)
	bytesCap, countCap := db.badger.MaxBatchSize()-closingCost, int(db.badger.MaxBatchCount())-closingEntries
	if want := testOptions().MemTable * 15 / 100; db.badger.MaxBatchSize() != want {
		t.Fatalf("Badger's cap is %d, not %d: read its options again", db.badger.MaxBatchSize(), want)
	}
	var m model
	position := int64(0)
	for _, c := range []struct {
		name    string
		entries int
		bytes   int64
		once    bool
	}{
		{"the most bytes in two entries", 2, bytesCap - 1, true},
		{"a byte more", 2, bytesCap, false},
		{"the most bytes in many entries", 5000, bytesCap - 1, true},
		{"a byte more, many entries", 5000, bytesCap, false},
		{"the most entries", countCap - 2, 0, true}, // one is the checkpoint record
		{"an entry more", countCap - 1, 0, false},
		{"ten times the bytes", 500, 10 * bytesCap, false},
		{"five times the entries", 5 * countCap, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			position++
			cp := filled(t, p, position, c.entries, c.bytes)
			*writes = 0
			mustCommit(t, p, cp)
			if once := *writes == 1; once != c.once {
				t.Fatalf("%d transactions", *writes)
			}
			m = m.after(cp)
			m.require(t, p)
		})
	}
}

// TestPartsAtTheCaps fills parts to the byte: what stage counts must be what Badger counts.
func TestPartsAtTheCaps(t *testing.T) {
	db, p, writes := counted(t)
	room := db.badger.MaxBatchSize() - closingCost - 1 // for entries of one part
	overhead := int64(prefixSize + partSize + len("k0") + 1 + sumSize + entryCost)
	for i, c := range []struct {
		name  string
		off   int64 // bytes that the second value is off from filling the part with the first
		parts uint32
	}{{"exactly full", 0, 2}, {"a byte to spare", -1, 2}, {"a byte too many", 1, 3}} {
		t.Run(c.name, func(t *testing.T) {
			first := int64(MaxValue)
			second := room - 2*overhead - first + c.off
			changes := []profile.Change{
				set("k0", strings.Repeat("a", int(first))), set("k1", strings.Repeat("b", int(second))),
				set("k2", strings.Repeat("c", MaxValue)),
			}
			*writes = 0
			parts, err := p.stage(checkpoint(1, changes...))
			if err != nil || parts != c.parts || int(parts) != *writes {
				t.Fatalf("%d parts in %d transactions, %v; want %d", parts, *writes, err, c.parts)
			}
			cp := checkpoint(int64(i)+1, changes...)
			mustCommit(t, p, cp)
			model{}.after(cp).require(t, p)
		})
	}
}

// TestLargestEntry also sees that the value log stays empty: everything lies in the tree.
func TestLargestEntry(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir, testOptions())
	p := mustAcquire(t, db, 0)
	key := func(c string) string { return strings.Repeat(c, MaxKey) }
	value := strings.Repeat("v", MaxValue)
	single := checkpoint(1, set(key("a"), value))
	single.Meta = nil
	parts := checkpoint(2, set(key("a"), "short"), set(key("b"), value), set(key("c"), value), set(key("d"), value))
	parts.Meta = []byte(value)
	mustCommit(t, p, single)
	mustCommit(t, p, parts)
	m := model{}.after(single).after(parts)
	m.require(t, p)

	for name, c := range map[string]*profile.Checkpoint{
		"value": checkpoint(3, set("k", value+"v")),
		"key":   checkpoint(3, set(key("a")+"a", "")),
		"meta":  {Position: 3, Meta: []byte(value + "v")},
	} {
		if err := p.Commit(c); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.require(t, p)
	mustClose(t, db)
	logs, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no value log found: %v", err)
	}
	for _, name := range logs {
		const header = 20
		if info, err := os.Stat(name); err != nil || info.Size() > header {
			t.Errorf("%s has %d bytes, %v", name, info.Size(), err)
		}
	}
}

func TestUnorderedChanges(t *testing.T) {
	_, p, _ := counted(t)
	for name, changes := range map[string][]profile.Change{
		"descending": {set("b", ""), set("a", "")},
		"twice":      {set("a", ""), gone("a")},
	} {
		if err := p.Commit(&profile.Checkpoint{Position: 1, Changes: changes}); err == nil || !strings.Contains(err.Error(), "ascend") {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustCommit(t, p, checkpoint(1, set("a", "1"))) // the handle stayed good
}
