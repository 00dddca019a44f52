package machine

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// owner keeps the timers of a few profiles and cuts where it likes.
type owner struct {
	timers timers
	dues   []int64           // by profile
	stored map[string]bool   // keys as a store has them
	deltas []map[string]bool // what each cut changed
	cutAt  []int             // step of each cut
}

func newOwner(profiles int) *owner {
	o := &owner{stored: map[string]bool{}, dues: slices.Repeat([]int64{never}, profiles)}
	o.timers.init('t')
	return o
}

func (o *owner) set(profile int, due int64) {
	o.timers.move(string(rune('a'+profile)), o.dues[profile], due)
	o.dues[profile] = due
}

func (o *owner) cut(step int) {
	delta := map[string]bool{}
	cut := o.timers.cut()
	for _, c := range cut.changes(nil) {
		delta[string(c.Key)] = c.Value != nil
	}
	put(o.stored, delta)
	o.deltas, o.cutAt = append(o.deltas, delta), append(o.cutAt, step)
}

func put(stored, delta map[string]bool) {
	for key, here := range delta {
		if here {
			stored[key] = true
		} else {
			delete(stored, key)
		}
	}
}

// TestTimersOfAnotherOwner: two owners compute the same timers from one log and cut at places of their own. What one has cut
// since a place leads from whatever the other has stored behind that place to the same index, as package snapshot asks of
// a delta; a timer that came and went between two cuts of the one is in the other's store. Due times come again: midnight is
// everybody's.
func TestTimersOfAnotherOwner(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		const steps, profiles = 60, 3
		var states [steps]map[string]bool // the other's store behind each step at which it cut
		one, other := newOwner(profiles), newOwner(profiles)
		for step := range steps {
			k, due := r.IntN(profiles), int64(r.IntN(4))
			if due == 3 {
				due = never
			}
			one.set(k, due)
			other.set(k, due)
			if r.IntN(12) == 0 || step == steps-1 {
				one.cut(step)
			}
			if r.IntN(5) == 0 {
				other.cut(step)
				states[step] = maps.Clone(other.stored)
			}
		}
		for at, stored := range states {
			if stored == nil {
				continue
			}
			// The first of one's deltas that may hold what lies behind at, and all that follow.
			first, _ := slices.BinarySearch(one.cutAt, at+1)
			for _, delta := range one.deltas[first:] {
				put(stored, delta)
			}
			if !maps.Equal(stored, one.stored) {
				t.Fatalf("seed %d: from the other's state behind step %d the deltas lead to %v, the index is %v", seed, at, stored, one.stored)
			}
		}
	}
}
