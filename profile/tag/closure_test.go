package tag

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"portrait/profile/feature"
	"portrait/schemas"
)

// agree holds each closure of a tag against cel-go: the same answer, or none from both.
func agree(t *testing.T, tag *Tag, in Inputs) {
	t.Helper()
	for i := range tag.cases {
		c := &tag.cases[i]
		if c.holds == nil {
			continue
		}
		want, err := tag.ask(c, in)
		got, ok := c.holds(in)
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("tag %s, rule %d: the closure says %v (%v), cel-go %v (%v)", tag.Name, i+1, got, ok, want, err)
		}
	}
}

// ruleMaker writes random rules of the shapes that closures know.
type ruleMaker struct{ r *rand.Rand }

func (m *ruleMaker) one(of ...string) string { return of[m.r.IntN(len(of))] }

func (m *ruleMaker) truth(depth int) string {
	if depth == 0 {
		return m.one("gift", "true", "false", "!gift", "gift == true", "gift != (orders > 1)")
	}
	switch m.r.IntN(9) {
	case 0:
		return fmt.Sprintf("(%s && %s)", m.truth(depth-1), m.truth(depth-1))
	case 1:
		return fmt.Sprintf("(%s || %s)", m.truth(depth-1), m.truth(depth-1))
	case 2:
		return "!(" + m.truth(depth-1) + ")"
	case 3:
		return fmt.Sprintf("(%s ? %s : %s)", m.truth(depth-1), m.truth(depth-1), m.truth(depth-1))
	case 4:
		return fmt.Sprintf("%s %s %s", m.int(depth), m.order(), m.int(depth))
	case 5:
		return fmt.Sprintf("paid %s %s", m.order(), m.one("0.0", "-1.5", "99.99", "1e300", "5000", "-3", "0"))
	case 6:
		return fmt.Sprintf("since_paid %s %s", m.one("<", "<=", ">", ">="), m.one("days(30)", "duration('1s')", "duration('1.5s')", "days(106751)", "days(-1)"))
	case 7:
		return fmt.Sprintf("first_paid %s %s", m.order(), m.one("first_paid", "timestamp('2026-01-01T00:00:00Z')", "timestamp('2026-01-01T00:00:00.000001Z')"))
	default:
		return m.one("city == 'a'", "city != ''", "city < 'b'", "city in ['a', '上海']", "orders in [1, 2]", "'a' >= city", "size(city) > 1")
	}
}

func (m *ruleMaker) order() string { return m.one("<", "<=", ">", ">=", "==", "!=") }

func (m *ruleMaker) int(depth int) string {
	if depth == 0 {
		return m.one("orders", "views", "0", "1", "-1", "9223372036854775807", "-9223372036854775808", "size(identifiers.phone)", "size(identifiers['openid'])", "size(city)")
	}
	return fmt.Sprintf("(%s %s %s)", m.int(depth-1), m.one("+", "-", "*", "/", "%"), m.int(depth-1))
}

func (m *ruleMaker) inputs(c *Catalog) *inputs {
	ints := []int64{0, 1, 2, -1, 7, math.MaxInt64, math.MinInt64, 5_000_000_000, 99_990_000}
	pick := func() int64 { return ints[m.r.IntN(len(ints))] }
	in := &inputs{catalog: c, identifiers: map[string][]string{"phone": {"a", "b"}}, values: map[string]feature.Value{}}
	for i, f := range c.Features {
		v := feature.Value{Kind: c.Features[i].Type(), Int: pick()}
		switch v.Kind {
		case feature.KindText:
			v.Int, v.Text = 0, m.one("", "a", "上海", "b")
		case feature.KindBool:
			v.Int &= 1
		case feature.KindDuration:
			v.Int = m.r.Int64N(int64(40*day)) / 1_000_000 // recencies are never negative
			v.Absent = m.r.IntN(5) == 0
		case feature.KindTime:
			v.Int = 1_767_225_600_000 + m.r.Int64N(3) - 1
		}
		if m.r.IntN(4) > 0 {
			in.values[f.Name] = v
		}
	}
	return in
}

// TestClosuresAgree compares thousands of random rules with cel-go.
func TestClosuresAgree(t *testing.T) {
	spec, err := schemas.ParseCatalog([]byte(example + "  t: {when: gift}\n"))
	if err != nil {
		t.Fatal(err)
	}
	dep := schemas.DefaultDeployment()
	closures := 0
	for seed := range uint64(1500) {
		m := &ruleMaker{rand.New(rand.NewPCG(seed, 1))}
		rule := m.truth(1 + m.r.IntN(3))
		spec.Tags[0].When = rule
		c, err := Compile(spec, 1, &dep)
		if err != nil {
			continue // a literal out of range, too costly
		}
		if c.Tags[0].cases[0].holds != nil {
			closures++
		}
		t.Run(rule, func(t *testing.T) {
			for range 20 {
				agree(t, c.Tags[0], m.inputs(c))
			}
		})
	}
	if closures < 1000 {
		t.Fatalf("only %d of 1500 rules became closures", closures)
	}
}

// TestShippedRulesAreClosures: what we ship must be fast.
func TestShippedRulesAreClosures(t *testing.T) {
	for _, name := range []string{"private-domain", "demo", "online-retail"} {
		yaml, err := schemas.ShippedCatalog(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range mustCompile(t, string(yaml)).Tags {
			for i := range tag.cases {
				if tag.cases[i].holds == nil {
					t.Errorf("%s: tag %s, rule %d is left to cel-go", name, tag.Name, i+1)
				}
			}
		}
	}
}
