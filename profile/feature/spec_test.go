package feature_test

import (
	"strings"
	"testing"

	"portrait/profile/feature"
	"portrait/schemas"
	"portrait/schemas/wire"
)

func TestNewRefuses(t *testing.T) {
	cases := []struct {
		name string
		spec schemas.FeatureSpec
		want string // the field and a word of the remedy
	}{
		{"unknown kind", schemas.FeatureSpec{Kind: "median"}, "kind: unknown \"median\"; use count"},
		{"sum of nothing", schemas.FeatureSpec{Kind: "sum"}, "property: sum needs one; name"},
		{"min of nothing", schemas.FeatureSpec{Kind: "min"}, "property: min needs one"},
		{"max of nothing", schemas.FeatureSpec{Kind: "max"}, "property: max needs one"},
		{"distinct nothing", schemas.FeatureSpec{Kind: "distinct"}, "property: distinct needs one"},
		{"count of a property", schemas.FeatureSpec{Kind: "count", Property: "x"}, "property: count takes none; remove it"},
		{"first day", schemas.FeatureSpec{Kind: "first", Property: "@day", Type: "string"}, "property: @day is for distinct only"},
		{"no type", schemas.FeatureSpec{Kind: "last", Property: "x"}, "needs string, number or bool"},
		{"type of a time", schemas.FeatureSpec{Kind: "last", Type: "bool"}, "type: only first and last"},
		{"both windows", schemas.FeatureSpec{Kind: "count", Window: sec, Days: 2}, "days: a window slides"},
		{"negative window", schemas.FeatureSpec{Kind: "count", Window: -1}, "window: -1 ms; choose"},
		{"long window", schemas.FeatureSpec{Kind: "count", Window: 401 * day}, "to 400 d"},
		{"many days", schemas.FeatureSpec{Kind: "count", Days: 401}, "days: 401; choose 1 to 400"},
		{"bucket alone", schemas.FeatureSpec{Kind: "count", Bucket: sec}, "bucket: there is no window"},
		{"negative bucket", schemas.FeatureSpec{Kind: "count", Window: sec, Bucket: -1}, "bucket: -1 ms"},
		{"uneven bucket", schemas.FeatureSpec{Kind: "count", Window: 10 * sec, Bucket: 3 * sec}, "does not divide"},
		{"many buckets", schemas.FeatureSpec{Kind: "count", Window: 129, Bucket: 1}, "the window has 129; choose a larger"},
		{"odd window", schemas.FeatureSpec{Kind: "count", Window: 7919 * sec / 8}, "set bucket"},
		{"limit of a count", schemas.FeatureSpec{Kind: "count", Limit: 3}, "limit: only distinct"},
		{"large limit", schemas.FeatureSpec{Kind: "distinct", Property: "x", Limit: 10_001}, "choose 1 to 10000"},
		{"unknown comparison", schemas.FeatureSpec{Kind: "count", Where: []schemas.Condition{{Property: "x", Op: "like", Values: []any{"a"}}}}, "where x: like: unknown"},
		{"no value", schemas.FeatureSpec{Kind: "count", Where: []schemas.Condition{{Property: "x", Op: "in"}}}, "name at least one"},
		{"two values", schemas.FeatureSpec{Kind: "count", Where: []schemas.Condition{{Property: "x", Op: "eq", Values: []any{"a", "b"}}}}, "exactly one"},
		{"a float", schemas.FeatureSpec{Kind: "count", Where: []schemas.Condition{{Property: "x", Op: "eq", Values: []any{1.5}}}}, "float64"},
		{"text above", schemas.FeatureSpec{Kind: "count", Where: []schemas.Condition{{Property: "x", Op: "gt", Values: []any{"a"}}}}, "write a number"},
		{"exists maybe", schemas.FeatureSpec{Kind: "count", Where: []schemas.Condition{{Property: "x", Op: "exists", Values: []any{"a"}}}}, "write true or false"},
		{"prefix 5", schemas.FeatureSpec{Kind: "count", Where: []schemas.Condition{{Property: "x", Op: "prefix", Values: []any{schemas.DecimalOne}}}}, "write a text"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.spec.Name = "mine"
			_, err := feature.New(c.spec, loadZone(t, "UTC"))
			if err == nil || !strings.HasPrefix(err.Error(), `feature "mine": `) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if _, err := feature.New(schemas.FeatureSpec{Name: "d", Kind: "count", Days: 1}, nil); err == nil {
		t.Error("days without a zone were accepted")
	}
	if _, err := feature.New(schemas.FeatureSpec{Kind: "count"}, nil); err == nil {
		t.Error("a feature without name was accepted")
	}
}

func TestDefaultBucket(t *testing.T) {
	cases := []struct{ window, want int64 }{
		{1, 1}, {20 * sec, sec}, {30 * sec, sec}, {300 * sec, 10 * sec}, {hour, 120 * sec}, {day, hour},
		{7 * day, 6 * hour}, {30 * day, day}, {31 * day, day}, {90 * day, 3 * day}, {365 * day, 5 * day},
		{7919, 0},
	}
	for _, c := range cases {
		if got := feature.DefaultBucket(c.window); got != c.want {
			t.Errorf("window of %d ms: %d, want %d", c.window, got, c.want)
		}
	}
}

func TestWhere(t *testing.T) {
	d := func(s string) schemas.Decimal {
		v, err := schemas.ParseDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	cases := []struct {
		op     string
		values []any
		holds  string // the properties below it holds for
	}{
		{"eq", []any{"skin"}, "text"},
		{"eq", []any{d("10")}, "ten tenText"},
		{"eq", []any{true}, "yes"},
		{"eq", []any{false}, "no"},
		{"ne", []any{"skin"}, "ten tenText yes no null list missing"},
		{"in", []any{true, d("10"), "skin"}, "text ten tenText yes"},
		{"gt", []any{d("10")}, ""},
		{"gt", []any{d("9.5")}, "ten tenText"},
		{"gte", []any{d("10")}, "ten tenText"},
		{"lt", []any{d("10")}, ""},
		{"lt", []any{d("10.000001")}, "ten tenText"},
		{"lte", []any{d("10")}, "ten tenText"},
		{"exists", []any{true}, "text ten tenText yes no list"},
		{"exists", []any{false}, "null missing"},
		{"prefix", []any{"sk"}, "text"},
		{"prefix", []any{"1"}, "tenText"},
	}
	props := map[string]wire.Prop{
		"text": {Key: "p", Kind: wire.PropString, Text: "skin"}, "ten": {Key: "p", Kind: wire.PropNumber, Text: "10.0"},
		"tenText": {Key: "p", Kind: wire.PropString, Text: "10"}, "yes": {Key: "p", Kind: wire.PropBool, Text: "true"},
		"no": {Key: "p", Kind: wire.PropBool, Text: "false"}, "null": {Key: "p", Kind: wire.PropNull},
		"list": {Key: "p", Kind: wire.PropJSON, Text: "[10]"}, "missing": {Key: "q", Kind: wire.PropString, Text: "skin"},
	}
	for _, c := range cases {
		f, err := feature.New(schemas.FeatureSpec{
			Name: "f", Kind: "count", Events: []string{"viewed", "added"},
			Where: []schemas.Condition{{Property: "p", Op: c.op, Values: c.values}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, p := range props {
			want := strings.Contains(" "+c.holds+" ", " "+name+" ")
			if got := f.Matches(&wire.Event{Name: "added", Props: []wire.Prop{p}}); got != want {
				t.Errorf("%s %v on %s: %v", c.op, c.values, name, got)
			}
			if f.Matches(&wire.Event{Name: "paid", Props: []wire.Prop{p}}) {
				t.Error("matches an event of another name")
			}
		}
	}
}

// TestHash: states of another definition are worthless, those of another name are not.
func TestHash(t *testing.T) {
	base := schemas.FeatureSpec{Name: "a", Kind: "distinct", Property: "city", Events: []string{"x", "y"}, Window: day}
	hash := func(zone string, change func(*schemas.FeatureSpec)) uint64 {
		spec := base
		change(&spec)
		f, err := feature.New(spec, loadZone(t, zone))
		if err != nil {
			t.Fatal(err)
		}
		return f.Hash
	}
	want := hash("UTC", func(*schemas.FeatureSpec) {})
	same := map[string]func(*schemas.FeatureSpec){
		"name":             func(s *schemas.FeatureSpec) { s.Name = "b" },
		"description":      func(s *schemas.FeatureSpec) { s.Description = "b" },
		"default bucket":   func(s *schemas.FeatureSpec) { s.Bucket = hour },
		"default limit":    func(s *schemas.FeatureSpec) { s.Limit = 64 },
		"order of events":  func(s *schemas.FeatureSpec) { s.Events = []string{"y", "x", "x"} },
		"place in catalog": func(s *schemas.FeatureSpec) { s.At.Line = 7 },
	}
	for name, change := range same {
		if hash("Asia/Shanghai", change) != want {
			t.Errorf("%s changes the hash", name)
		}
	}
	seen := map[uint64]string{want: "base"}
	other := map[string]func(*schemas.FeatureSpec){
		"property": func(s *schemas.FeatureSpec) { s.Property = "town" },
		"events":   func(s *schemas.FeatureSpec) { s.Events = []string{"x"} },
		"all":      func(s *schemas.FeatureSpec) { s.Events = nil },
		"window":   func(s *schemas.FeatureSpec) { s.Window = 2 * day },
		"bucket":   func(s *schemas.FeatureSpec) { s.Bucket = 2 * hour },
		"days":     func(s *schemas.FeatureSpec) { s.Window, s.Days = 0, 1 },
		"limit":    func(s *schemas.FeatureSpec) { s.Limit = 3 },
		"where": func(s *schemas.FeatureSpec) {
			s.Where = []schemas.Condition{{Property: "p", Op: "eq", Values: []any{"1"}}}
		},
		"where's type": func(s *schemas.FeatureSpec) {
			s.Where = []schemas.Condition{{Property: "p", Op: "eq", Values: []any{schemas.DecimalOne}}}
		},
	}
	for name, change := range other {
		h := hash("UTC", change)
		if was, double := seen[h]; double {
			t.Errorf("%s has the hash of %s", name, was)
		}
		seen[h] = name
	}
	days := func(s *schemas.FeatureSpec) { s.Window, s.Days = 0, 1 }
	if hash("UTC", days) == hash("Asia/Shanghai", days) {
		t.Error("calendar days of two zones have one hash")
	}
}
