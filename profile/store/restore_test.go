package store

import (
	"errors"
	"slices"
	"testing"
)

// restored puts a model's state into a new generation, in parts as large as transactions are.
func restored(t *testing.T, db *DB, partition int, m model) {
	t.Helper()
	r, err := db.Restore(partition)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Put([]byte("stray"), []byte("deleted again, as a delta would")); err != nil {
		t.Fatal(err)
	}
	for k, v := range m.state {
		if err := r.Put([]byte(k), []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(r.Put([]byte("stray"), nil), r.Commit(m.position, []byte(m.meta))); err != nil {
		t.Fatal(err)
	}
}

// exported reads a partition through Export.
func exported(t *testing.T, p *Partition) (m model) {
	t.Helper()
	var keys []string
	m.state = map[string]string{}
	err := p.Export(func(position int64, meta []byte) error {
		m.position, m.meta = position, string(meta)
		return nil
	}, func(key, value []byte) error {
		keys = append(keys, string(key))
		m.state[string(key)] = string(value)
		return nil
	})
	if err != nil || !slices.IsSorted(keys) {
		t.Fatalf("export of %d keys: %v", len(keys), err)
	}
	return m
}

// TestRestore carries a state from one store into another that has a state of its own, and goes on there;
// old handles are refused, other partitions untouched, and nothing of the old state stays.
func TestRestore(t *testing.T) {
	from, to := mustOpen(t, t.TempDir(), testOptions()), t.TempDir()
	var want model
	source := mustAcquire(t, from, 2)
	for n := int64(1); n <= 8; n++ {
		mustCommit(t, source, random(n))
		want = want.after(random(n))
	}
	db := mustOpen(t, to, testOptions())
	old, other := mustAcquire(t, db, 2), mustAcquire(t, db, 3)
	mustCommit(t, old, checkpoint(100, set("old", "state")))
	mustCommit(t, other, checkpoint(5, set("other", "state")))
	restored(t, db, 2, exported(t, source))
	if err := old.Commit(checkpoint(101)); !errors.Is(err, ErrStale) {
		t.Errorf("the old handle commits: %v", err)
	}
	p := mustAcquire(t, db, 2)
	want.require(t, p)
	if err := db.Sweep(2); err != nil {
		t.Fatal(err)
	}
	if db.used(2, 1) {
		t.Error("the old generation stays")
	}
	mustCommit(t, p, random(9))
	want = want.after(random(9))
	want.require(t, p)
	model{}.after(checkpoint(5, set("other", "state"))).require(t, other)
	mustClose(t, db)
	want.require(t, mustAcquire(t, mustOpen(t, to, testOptions()), 2))
}

// tryRestore restores in one go, and reports whether it came to its end.
func tryRestore(t *testing.T, db *DB, m model) bool {
	t.Helper()
	r, err := db.Restore(0)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range m.state {
		if err := r.Put([]byte(k), []byte(v)); err != nil {
			if !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			r.Abort()
			return false
		}
	}
	return r.Commit(m.position, []byte(m.meta)) == nil
}

// TestRestoreThatCrashes ends a restore before each of its transactions: the partition is as it was, and the
// next restore is not disturbed by what was left.
func TestRestoreThatCrashes(t *testing.T) {
	var target model
	for n := int64(1); n <= 12; n++ {
		target = target.after(random(n))
	}
	for writes := 0; writes < 20; writes++ {
		dir := t.TempDir()
		db := mustOpen(t, dir, testOptions())
		before := model{}.after(checkpoint(7, set("k", "before")))
		mustCommit(t, mustAcquire(t, db, 0), checkpoint(7, set("k", "before")))
		mustClose(t, db)
		o := testOptions()
		o.beforeWrite = crashAfter(writes)
		db = mustOpen(t, dir, o)
		ended := tryRestore(t, db, target)
		mustClose(t, db)
		db = mustOpen(t, dir, testOptions())
		if ended {
			target.require(t, mustAcquire(t, db, 0))
			if writes < 2 {
				t.Errorf("%d transactions: the test should need more", writes)
			}
			return
		}
		before.require(t, mustAcquire(t, db, 0))
		again := model{}.after(random(3))
		restored(t, db, 0, again)
		p := mustAcquire(t, db, 0)
		again.require(t, p)
		if err := db.Sweep(0); err != nil {
			t.Fatal(err)
		}
		for g := uint32(1); g < 6; g++ {
			if g != p.generation && db.used(0, g) {
				t.Errorf("after %d writes: generation %d stays", writes, g)
			}
		}
		again.require(t, p)
		mustClose(t, db)
	}
	t.Error("the restore never came to its end")
}

// TestExportDuringCommits: an export is of one checkpoint.
func TestExportDuringCommits(t *testing.T) {
	p := mustAcquire(t, mustOpen(t, t.TempDir(), testOptions()), 0)
	mustCommit(t, p, random(1))
	want, n := model{}.after(random(1)), int64(1)
	got := model{state: map[string]string{}}
	err := p.Export(func(position int64, meta []byte) error {
		got.position, got.meta = position, string(meta)
		return nil
	}, func(key, value []byte) error {
		if n++; n < 20 {
			mustCommit(t, p, random(n))
		}
		got.state[string(key)] = string(value)
		return nil
	})
	if err != nil || got.position != 1 || len(got.state) != len(want.state) {
		t.Fatalf("at %d with %d keys, %v; want 1 and %d", got.position, len(got.state), err, len(want.state))
	}
	for k, v := range want.state {
		if got.state[k] != v {
			t.Fatalf("key %s differs", k)
		}
	}
}
