package tag

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"portrait/profile/feature"
	"portrait/schemas"
)

func number(n int64) feature.Value { return feature.Value{Kind: feature.KindInt, Int: n} }

func amount(text string) feature.Value {
	d, err := schemas.ParseDecimal(text)
	if err != nil {
		panic(err) // a mistake in the test itself
	}
	return feature.Value{Kind: feature.KindAmount, Int: int64(d)}
}

func age(d time.Duration) feature.Value {
	return feature.Value{Kind: feature.KindDuration, Int: d.Milliseconds()}
}

func TestEval(t *testing.T) {
	const oneDay = 24 * time.Hour
	type values = map[string]feature.Value
	type ids = map[string][]string
	tests := []struct {
		name, rule  string
		values      values
		identifiers ids
		want        bool
	}{
		{"count holds", "orders > 1", values{"orders": number(2)}, nil, true},
		{"count does not hold", "orders > 1", values{"orders": number(1)}, nil, false},
		{"count of nothing", "orders == 0", nil, nil, true},
		{"sum at the limit", "paid >= 5000.0", values{"paid": amount("5000")}, nil, true},
		{"sum one micro below", "paid >= 5000.0", values{"paid": amount("4999.999999")}, nil, false},
		{"sum with a tenth", "paid == 0.1", values{"paid": amount("0.1")}, nil, true},
		{"sum and an int", "paid >= 5000", values{"paid": amount("5000.000001")}, nil, true},
		{"sum of nothing", "paid == 0.0", nil, nil, true},
		{"text", "city == '上海'", values{"city": {Kind: feature.KindText, Text: "上海"}}, nil, true},
		{"text of nothing", "city == ''", nil, nil, true},
		{"text in a list", "city in ['a', 'b']", values{"city": {Kind: feature.KindText, Text: "b"}}, nil, true},
		{"bool", "gift", values{"gift": {Kind: feature.KindBool, Int: 1}}, nil, true},
		{"bool of nothing", "!gift", nil, nil, true},
		{"time", "first_paid < timestamp('2026-01-01T00:00:00Z')", values{"first_paid": {Kind: feature.KindTime, Int: time.Date(2025, 12, 31, 23, 59, 59, 999e6, time.UTC).UnixMilli()}}, nil, true},
		{"time of nothing", "first_paid == timestamp('1970-01-01T00:00:00Z')", nil, nil, true},
		{"hour elsewhere", "first_paid.getHours('+08:00') == 1 && first_paid.getHours() == 17", values{"first_paid": {Kind: feature.KindTime, Int: time.Date(2025, 12, 31, 17, 0, 0, 0, time.UTC).UnixMilli()}}, nil, true},

		{"age below", "since_paid > days(30)", values{"since_paid": age(30 * oneDay)}, nil, false},
		{"age above", "since_paid > days(30)", values{"since_paid": age(30*oneDay + time.Millisecond)}, nil, true},
		{"age at", "since_paid >= days(30)", values{"since_paid": age(30 * oneDay)}, nil, true},
		{"age reversed", "days(30) < since_paid", values{"since_paid": age(31 * oneDay)}, nil, true},
		{"age never", "since_paid > days(36499)", nil, nil, true},
		{"age never is 100 years", "since_paid >= days(36500) && since_paid <= days(36500)", nil, nil, true},
		{"age never, zero as given", "since_paid > days(1)", values{"since_paid": {Kind: feature.KindDuration, Absent: true}}, nil, true},
		{"age beyond a duration", "since_paid > days(106751)", values{"since_paid": {Kind: feature.KindDuration, Int: math.MaxInt64}}, nil, true},
		{"never paid is not dormant", "orders > 0 && since_paid > days(30)", nil, nil, false},

		{"identifiers there", "size(identifiers.phone) == 2", nil, ids{"phone": {"a", "b"}}, true},
		{"identifiers none", "size(identifiers.phone) == 0", nil, ids{"openid": {"a"}}, true},
		{"identifiers by index", "identifiers['openid'][0] == 'a'", nil, ids{"openid": {"a", "b"}}, true},
		{"identifiers in order", "identifiers.openid == ['a', 'b']", nil, ids{"openid": {"a", "b"}}, true},
		{"identifier in", "'b' in identifiers.openid", nil, ids{"openid": {"a", "b"}}, true},
		{"identifiers all", "identifiers.openid.all(o, o.startsWith('a'))", nil, ids{"openid": {"ab", "ac"}}, true},
		{"identifiers filtered", "identifiers.openid.filter(o, o != 'a').map(o, size(o)) == [2]", nil, ids{"openid": {"a", "bb"}}, true},

		{"error not reached", "gift || 1 / orders > 0", values{"gift": {Kind: feature.KindBool, Int: 1}}, nil, true},
		{"error on the other side", "1 / orders > 0 || gift", values{"gift": {Kind: feature.KindBool, Int: 1}}, nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := mustCompile(t, example+"  t: {when: \""+test.rule+"\"}\n")
			in := &inputs{values: test.values, identifiers: test.identifiers, catalog: c}
			agree(t, c.Tags[0], in)
			got, err := c.Tags[0].Eval(in)
			if want := map[bool]string{true: "true", false: ""}[test.want]; err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
			for _, name := range in.asked {
				if !slices.Contains(c.Tags[0].Reads, c.feature(t, name)) {
					t.Errorf("%s was read, and is not in the index", name)
				}
			}
		})
	}
}

