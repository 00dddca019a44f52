package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"portrait/profile"
)

// settled makes a directory whose state lies in one table and returns the model of it.
func settled(t *testing.T, dir string) model {
	t.Helper()
	db := mustOpen(t, dir, testOptions())
	c := checkpoint(1, set("a", "needle in the table"))
	for i := range 500 {
		c.Changes = append(c.Changes, set(fmt.Sprintf("k%04d", i), strings.Repeat("v", 100)))
	}
	mustCommit(t, mustAcquire(t, db, 0), c)
	mustClose(t, db)
	return model{}.after(c)
}

// only returns the single file of a pattern.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) != 1 {
		t.Fatalf("%s: %v, %v", pattern, names, err)
	}
	return names[0]
}

// edit rewrites a file.
func edit(t *testing.T, name string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func flip(b []byte, at int) []byte {
	b[at] ^= 0x40
	return b
}

func TestDamagedDirectory(t *testing.T) {
	for _, c := range []struct {
		name, file string
		change     func([]byte) []byte // nil removes
	}{
		{"table cut in half", "*.sst", func(b []byte) []byte { return b[:len(b)/2] }},
		{"table empty", "*.sst", func([]byte) []byte { return nil }},
		{"table of zeros", "*.sst", func(b []byte) []byte { return make([]byte, len(b)) }},
		{"bit in the index", "*.sst", func(b []byte) []byte { return flip(b, len(b)-40) }},
		{"bit in a value", "*.sst", func(b []byte) []byte { return flip(b, bytes.Index(b, []byte("needle"))) }},
		{"first block overwritten", "*.sst", func(b []byte) []byte { return append(bytes.Repeat([]byte{0xff}, 4096), b[4096:]...) }},
		{"bit in the last block", "*.sst", func(b []byte) []byte { return flip(b, bytes.LastIndex(b, []byte("vvvvvvvv"))) }},
		{"bit in the last length", "*.sst", func(b []byte) []byte { return flip(b, len(b)-4) }},
		{"table gone", "*.sst", nil},
		{"manifest overwritten", badger.ManifestFilename, func(b []byte) []byte { return bytes.Repeat([]byte("x"), len(b)) }},
		{"manifest empty", badger.ManifestFilename, func([]byte) []byte { return nil }},
		{"bit in the manifest", badger.ManifestFilename, func(b []byte) []byte { return flip(b, len(b)-3) }},
		{"manifest gone", badger.ManifestFilename, nil},
		{"key registry overwritten", badger.KeyRegistryFileName, func(b []byte) []byte { return bytes.Repeat([]byte("x"), len(b)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			settled(t, dir)
			name := only(t, dir, c.file)
			if c.change == nil {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			} else {
				edit(t, name, c.change)
			}
			db, err := Open(dir, testOptions())
			if err == nil {
				mustClose(t, db)
			}
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), remedy) || !strings.Contains(err.Error(), dir) {
				t.Fatalf("want the damage, the directory and the remedy: %v", err)
			}
			if _, again := Open(dir, testOptions()); !errors.Is(again, ErrCorrupt) {
				t.Fatalf("the refusal let go of the lock or changed something: %v", again)
			}
		})
	}
}

func TestOtherLayout(t *testing.T) {
	dir := t.TempDir()
	b, err := badger.Open(badger.DefaultOptions(dir).WithExternalMagic(layoutVersion + 1).WithLogger(logger{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, testOptions()); err == nil || errors.Is(err, ErrCorrupt) {
		t.Fatalf("a store of another layout: %v", err)
	}
}

// TestDamagedValue damages a table after it was opened, which only the value's own checksum can tell.
func TestDamagedValue(t *testing.T) {
	dir := t.TempDir()
	settled(t, dir)
	p := mustAcquire(t, mustOpen(t, dir, testOptions()), 0)
	name := only(t, dir, "*.sst")
	table, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("N"), int64(bytes.Index(table, []byte("needle")))); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, load := p.Load([]byte("a"))
	scan := p.Scan(nil, nil, 0, func(_, _ []byte) bool { return true })
	for name, err := range map[string]error{"load": load, "scan": scan} {
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), remedy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if v, err := p.Load([]byte("k0001")); err != nil || len(v) != 100 {
		t.Errorf("the value beside it: %d bytes, %v", len(v), err)
	}
}

func TestPartsThatDoNotAddUp(t *testing.T) {
	for _, c := range []struct {
		name string
		end  end
	}{
		{"a part missing", end{parts: 4, entries: 3, record: appendRecord(nil, 5, nil)}},
		{"an entry missing", end{parts: 1, entries: 4, record: appendRecord(nil, 5, nil)}},
		{"an entry too many", end{parts: 1, entries: 2, record: appendRecord(nil, 5, nil)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			db := mustOpen(t, dir, testOptions())
			p := mustAcquire(t, db, 0)
			if _, err := p.stage(checkpoint(5, set("a", ""), set("b", ""), set("c", ""))); err != nil {
				t.Fatal(err)
			}
			if err := p.seal(c.end); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Acquire(0); !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
		})
	}
}

// TestDamagedLog is the limit that doc.go states: a log cut at the damage leaves an older checkpoint,
// whole.
func TestDamagedLog(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	p := mustAcquire(t, mustOpen(t, dir, testOptions()), 0)
	models := map[int64]model{0: {}}
	for n := int64(1); n <= 3; n++ {
		c := checkpoint(n, []profile.Change{set("a", fmt.Sprint("version ", n)), set("b", "x")}...)
		mustCommit(t, p, c)
		models[n] = models[n-1].after(c)
	}
	// What a killed process leaves: its files as they are, without those of the lock.
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(b, []byte("version 3")); filepath.Ext(name) == ".mem" && at >= 0 {
			b = flip(b, at)
		}
		if err := os.WriteFile(filepath.Join(copied, filepath.Base(name)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := mustAcquire(t, mustOpen(t, copied, testOptions()), 0)
	models[2].require(t, found)
}
