package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"portrait/profile"
)

func TestSupersededHandle(t *testing.T) {
	db := mustOpen(t, t.TempDir(), testOptions())
	old := mustAcquire(t, db, 0)
	other := mustAcquire(t, db, 1)
	first := checkpoint(5, set("k", "old"))
	mustCommit(t, old, first)
	young := mustAcquire(t, db, 0)
	for name, call := range map[string]func() error{
		"position": func() error { _, _, err := old.Position(); return err },
		"load":     func() error { _, err := old.Load([]byte("k")); return err },
		"absent":   func() error { _, err := old.Load([]byte("none")); return err },
		"scan":     func() error { return old.Scan(nil, nil, 0, func(_, _ []byte) bool { return true }) },
		"commit":   func() error { return old.Commit(checkpoint(6, set("k", "zombie"))) },
		"in parts": func() error { return old.Commit(random(8)) },
	} {
		if err := call(); !errors.Is(err, ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	model{}.after(first).require(t, young)
	second := checkpoint(6, set("k", "young"))
	mustCommit(t, young, second)
	model{}.after(first).after(second).require(t, young)
	mustCommit(t, other, first) // another partition's handle is none of this
}

func TestLoadChecksAfterReading(t *testing.T) {
	o := testOptions()
	var between func()
	o.afterRead = func() {
		if f := between; f != nil {
			between = nil
			f()
		}
	}
	db := mustOpen(t, t.TempDir(), o)
	for name, read := range map[string]func(p *Partition) error{
		"load":     func(p *Partition) error { _, err := p.Load([]byte("k")); return err },
		"position": func(p *Partition) error { _, _, err := p.Position(); return err },
	} {
		p := mustAcquire(t, db, 0)
		between = func() { mustAcquire(t, db, 0) }
		if err := read(p); !errors.Is(err, ErrStale) {
			t.Errorf("%s: taken while it read, but %v", name, err)
		}
	}
}

func TestScanChecksAfterEachPage(t *testing.T) {
	db := mustOpen(t, t.TempDir(), testOptions())
	p := mustAcquire(t, db, 0)
	var changes []profile.Change
	for i := range 2*maxPage + 1 {
		changes = append(changes, set(fmt.Sprintf("%05d", i), ""))
	}
	mustCommit(t, p, checkpoint(1, changes...))
	seen := 0
	err := p.Scan(nil, nil, 0, func(_, _ []byte) bool {
		if seen++; seen == 10 {
			mustAcquire(t, db, 0)
		}
		return true
	})
	if !errors.Is(err, ErrStale) || seen != maxPage {
		t.Fatalf("%d entries, %v; want those of the page read before, and ErrStale", seen, err)
	}
}

func TestPositionMustGrow(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir, testOptions())
	p := mustAcquire(t, db, 0)
	kept := checkpoint(7, set("k", "kept"))
	refuse := func(p *Partition, position int64) {
		t.Helper()
		err := p.Commit(checkpoint(position, set("k", "refused")))
		if !errors.Is(err, ErrStale) || !strings.Contains(err.Error(), "does not grow") {
			t.Errorf("position %d: %v", position, err)
		}
	}
	refuse(p, 0)
	refuse(p, -1)
	mustCommit(t, p, kept)
	refuse(p, 7)
	refuse(p, 6)
	model{}.after(kept).require(t, p)
	p = mustAcquire(t, db, 0)
	refuse(p, 7)
	mustClose(t, db)
	p = mustAcquire(t, mustOpen(t, dir, testOptions()), 0)
	refuse(p, 7)
	model{}.after(kept).require(t, p)
	next := checkpoint(8, set("k", "next"))
	mustCommit(t, p, next)
	model{}.after(next).require(t, p)
}

// TestReadsDuringCommit reads at every step of a commit in parts: all of the old checkpoint, nothing
// of the new one, although parts are being applied; also under the same partition's other goroutine.
func TestReadsDuringCommit(t *testing.T) {
	o := testOptions()
	var during func()
	o.beforeWrite = func() error {
		if during != nil {
			during()
		}
		return nil
	}
	p := mustAcquire(t, mustOpen(t, t.TempDir(), o), 0)
	before := model{}.after(random(2))
	mustCommit(t, p, random(2))
	steps := 0
	during = func() {
		steps++
		before.require(t, p)
	}
	mustCommit(t, p, random(4))
	if steps < 6 {
		t.Fatalf("%d steps; the checkpoint should go in parts", steps)
	}
	before.after(random(4)).require(t, p)
}

// TestHalfWayFailure: what a failed commit left half-applied must not show when another partition's
// commit renews the view.
func TestHalfWayFailure(t *testing.T) {
	o := testOptions()
	fail := func() error { return nil }
	o.beforeWrite = func() error { return fail() }
	db := mustOpen(t, t.TempDir(), o)
	p, other := mustAcquire(t, db, 0), mustAcquire(t, db, 1)
	mustCommit(t, p, random(1))
	parts, err := p.stage(random(4))
	if err != nil {
		t.Fatal(err)
	}
	fail = crashAfter(int(parts) + 2) // parts, end, and the first part applied
	if err := p.Commit(random(4)); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	fail = func() error { return nil }
	mustCommit(t, other, random(1))
	if _, err := p.Load([]byte("k0000")); !errors.Is(err, ErrStale) {
		t.Errorf("load: %v", err)
	}
	if err := p.Commit(random(8)); !errors.Is(err, ErrStale) {
		t.Errorf("commit: %v", err)
	}
	model{}.after(random(1)).after(random(4)).require(t, mustAcquire(t, db, 0))
}

// TestCloseWaits: a read inside goes on, later ones are refused, and only then it closes.
func TestCloseWaits(t *testing.T) {
	db := mustOpen(t, t.TempDir(), testOptions())
	synctest.Test(t, func(t *testing.T) {
		var r readers
		r.renew(db.badger.NewTransaction(false))
		_, release, err := r.enter()
		if err != nil {
			t.Fatal(err)
		}
		closed := false
		go func() { closed = r.close() }()
		synctest.Wait()
		if _, _, err := r.enter(); !errors.Is(err, ErrClosed) || closed {
			t.Errorf("entered: %v; closed: %v", err, closed)
		}
		release()
		synctest.Wait()
		if !closed || r.close() {
			t.Errorf("closed %v, or closed twice", closed)
		}
	})
}

func TestReadersBesideWriter(t *testing.T) {
	db := mustOpen(t, t.TempDir(), testOptions())
	p := mustAcquire(t, db, 0)
	whole := func(n int64) *profile.Checkpoint { // every key says n; in parts if n is even
		value := fmt.Sprint(n)
		if n%2 == 0 {
			value += strings.Repeat(" ", 20_000)
		}
		var changes []profile.Change
		for i := range 80 {
			changes = append(changes, set(fmt.Sprintf("%02d", i), value))
		}
		return checkpoint(n, changes...)
	}
	mustCommit(t, p, whole(1))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				seen := make(map[string]int)
				if err := p.Scan(nil, nil, 0, func(_, v []byte) bool { seen[strings.TrimSpace(string(v))]++; return true }); err != nil {
					t.Error(err)
					return
				}
				if len(seen) != 1 {
					t.Errorf("a scan saw several checkpoints: %v", seen)
					return
				}
				if _, err := p.Load([]byte("00")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := int64(2); n <= 20; n++ {
		mustCommit(t, p, whole(n))
	}
	close(done)
	readers.Wait()
}
