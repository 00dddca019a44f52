package machine

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRecents holds the ring against a list: the same ids are there after whatever was added, read back or set, in the same order.
func TestRecents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 9).Draw(t, "limit")
		hash := rapid.Custom(func(t *rapid.T) uint64 { // few, many with the same mark
			return rapid.Uint64Range(0, 3).Draw(t, "mark")<<56 | rapid.Uint64Range(0, 5).Draw(t, "rest")
		})
		var ring recents
		var list []recent
		for at := range int64(rapid.IntRange(0, 60).Draw(t, "steps")) {
			switch h := hash.Draw(t, "hash"); rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				ring.set(ring.list()) // as a store and a merge do
			case 1:
				longer := append(slices.Clone(list), recent{h, at}, recent{h + 1, at})
				ring.set(slices.Clone(longer)) // a limit was lower since
				list = longer
			default:
				if got, want := ring.has(h), slices.ContainsFunc(list, func(r recent) bool { return r.hash == h }); got != want {
					t.Fatalf("hash %x is there: %v, want %v", h, got, want)
				}
				ring.add(recent{h, at}, limit)
				list = append(list, recent{h, at})
				list = list[max(0, len(list)-limit):]
			}
			var each []recent
			ring.each(func(r recent) { each = append(each, r) })
			if !slices.Equal(each, list) || !slices.Equal(ring.list(), list) || ring.len() != len(list) {
				t.Fatalf("%v, %v, want %v", each, ring.list(), list)
			}
		}
	})
}
