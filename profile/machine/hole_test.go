package machine_test

import (
	"fmt"
	"strings"
	"testing"

	"portrait/profile/machine"
	"portrait/schemas/wire"
)

// TestHoles sees offsets without an event become facts, each once: a hole said again is dropped by its number, and of one
// that reaches back over what was told (its log lost its tail and grew again) only the rest counts.
func TestHoles(t *testing.T) {
	c := newCluster(t, 1, 1, "", nil)
	c.rest()
	var got []string
	for _, h := range [][2]int64{{0, 2}, {4, 6}, {4, 6}, {5, 9}, {8, 9}, {20, 29}} {
		hole := &wire.Hole{At: wire.Position{Offset: h[1]}, Offsets: h[1] - h[0] + 1}
		c.append(0, &wire.InboxRecord{Source: wire.FromRouter, Routed: []wire.Routed{{Stamp: c.clock, Hole: hole}}})
		b, out := c.members[0], machine.NewEffects(1)
		if err := b.m.Apply(b.next, b.log[b.next], out); err != nil {
			t.Fatal(err)
		}
		b.next++
		for _, f := range out.Facts {
			got = append(got, fmt.Sprintf("%d-%d", f.Hole.First(), f.Hole.At.Offset))
		}
		if len(out.Dead) > 0 {
			t.Errorf("a hole has %d dead letters", len(out.Dead))
		}
	}
	if want := "0-2 4-6 7-9 20-29"; strings.Join(got, " ") != want {
		t.Errorf("facts of %v, want %s", got, want)
	}
	if c.members[0].m.Counters.Repeats != 2 {
		t.Errorf("%d repeats", c.members[0].m.Counters.Repeats)
	}
}