func TestEvalErrors(t *testing.T) {
	for _, test := range []struct{ name, rule, want string }{
		{"division by zero", "1 / orders > 0", "tag t, rule 1: division by zero"},
		{"modulus by zero", "1 % orders > 0", "tag t, rule 1: modulus by zero"},
		{"index out of range", "identifiers.phone[0] == 'a'", "tag t, rule 1: index out of bounds: 0"},
		{"integer overflow", "orders + 9223372036854775807 - (0 - 1) > 0", "tag t, rule 1: integer overflow"},
		{"no number", "int(city) > 0", "tag t, rule 1: type conversion error from 'string' to 'int'"},
		{"days", "first_paid + days(orders + 200000) > first_paid", "tag t, rule 1: days(200000) is more than 106751 days"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := mustCompile(t, example+"  t: {when: \""+test.rule+"\"}\n")
			got, err := c.Tags[0].Eval(&inputs{catalog: c})
			if got != "" || err == nil || err.Error() != test.want {
				t.Errorf("got %q, %v; want the error %s", got, err, test.want)
			}
		})
	}
}

func TestEvalEnum(t *testing.T) {
	const cases = `  t:
    enum: [potential, new, repeat, dormant]
    cases:
      - {value: dormant, when: "orders > 0 && since_paid > days(30)"}
      - {value: repeat, when: "orders > 1"}
      - {value: new, when: "10 / orders > 0"}
`
	withDefault := mustCompile(t, example+cases+"    default: potential\n")
	without := mustCompile(t, example+"  t:\n    enum: [a]\n    cases: [{value: a, when: gift}]\n")
	old := age(40 * 24 * time.Hour)
	for _, test := range []struct {
		name    string
		catalog *Catalog
		values  map[string]feature.Value
		want    string
		fails   bool
	}{
		{"first case", withDefault, map[string]feature.Value{"orders": number(2), "since_paid": old}, "dormant", false},
		{"second case", withDefault, map[string]feature.Value{"orders": number(2), "since_paid": age(0)}, "repeat", false},
		{"third case", withDefault, map[string]feature.Value{"orders": number(1), "since_paid": age(0)}, "new", false},
		{"default", withDefault, map[string]feature.Value{"orders": number(-1), "since_paid": age(0)}, "potential", false},
		{"a case fails", withDefault, nil, "", true},
		{"no default", without, nil, "", false},
		{"no default, a case", without, map[string]feature.Value{"gift": {Kind: feature.KindBool, Int: 1}}, "a", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.catalog.Tags[0].Eval(&inputs{values: test.values, catalog: test.catalog})
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("got %q, %v; want %q, error %v", got, err, test.want, test.fails)
			}
		})
	}
	if tag := withDefault.Tags[0]; !slices.Equal(tag.Enum, []string{"potential", "new", "repeat", "dormant"}) || tag.Default != "potential" {
		t.Errorf("enum %v, default %q", tag.Enum, tag.Default)
	}
}

// typical are rules as catalogues have them.
const typical = `
  amount:   {when: "paid >= 5000.0"}
  absence:  {when: "orders > 0 && since_paid > days(30)"}
  people:   {when: "size(identifiers.phone) > 1"}
  stage:
    enum: [a, b, c]
    cases:
      - {value: c, when: "orders > 5 && paid > 100.0"}
      - {value: b, when: "orders > 1"}
    default: a
`

// fixed answers at once, so that a benchmark measures the rule.
type fixed struct {
	values []feature.Value
	phones []string
}

func (f *fixed) Feature(i int) feature.Value { return f.values[i] }

func (f *fixed) Identifiers(string) []string { return f.phones }

func (f *fixed) IdentifierCount(string) int { return len(f.phones) }

func BenchmarkEval(b *testing.B) {
	c := mustCompile(b, example+typical)
	in := &fixed{phones: []string{"a", "b"}}
	for i := range c.Features {
		v := c.Features[i].Value(nil, 0)
		if v.Kind != feature.KindText {
			v.Int, v.Absent = 3_000_000_000, false
		}
		in.values = append(in.values, v)
	}
	for _, tag := range c.Tags {
		b.Run(tag.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tag.Eval(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCompile is what every partition pays when a catalogue is activated.
func BenchmarkCompile(b *testing.B) {
	text := example
	for i := range 100 {
		text += fmt.Sprintf("  t%d: {when: \"orders > %d && since_paid > days(30)\"}\n", i, i)
	}
	spec, err := schemas.ParseCatalog([]byte(text))
	if err != nil {
		b.Fatal(err)
	}
	dep := schemas.DefaultDeployment()
	for b.Loop() {
		if _, err := Compile(spec, 1, &dep); err != nil {
			b.Fatal(err)
		}
	}
}

// TestEvalConcurrently shares one catalogue among goroutines, as partitions do; it is for -race.
func TestEvalConcurrently(t *testing.T) {
	c := mustCompile(t, example+typical)
	stages := []string{"a", "a", "b", "b"} // by orders
	var wait sync.WaitGroup
	for n := range int64(4) {
		wait.Go(func() {
			for range 200 {
				in := &inputs{catalog: c, values: map[string]feature.Value{"orders": number(n), "paid": amount("101")}}
				for _, tag := range c.Tags {
					got, err := tag.Eval(in)
					if err != nil || tag.Name == "stage" && got != stages[n] {
						t.Errorf("%s of %d orders: %q, %v", tag.Name, n, got, err)
					}
				}
			}
		})
	}
	wait.Wait()
}
