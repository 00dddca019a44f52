package feature_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"portrait/profile/feature"
	"portrait/schemas"
	"portrait/schemas/wire"
)

const (
	ms   int64 = 1
	sec        = 1000 * ms
	hour       = 3600 * sec
	day        = 24 * hour
)

// scope is a way to look at time, with the step at which its value may change and how far a test has
// to look to see everything leave.
type scope struct {
	name   string
	window int64
	bucket int64
	days   int
	zone   string
	step   int64
	reach  int64
}

var scopes = []scope{
	{name: "total", zone: "UTC", step: 1, reach: 40},
	{name: "window of 1 bucket", window: 7, bucket: 7, zone: "UTC", step: 1, reach: 40},
	{name: "window of 5 buckets", window: 50, bucket: 10, zone: "UTC", step: 1, reach: 130},
	{name: "window of 40 buckets", window: 120, bucket: 3, zone: "UTC", step: 1, reach: 260},
	{name: "today", days: 1, zone: "Asia/Shanghai", step: 15 * 60 * sec, reach: 3 * day},
	{name: "4 days with summer time", days: 4, zone: "Europe/Berlin", step: 15 * 60 * sec, reach: 6 * day},
	{name: "3 days off the hour", days: 3, zone: "Asia/Kathmandu", step: 15 * 60 * sec, reach: 5 * day},
}

// kinds are all kinds of features; scopes multiply them.
var kinds = []schemas.FeatureSpec{
	{Kind: "count"},
	{Kind: "sum", Property: "amount"},
	{Kind: "min", Property: "amount"},
	{Kind: "max", Property: "amount"},
	{Kind: "distinct", Property: "city", Limit: 3},
	{Kind: "distinct", Property: "amount"},
	{Kind: "distinct", Property: "@day", Limit: 2},
	{Kind: "recency"},
	{Kind: "first"},
	{Kind: "last"},
	{Kind: "first", Property: "city", Type: "string"},
	{Kind: "last", Property: "city", Type: "string"},
	{Kind: "first", Property: "amount", Type: "number"},
	{Kind: "last", Property: "amount", Type: "number"},
	{Kind: "first", Property: "member", Type: "bool"},
	{Kind: "last", Property: "member", Type: "bool"},
}

// subject is a feature under test with what it was made of.
type subject struct {
	*feature.Feature
	spec  schemas.FeatureSpec
	scope scope
}

// forEach runs a test for every kind in every scope.
func forEach(t *testing.T, test func(t *testing.T, s subject)) {
	for _, sc := range scopes {
		zone, err := feature.LoadZone(sc.zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range kinds {
			spec.Window, spec.Bucket, spec.Days = sc.window, sc.bucket, sc.days
			spec.Name = fmt.Sprintf("%s %s%s %s", spec.Kind, spec.Property, spec.Type, sc.name)
			f, err := feature.New(spec, zone)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(spec.Name, func(t *testing.T) { test(t, subject{f, spec, sc}) })
		}
	}
}

// origins are the instants around which events happen: before 1970, over it, over a change to summer
// time, over a leap day, in 2100.
var origins = []int64{
	-86_400_007, -20, 1_301_187_600_000 - 90*60*sec, 1_709_164_800_000 - 20, 4_107_542_400_000 - 30,
}

var texts = []string{"Paris", "Lyon", "上海", "", "Nice", "Lille", "5", "5.0", longText(255), longText(257), longText(400)}

// longText ends in characters of three bytes, so that cutting it must look where they begin.
func longText(n int) string {
	b := make([]byte, 0, n+3)
	for i := 0; len(b) < n; i++ {
		b = append(b, "界"...)
	}
	return "x" + string(b)
}

// drawEvents draws up to n events around one origin, often at the same time and with the same id.
func drawEvents(t *rapid.T, sc scope, n int) []*wire.Event {
	origin := rapid.SampledFrom(origins).Draw(t, "origin")
	span := sc.reach
	if rapid.Bool().Draw(t, "narrow") {
		span = sc.reach / 8
	}
	one := rapid.Custom(func(t *rapid.T) *wire.Event {
		at := origin + rapid.Int64Range(0, span/sc.step).Draw(t, "steps")*sc.step
		if rapid.IntRange(0, 2).Draw(t, "edge") == 0 {
			at--
		}
		ev := &wire.Event{
			Time: at, Kafka: at, Name: "order_paid",
			ID: fmt.Sprint("e", rapid.IntRange(0, 30).Draw(t, "id")),
		}
		ev.Props = drawProps(t)
		return ev
	})
	return rapid.SliceOfN(one, 0, n).Draw(t, "events")
}

func drawProps(t *rapid.T) []wire.Prop {
	var list []wire.Prop
	amount := rapid.SampledFrom([]string{"", "0", "-3", "5", "5.0", "12.25", "0.000001", "999999999999.999999", "-999999999999.999999"})
	if a := amount.Draw(t, "amount"); a != "" {
		list = append(list, wire.Prop{Key: "amount", Kind: wire.PropNumber, Text: a})
	} else if rapid.Bool().Draw(t, "odd amount") {
		list = append(list, rapid.SampledFrom([]wire.Prop{
			{Key: "amount", Kind: wire.PropString, Text: "7.5"},
			{Key: "amount", Kind: wire.PropString, Text: "free"},
			{Key: "amount", Kind: wire.PropNumber, Text: "1e300"},
			{Key: "amount", Kind: wire.PropNull},
			{Key: "amount", Kind: wire.PropBool, Text: "true"},
			{Key: "amount", Kind: wire.PropJSON, Text: "[1]"},
		}).Draw(t, "odd"))
	}
	if rapid.IntRange(0, 9).Draw(t, "has city") > 0 {
		list = append(list, wire.Prop{Key: "city", Kind: wire.PropString, Text: rapid.SampledFrom(texts).Draw(t, "city")})
	}
	switch rapid.IntRange(0, 3).Draw(t, "member") {
	case 0:
		list = append(list, wire.Prop{Key: "member", Kind: wire.PropBool, Text: "true"})
	case 1:
		list = append(list, wire.Prop{Key: "member", Kind: wire.PropBool, Text: "false"})
	case 2:
		list = append(list, wire.Prop{Key: "member", Kind: wire.PropString, Text: "true"})
	}
	slices.SortFunc(list, func(a, b wire.Prop) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// fold returns the state of the events in their order.
func fold(f *feature.Feature, events []*wire.Event) []byte {
	var state []byte
	for _, ev := range events {
		if f.Matches(ev) {
			state = f.Update(state, ev)
		}
	}
	return state
}

// drawNow draws an instant around the events.
func drawNow(t *rapid.T, sc scope, events []*wire.Event) int64 {
	origin := int64(0)
	if len(events) > 0 {
		origin = events[0].Time
	}
	return origin + rapid.Int64Range(-sc.reach/sc.step, 2*sc.reach/sc.step).Draw(t, "now")*sc.step
}
