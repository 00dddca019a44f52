package solo

import (
	"path/filepath"
	"runtime"
	"testing"

	"portrait/bench/traffic"
	"portrait/profile/machine"
)

// TestMemoryHeld fills a machine and holds what it believes its profiles take against the heap, and sees that a bound of
// bytes is kept. Configuration bounds memory by that belief: it must not be far too low, and too high only wastes.
func TestMemoryHeld(t *testing.T) {
	for _, tags := range []int{1, 12, 300} {
		r, err := newRig(Config{Tags: tags, Keys: traffic.Zipf, Profiles: 20_000, Segments: 1, Events: 1, Seed: 5, Merges: 0.1, Dir: filepath.Join(t.TempDir(), "m")})
		if err != nil {
			t.Fatal(err)
		}
		r.seen = nil // nothing is verified here, and it would take more than the machine
		if err := r.begin(); err != nil {
			t.Fatal(err)
		}
		if err := r.events(60_000); err != nil {
			t.Fatal(err)
		}
		if r.m.Uncut() > 0 {
			if err := r.checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
		cached, held := r.m.Cached(), r.m.CachedBytes()
		r.m.SetCacheBytes(held / 4)
		if err := r.events(1000); err != nil {
			t.Fatal(err)
		}
		if got := r.m.CachedBytes(); got > held/4+held/10 { // what changed since the last checkpoint stays
			t.Errorf("%d tags: %d bytes held, of %d before; at most a quarter was allowed", tags, got, held)
		}
		if got := r.m.Cached(); got == 0 || got > cached/2 {
			t.Errorf("%d tags: %d identifiers in memory, of %d before", tags, got, cached)
		}
		r.m.SetCacheBytes(machine.DefaultCacheBytes)
		if err := r.events(40_000); err != nil { // they come back
			t.Fatal(err)
		}
		if r.m.Uncut() > 0 {
			if err := r.checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
		cached, held = r.m.Cached(), r.m.CachedBytes()
		before := heap()
		r.m, r.step, r.effects = nil, nil, nil
		taken := before - heap()
		ratio := float64(taken) / float64(held)
		t.Logf("%d tags: %d identifiers, %d bytes each on the heap, %d believed", tags, cached, taken/int64(cached), held/int64(cached))
		if ratio < 0.5 || ratio > 1.3 {
			t.Errorf("%d tags: %d bytes on the heap for %d identifiers, %d believed", tags, taken, cached, held)
		}
		if err := r.db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
