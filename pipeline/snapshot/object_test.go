package snapshot

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func base(to int64) Info        { return named(Header{Kind: Base, To: to, Logic: 1}) }
func delta(from, to int64) Info { return named(Header{Kind: Delta, From: from, To: to, Logic: 1}) }

func named(h Header) Info {
	i, ok := parseName(name(&h))
	if !ok {
		panic(name(&h))
	}
	return i
}

func TestBest(t *testing.T) {
	list := []Info{base(100), delta(100, 150), delta(150, 200), base(180), delta(200, 250), delta(300, 350), delta(140, 160)}
	for _, c := range []struct {
		name string
		list []Info
		have int64
		want Plan
	}{
		{"nothing there", nil, 0, nil},
		{"from nothing: the newest base", list, 0, Plan{base(180), delta(150, 200), delta(200, 250)}},
		{"onto what is there", list, 190, Plan{delta(150, 200), delta(200, 250)}},
		{"as far as they go", list, 250, nil},
		{"behind the gap", list, 310, Plan{delta(300, 350)}},
		{"further than all", list, 400, nil},
		{"too far behind for deltas", list, 50, Plan{base(180), delta(150, 200), delta(200, 250)}},
		{"a base alone", []Info{base(100)}, 99, Plan{base(100)}},
		{"deltas without a base", []Info{delta(1, 2)}, 0, nil},
		{"the newest base is gone", []Info{base(100), delta(100, 150), delta(150, 200)}, 0, Plan{base(100), delta(100, 150), delta(150, 200)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Best(c.list, c.have); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestRetention: what is deleted is never needed for the way to the end, nor for the way from one of the bases kept.
func TestRetention(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []Info
		at := rapid.Int64Range(0, 5).Draw(t, "start")
		for range rapid.IntRange(0, 30).Draw(t, "snapshots") {
			if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
				list = append(list, base(at))
			}
			next := at + rapid.Int64Range(1, 5).Draw(t, "step")
			list = append(list, delta(max(0, at-rapid.Int64Range(0, 3).Draw(t, "overlap")), next))
			at = next
		}
		keep := rapid.IntRange(1, 3).Draw(t, "keep")
		gone := Obsolete(list, keep)
		kept := slices.DeleteFunc(slices.Clone(list), func(i Info) bool { return slices.Contains(gone, i) })
		if before, after := Best(list, 0), Best(kept, 0); before.To() != after.To() {
			t.Fatalf("led to %d, and to %d without %v", before.To(), after.To(), gone)
		}
		bases := 0
		for _, b := range kept {
			if b.Kind == Base {
				bases++
				if before, after := follow(list, b.To), follow(kept, b.To); before.To() != after.To() {
					t.Fatalf("from %d: led to %d, now to %d", b.To, before.To(), after.To())
				}
			}
		}
		if len(gone) > 0 && bases < keep {
			t.Fatalf("%d bases kept of %d", bases, keep)
		}
	})
}

func TestNames(t *testing.T) {
	for _, text := range []string{"", "p00001/x", "p00001/0000000000000000100.q.0000000000000000000.v1.snap",
		"p00001/0000000000000000100.b.0000000000000000200.v1.snap", "p00001/9999999999999999999.b.0000000000000000000.v1.snap",
		"p00001/.new-123"} {
		if i, ok := parseName(text); ok {
			t.Errorf("%q is taken for %+v", text, i)
		}
	}
}
