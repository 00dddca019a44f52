package tag

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portrait/profile/feature"
)

// constant is a duration in ms and a way to write it in CEL.
type constant struct {
	ms   int64
	text string
}

// drawConstant draws one of the forms in which a rule may write a duration.
func drawConstant(t *rapid.T) constant {
	n := rapid.Int64Range(-40, 4000).Draw(t, "n")
	hours := n * int64(time.Hour/time.Millisecond)
	switch rapid.IntRange(0, 6).Draw(t, "form") {
	case 0:
		return constant{24 * hours, fmt.Sprintf("days(%d)", n)}
	case 1:
		return constant{hours, fmt.Sprintf("duration('%dh')", n)}
	case 2:
		return constant{-24 * hours, fmt.Sprintf("days(-(%d))", n)}
	case 3:
		return constant{n, fmt.Sprintf("duration('%dms')", n)}
	case 4:
		return constant{24*hours + 1500, fmt.Sprintf("(days(%d) + duration('1.5s'))", n)}
	case 5:
		return constant{24 * 7 * hours, fmt.Sprintf("days(%d * 7)", n)}
	}
	return constant{hours - 1, fmt.Sprintf("(duration('%dh') - duration('1ms'))", n)}
}

// beyond is how much more than its constant an age is, in ms, when a comparison changes; mirrored is the same one from the
// other side.
var (
	beyond   = map[string]int64{"<": 0, ">=": 0, "<=": 1, ">": 1}
	mirrored = map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<="}
)

// TestCutsAreAllConstants checks that the cuts of a recency are exactly those of the constants that some rule compares it
// with, whatever way they are written, and nothing that no age goes through.
func TestCutsAreAllConstants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string][]int64{"seen": nil, "since_paid": nil}
		var parts []string
		for range rapid.IntRange(1, 6).Draw(t, "comparisons") {
			name := rapid.SampledFrom([]string{"seen", "since_paid"}).Draw(t, "feature")
			op := rapid.SampledFrom([]string{"<", "<=", ">", ">="}).Draw(t, "op")
			c := drawConstant(t)
			part := name + " " + op + " " + c.text
			if rapid.Bool().Draw(t, "reversed") {
				part = c.text + " " + mirrored[op] + " " + name
			}
			if rapid.Bool().Draw(t, "negated") {
				part = "!(" + part + ")"
			}
			parts = append(parts, part)
			if cut := c.ms + beyond[op]; cut > 0 {
				want[name] = append(want[name], cut)
			}
		}
		join := rapid.SampledFrom([]string{" && ", " || ", " == "}).Draw(t, "join")
		if join == " == " {
			for i := range parts {
				parts[i] = "(" + parts[i] + ")"
			}
		}
		rule := strings.Join(parts, join)
		c, err := compileRule(rule)
		if err != nil {
			t.Fatalf("%s:\n%v", rule, err)
		}
		for name, list := range want {
			slices.Sort(list)
			i := slices.IndexFunc(c.Features, func(f *feature.Feature) bool { return f.Name == name })
			if got := c.Cuts(i); !slices.Equal(got, slices.Compact(list)) {
				t.Fatalf("%s: cuts of %s are %v, want %v", rule, name, got, list)
			}
		}
	})
}

// TestRulesChangeAtCutsOnly walks ages around every cut: the rule's answer must change there and nowhere else, or a timer
// would be missing, or fire in vain.
func TestRulesChangeAtCutsOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := rapid.SampledFrom([]string{"<", "<=", ">", ">="}).Draw(t, "op")
		ns := rapid.Int64Range(-5_000_000, 20_000_000).Draw(t, "ns")
		rule := fmt.Sprintf("since_paid %s duration('%dns')", op, ns)
		if rapid.Bool().Draw(t, "reversed") {
			rule = fmt.Sprintf("duration('%dns') %s since_paid", ns, op)
		}
		c, err := compileRule(rule)
		if err != nil {
			t.Fatalf("%s:\n%v", rule, err)
		}
		i := slices.IndexFunc(c.Features, func(f *feature.Feature) bool { return f.Name == "since_paid" })
		in := &inputs{catalog: c, values: map[string]feature.Value{}}
		before := ""
		for ms := int64(0); ms < 25; ms++ {
			in.values["since_paid"] = feature.Value{Kind: feature.KindDuration, Int: ms}
			now, err := c.Tags[0].Eval(in)
			if err != nil {
				t.Fatal(err)
			}
			if ms > 0 && now != before != slices.Contains(c.Cuts(i), ms) {
				t.Fatalf("%s at %d ms: %v, was %v; cuts are %v", rule, ms, now, before, c.Cuts(i))
			}
			before = now
		}
	})
}
