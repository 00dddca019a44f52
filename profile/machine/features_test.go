package machine

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestFeatures compares with a slice that has a slot for each.
func TestFeatures(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(300)
		want := make([][]byte, n)
		var got features
		for range 400 {
			i := r.IntN(n)
			var state []byte
			if r.IntN(4) > 0 {
				state = []byte{byte(r.IntN(256))}
			}
			if state != nil || want[i] == nil { // an update never takes a state away
				want[i] = state
				got.set(i, state)
			}
		}
		for i := range want {
			if !slices.Equal(got.get(i), want[i]) || (got.get(i) == nil) != (want[i] == nil) {
				t.Fatalf("seed %d: feature %d is %v, want %v", seed, i, got.get(i), want[i])
			}
		}
		next := 0
		got.each(func(i int, state []byte) {
			for ; want[next] == nil; next++ {
			}
			if i != next || !slices.Equal(state, want[i]) {
				t.Fatalf("seed %d: each says %d, %v; want %d, %v", seed, i, state, next, want[next])
			}
			next++
		})
		if i := slices.IndexFunc(want[next:], func(s []byte) bool { return s != nil }); i >= 0 {
			t.Fatalf("seed %d: each left out %d", seed, next+i)
		}
	}
}
