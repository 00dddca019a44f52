package feature_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"portrait/schemas/wire"
)

// TestMergeLaws checks the first laws of doc.go: order does not matter, any parts merged in any tree
// are the whole, merge is associative and commutative and leaves its operands alone, bounds hold.
func TestMergeLaws(t *testing.T) {
	forEach(t, func(t *testing.T, s subject) {
		rapid.Check(t, func(t *rapid.T) {
			events := drawEvents(t, s.scope, 40)
			whole := fold(s.Feature, events)
			if len(whole) > s.Bound() {
				t.Fatalf("state of %d bytes, bound %d", len(whole), s.Bound())
			}
			shuffled := rapid.Permutation(events).Draw(t, "order")
			if other := fold(s.Feature, shuffled); !bytes.Equal(whole, other) {
				t.Fatalf("other order: %x, not %x", other, whole)
			}
			parts := drawParts(t, s, shuffled)
			for len(parts) > 1 {
				i := rapid.IntRange(0, len(parts)-2).Draw(t, "merged")
				before := slices.Concat(parts[i], parts[i+1])
				m := s.Merge(parts[i], parts[i+1])
				if n := s.Merge(parts[i+1], parts[i]); !bytes.Equal(m, n) {
					t.Fatalf("not commutative: %x, %x", m, n)
				}
				if !bytes.Equal(before, slices.Concat(parts[i], parts[i+1])) {
					t.Fatal("merge changed its operands")
				}
				parts[i] = m
				parts = slices.Delete(parts, i+1, i+2)
			}
			if !bytes.Equal(parts[0], whole) {
				t.Fatalf("parts merge to %x, whole %x", parts[0], whole)
			}
			if s.Overflow(parts[0]) != s.Overflow(whole) {
				t.Fatal("what was cut off is counted otherwise")
			}
		})
	})
}

func drawParts(t *rapid.T, s subject, events []*wire.Event) [][]byte {
	n := rapid.IntRange(1, 6).Draw(t, "parts")
	lists := make([][]*wire.Event, n)
	for _, ev := range events {
		i := rapid.IntRange(0, n-1).Draw(t, "part")
		lists[i] = append(lists[i], ev)
	}
	parts := make([][]byte, n)
	for i := range lists {
		parts[i] = fold(s.Feature, lists[i])
	}
	return parts
}

func TestMergeIsAssociative(t *testing.T) {
	forEach(t, func(t *testing.T, s subject) {
		rapid.Check(t, func(t *rapid.T) {
			events := drawEvents(t, s.scope, 40)
			p := drawParts(t, s, events)
			for len(p) < 3 {
				p = append(p, nil)
			}
			left := s.Merge(s.Merge(p[0], p[1]), p[2])
			right := s.Merge(p[0], s.Merge(p[1], p[2]))
			if !bytes.Equal(left, right) {
				t.Fatalf("%x, %x", left, right)
			}
		})
	})
}

// TestNextChange scans time from now on: nothing may change before NextChange, and something must then.
func TestNextChange(t *testing.T) {
	forEach(t, func(t *testing.T, s subject) {
		rapid.Check(t, func(t *rapid.T) {
			events := drawEvents(t, s.scope, 25)
			state := fold(s.Feature, events)
			now := drawNow(t, s.scope, events)
			cuts := rapid.SliceOfN(rapid.Int64Range(-2, s.scope.reach/s.scope.step), 0, 3).Draw(t, "cuts")
			for i := range cuts { // on a step, or a millisecond behind it: an age above a constant
				cuts[i] = cuts[i]*s.scope.step + rapid.Int64Range(0, 1).Draw(t, "behind")
			}
			for range 3 {
				next := s.NextChange(state, now, cuts)
				if next <= now {
					t.Fatalf("next change %d, not after %d", next, now)
				}
				scan(t, s, state, now, next, cuts)
				if next == math.MaxInt64 {
					return
				}
				now = next
			}
		})
	})
}

// seen is what rules can see of a value: all of it, or which cuts it has reached.
func seen(s subject, state []byte, at int64, cuts []int64) any {
	v := s.Value(state, at)
	if !s.Continuous() {
		return v
	}
	var reached [8]bool
	for i, c := range cuts {
		reached[i] = v.Int >= c
	}
	return [2]any{v.Absent, reached}
}

func scan(t *rapid.T, s subject, state []byte, now, next int64, cuts []int64) {
	was := seen(s, state, now, cuts)
	reach := 2 * s.scope.reach
	step := s.scope.step
	check := func(at int64) {
		if got := seen(s, state, at, cuts); got != was {
			t.Fatalf("changed at %d, before %d: %v, was %v", at, next, got, was)
		}
	}
	// Every change lies on a step of the clock, or one millisecond behind it (an age above a cut).
	for at := now; at < min(next, now+reach); at++ {
		check(at)
		if step > 1 {
			at += step - (at%step+step)%step - 1
			if at < min(next, now+reach) {
				check(at)
			}
		}
	}
	if next == math.MaxInt64 {
		check(now + reach)
		return
	}
	check(next - 1)
	if got := seen(s, state, next, cuts); got == was {
		t.Fatalf("nothing changes at %d: %v", next, got)
	}
}

// TestUpdateKeepsToItsState says what ownership means: Update may write into its state, and into
// nothing else; values hold no memory of states.
func TestUpdateKeepsToItsState(t *testing.T) {
	forEach(t, func(t *testing.T, s subject) {
		rapid.Check(t, func(t *rapid.T) {
			events := drawEvents(t, s.scope, 20)
			var state []byte
			var copies, wanted [][]byte
			for _, ev := range events {
				kept := bytes.Clone(state)
				merged := s.Merge(kept, fold(s.Feature, events))
				value := s.Value(state, 0)
				copies = append(copies, kept, merged)
				wanted = append(wanted, bytes.Clone(kept), bytes.Clone(merged))
				state = s.Update(state, ev)
				if again := s.Value(kept, 0); again != value {
					t.Fatalf("%+v became %+v", value, again)
				}
			}
			for i := range copies {
				if !bytes.Equal(copies[i], wanted[i]) {
					t.Fatalf("a copy became %x, was %x", copies[i], wanted[i])
				}
			}
		})
	})
}
