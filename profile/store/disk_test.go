package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// disk is a file system whose free space the test sets; of the next asks, it may lie to a number.
type disk struct {
	free uint64
	asks int // until it is full; negative: never
}

func (d *disk) bytes(string) (uint64, error) {
	if d.asks == 0 {
		return 0, nil
	}
	d.asks--
	return d.free, nil
}

func diskOptions(d *disk) Options {
	o := testOptions()
	o.FreeSpace, o.Free = 1<<30, d.bytes
	return o
}

func TestFreeSpaceMark(t *testing.T) {
	d := &disk{free: 2 << 30, asks: -1}
	db := mustOpen(t, t.TempDir(), diskOptions(d))
	p := mustAcquire(t, db, 0)
	mustCommit(t, p, random(1))
	m := model{}.after(random(1))
	for _, c := range []struct {
		name string
		free uint64
		n    int64
		full bool
	}{
		{"below the mark", 1<<30 - 1, 2, true},
		{"at the mark, not for what is written", 1 << 30, 2, true},
		{"room for what is written", 1<<30 + 1<<20, 2, false},
		{"room for one of several parts", 1<<30 + 1<<20, 4, true},
		{"room for each part, not for all", 1<<30 + 4<<20, 4, true},
		{"room for all parts", 1<<30 + 16<<20, 4, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.free = c.free
			err := p.Commit(random(c.n))
			if full := errors.Is(err, ErrDiskFull); full != c.full || !full && err != nil {
				t.Fatal(err)
			}
			if c.full {
				if !strings.Contains(err.Error(), "free some space") {
					t.Errorf("no remedy: %v", err)
				}
			} else {
				m = m.after(random(c.n))
			}
			m.require(t, p)
		})
	}
}

// TestDiskFullAtEveryAsk lets the disk become full at each step of a commit in parts.
func TestDiskFullAtEveryAsk(t *testing.T) {
	for asks, through := 0, false; !through; asks++ {
		d := &disk{free: 2 << 30, asks: -1}
		db := mustOpen(t, t.TempDir(), diskOptions(d))
		p := mustAcquire(t, db, 0)
		before := model{}.after(random(1))
		mustCommit(t, p, random(1))
		d.asks = asks
		err := p.Commit(random(4))
		through = d.asks > 0
		switch d.asks = -1; {
		case err == nil:
			// Full only while the parts were being removed, or not at all: the checkpoint stands.
			before.after(random(4)).require(t, p)
		case !errors.Is(err, ErrDiskFull):
			t.Fatal(err)
		case p.stale() == nil:
			before.require(t, p)
			mustCommit(t, p, random(4)) // the same handle tries again
		default:
			d.asks = 0
			if _, err := db.Acquire(0); !errors.Is(err, ErrDiskFull) {
				t.Fatalf("ask %d: acquired on a full disk: %v", asks, err)
			}
			d.asks = -1
			p = mustAcquire(t, db, 0)
			if before.difference(p) == "" {
				mustCommit(t, p, random(4))
			}
		}
		mustCommit(t, p, random(8)) // whatever lies about must not get into the next one
		before.after(random(4)).after(random(8)).require(t, p)
	}
}

// TestLitterAndCrash: parts left by a refused commit must not count among those of the next one.
func TestLitterAndCrash(t *testing.T) {
	dir := t.TempDir()
	d := &disk{free: 2 << 30, asks: -1}
	o := diskOptions(d)
	writes := -1 // left until the crash; negative: none comes
	o.beforeWrite = func() error {
		if writes == 0 {
			return errCrash
		}
		writes--
		return nil
	}
	db := mustOpen(t, dir, o)
	p := mustAcquire(t, db, 0)
	mustCommit(t, p, random(1))
	d.asks = 2 // the whole checkpoint, and its first part
	if err := p.Commit(random(4)); !errors.Is(err, ErrDiskFull) || p.stale() != nil {
		t.Fatalf("%v; the handle should have stayed good", err)
	}
	d.asks = -1
	next := random(8)
	parts, err := p.stage(next)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.stage(random(4)); err != nil { // more litter than one part
		t.Fatal(err)
	}
	writes = 1 + int(parts) + 1 // the removal, the parts and their end
	if err := p.Commit(next); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	writes = -1
	mustClose(t, db)
	model{}.after(random(1)).after(next).require(t, mustAcquire(t, mustOpen(t, dir, testOptions()), 0))
}

func TestFreeBytes(t *testing.T) {
	if free, err := freeBytes(t.TempDir()); err != nil || free == 0 {
		t.Fatalf("%d, %v", free, err)
	}
	if _, err := freeBytes(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Fatal("no error for a directory that is not there")
	}
	o := testOptions()
	o.FreeSpace = 1 << 62 // wired to the real file system by default
	if _, err := Open(t.TempDir(), o); !errors.Is(err, ErrDiskFull) {
		t.Fatal(err)
	}
}

func TestSecondOpen(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir, testOptions())
	_, err := Open(dir, testOptions())
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another process") {
		t.Fatal(err)
	}
	mustClose(t, db)
	mustOpen(t, dir, testOptions())
}

func TestDirectoryRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, testOptions()); err == nil || errors.Is(err, ErrCorrupt) {
		t.Fatalf("a file as directory: %v", err)
	}
}
