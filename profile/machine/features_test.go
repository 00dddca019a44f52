package machine

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// stateAfter is what an accumulator may make of a state: another one, or the same memory changed, cut or grown.
func stateAfter(r *rand.Rand, state []byte) []byte {
	switch how := r.IntN(5); {
	case how == 0 && len(state) == 0:
		return nil
	case how == 1 && len(state) > 1:
		return state[r.IntN(len(state)-1):]
	case how == 2 && len(state) > 1:
		return state[:1+r.IntN(len(state)-1)]
	case how == 3 && len(state) > 0:
		state[r.IntN(len(state))]++
		return append(state, byte(r.IntN(256)))
	}
	fresh := make([]byte, 1+r.IntN(40))
	for i := range fresh {
		fresh[i] = byte(r.IntN(256))
	}
	return fresh
}

// TestFeatures compares with a slice that has a slot for each.
func TestFeatures(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(300)
		want := make([][]byte, n)
		var got features
		for range 400 {
			i := r.IntN(n)
			state := stateAfter(r, got.get(i))
			if state != nil || want[i] == nil { // an update never takes a state away
				want[i] = slices.Clone(state)
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
