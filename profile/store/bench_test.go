package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"portrait/profile"
)

// profiles returns n changes of 600 bytes at random among so many keys.
func profiles(r *rand.Rand, n, keys int) []profile.Change {
	chosen := make(map[int]bool, n)
	changes := make([]profile.Change, 0, n)
	for len(changes) < n {
		k := r.IntN(keys)
		if chosen[k] {
			continue
		}
		chosen[k] = true
		value := make([]byte, 600)
		for i := range value {
			value[i] = byte(r.Uint32())
		}
		changes = append(changes, profile.Change{Key: benchKey(k), Value: value})
	}
	return changes
}

func benchKey(k int) []byte { return fmt.Appendf(nil, "p/device_id:%012d", k) }

// BenchmarkCommit commits 1,000 changes of 600 bytes among 100,000 keys, synced.
func BenchmarkCommit(b *testing.B) {
	o := DefaultOptions()
	o.FreeSpace = 0
	p := mustAcquire(b, mustOpen(b, b.TempDir(), o), 0)
	r := rand.New(rand.NewPCG(1, 1))
	prepared := make([]*profile.Checkpoint, 16)
	for i := range prepared {
		prepared[i] = checkpoint(0, profiles(r, 1000, 100_000)...)
	}
	position := int64(0)
	for b.Loop() {
		position++
		c := prepared[position%16]
		c.Position = position
		mustCommit(b, p, c)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "µs/change")
}

// BenchmarkCommitInParts commits 20,000 changes of 600 bytes: 2.5 times what a transaction takes.
func BenchmarkCommitInParts(b *testing.B) {
	o := DefaultOptions()
	o.FreeSpace = 0
	p := mustAcquire(b, mustOpen(b, b.TempDir(), o), 0)
	c := checkpoint(0, profiles(rand.New(rand.NewPCG(1, 1)), 20_000, 100_000)...)
	for b.Loop() {
		c.Position++
		mustCommit(b, p, c)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/20_000, "µs/change")
}

// BenchmarkLoad reads keys at random among 100,000 from tables that were just opened.
func BenchmarkLoad(b *testing.B) {
	const keys = 100_000
	dir := b.TempDir()
	o := DefaultOptions()
	o.FreeSpace = 0
	db := mustOpen(b, dir, o)
	r := rand.New(rand.NewPCG(1, 1))
	mustCommit(b, mustAcquire(b, db, 0), checkpoint(1, profiles(r, keys, keys)...))
	mustClose(b, db)
	p := mustAcquire(b, mustOpen(b, dir, o), 0)
	for b.Loop() {
		if v, err := p.Load(benchKey(r.IntN(keys))); err != nil || len(v) != 600 {
			b.Fatal(len(v), err)
		}
	}
}

// BenchmarkOpen opens and closes a store of 100,000 keys of 600 bytes, with the pass over its tables.
func BenchmarkOpen(b *testing.B) {
	const keys = 100_000
	dir := b.TempDir()
	o := DefaultOptions()
	o.FreeSpace = 0
	db := mustOpen(b, dir, o)
	mustCommit(b, mustAcquire(b, db, 0), checkpoint(1, profiles(rand.New(rand.NewPCG(1, 1)), keys, keys)...))
	mustClose(b, db)
	for b.Loop() {
		mustClose(b, mustOpen(b, dir, o))
	}
	b.SetBytes(keys * 600)
}
