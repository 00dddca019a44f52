package tag

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"portrait/schemas/wire"
)

// TestSelectionLosesNothing draws catalogues with all kinds of conditions and events with and without their
// properties: the features selected hold all that match, ascending, each once.
func TestSelectionLosesNothing(t *testing.T) {
	conditions := []string{"category: a", "category: b", "category: {in: [a, c]}", "category: {in: [b, 3]}",
		"category: {ne: a}", "category: {prefix: a}", "category: 3", "city: a", "city: b", "category: {exists: false}", "vip: true", "category: b, city: a"}
	values := []wire.Prop{{Kind: wire.PropNull}, {Kind: wire.PropString, Text: "a"}, {Kind: wire.PropString, Text: "b"},
		{Kind: wire.PropString, Text: "c"}, {Kind: wire.PropString, Text: "d"}, {Kind: wire.PropString, Text: "3"},
		{Kind: wire.PropNumber, Text: "3"}, {Kind: wire.PropBool, Text: "true"}}
	narrower := 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var yaml strings.Builder
		yaml.WriteString("name: drawn\nfeatures:\n")
		for i := range 1 + r.IntN(12) {
			event := []string{", event: \"*\"", ", event: seen", ", event: paid"}[r.IntN(3)]
			where := ""
			if r.IntN(4) > 0 {
				where = ", where: {" + conditions[r.IntN(len(conditions))] + "}"
			}
			fmt.Fprintf(&yaml, "  f%02d: {kind: count%s%s}\n", i, event, where)
		}
		c := mustCompile(t, yaml.String())
		for range 50 {
			ev := &wire.Event{Name: []string{"seen", "paid", "other"}[r.IntN(3)]}
			for _, key := range []string{"category", "city", "vip"} { // ascending, as a decoder leaves them
				if r.IntN(4) > 0 {
					p := values[r.IntN(len(values))]
					p.Key = key
					ev.Props = append(ev.Props, p)
				}
			}
			list := c.FeaturesFor(ev)
			if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
				t.Fatalf("seed %d: %v is not ascending, each once", seed, list)
			}
			if len(list) < len(c.Features) {
				narrower++
			}
			for i, f := range c.Features {
				if selected := slices.Contains(list, i); f.Matches(ev) && !selected || selected && f.Matches(ev) != f.Holds(ev) {
					t.Fatalf("seed %d: feature %s matches %v of %+v, selected %v of\n%s", seed, f.Name, f.Matches(ev), ev, selected, yaml.String())
				}
			}
		}
	}
	if narrower == 0 {
		t.Error("nothing was ever ruled out")
	}
}

// TestSelectionBounded: a list per text, each with every other feature, would be as large as their product.
func TestSelectionBounded(t *testing.T) {
	var yaml strings.Builder
	yaml.WriteString("name: wide\nfeatures:\n")
	for i := range 250 {
		fmt.Fprintf(&yaml, "  n%03d: {kind: count, event: \"*\"}\n  c%03d: {kind: count, event: \"*\", where: {category: {in: [", i, i)
		for k := range 20 {
			fmt.Fprintf(&yaml, "x%d_%d, ", i, k)
		}
		yaml.WriteString("z]}}}\n")
	}
	c := mustCompile(t, yaml.String())
	ev := &wire.Event{Name: "seen", Props: []wire.Prop{{Key: "category", Kind: wire.PropString, Text: "x7_3"}}}
	if got := len(c.FeaturesFor(ev)); got != 500 {
		t.Errorf("%d of 500 features: %d lists of 250 and more", got, len(c.always.byText))
	}
}
