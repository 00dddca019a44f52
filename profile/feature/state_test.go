package feature_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"testing"

	"portrait/profile/feature"
	"portrait/schemas"
	"portrait/schemas/wire"
)

func compile(t testing.TB, spec schemas.FeatureSpec) *feature.Feature {
	t.Helper()
	spec.Name = spec.Kind
	f, err := feature.New(spec, loadZone(t, "Asia/Shanghai"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func paid(at int64, id, amount, city string) *wire.Event {
	return &wire.Event{Time: at, ID: id, Name: "order_paid", Props: []wire.Prop{
		{Key: "amount", Kind: wire.PropNumber, Text: amount}, {Key: "city", Kind: wire.PropString, Text: city},
		{Key: "member", Kind: wire.PropBool, Text: "true"},
	}}
}

func TestValueJSON(t *testing.T) {
	cases := []struct {
		value feature.Value
		want  string
	}{
		{feature.Value{Kind: feature.KindInt, Int: -3}, "-3"},
		{feature.Value{Kind: feature.KindAmount, Int: 77_183_600_000}, "77183.6"},
		{feature.Value{Kind: feature.KindAmount, Int: math.MinInt64}, "-9223372036854.775808"},
		{feature.Value{Kind: feature.KindText, Text: "a\"<上>\n"}, `"a\"<上>\n"`},
		{feature.Value{Kind: feature.KindText}, `""`},
		{feature.Value{Kind: feature.KindBool, Int: 1}, "true"},
		{feature.Value{Kind: feature.KindBool}, "false"},
		{feature.Value{Kind: feature.KindTime, Int: -1}, `"1969-12-31T23:59:59.999Z"`},
		{feature.Value{Kind: feature.KindTime, Int: 4_107_542_400_000}, `"2100-03-01T00:00:00.000Z"`},
		{feature.Value{Kind: feature.KindDuration, Int: 1500}, "1.5"},
		{feature.Value{Kind: feature.KindDuration, Int: 60_000}, "60"},
		{feature.Value{Kind: feature.KindDuration, Int: 7}, "0.007"},
		{feature.Value{Kind: feature.KindDuration, Int: feature.Never, Absent: true}, "null"},
	}
	for _, c := range cases {
		if got := c.value.JSON(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.value, got, c.want)
		}
	}
}

// TestStateFormat pins the bytes of states. They are stored and sent between machines: if one moves,
// raise schemas.LogicVersion.
func TestStateFormat(t *testing.T) {
	events := []*wire.Event{paid(-1, "a", "2.5", "Paris"), paid(1, "b", "-1", "Lyon"), paid(25, "c", "1e3", "Paris")}
	cases := []struct {
		name string
		spec schemas.FeatureSpec
		want string
	}{
		{"count", schemas.FeatureSpec{Kind: "count"}, "06"},
		{"sum", schemas.FeatureSpec{Kind: "sum", Property: "amount"}, "c0b58dbb07"},
		{"count in a window", schemas.FeatureSpec{Kind: "count", Window: 100, Bucket: 10}, "040202020102"},
		{"window that the oldest has left", schemas.FeatureSpec{Kind: "count", Window: 30, Bucket: 10}, "04020202"},
		{"recency", schemas.FeatureSpec{Kind: "recency"}, "32"},
		{"first time", schemas.FeatureSpec{Kind: "first"}, "01"},
		{"last text", schemas.FeatureSpec{Kind: "last", Property: "city", Type: "string"}, "3277093774d2da810e05506172697300"},
		{"distinct", schemas.FeatureSpec{Kind: "distinct", Property: "city", Limit: 1}, "0102562a491b46d7c25a01"},
		{"distinct in a window", schemas.FeatureSpec{Kind: "distinct", Property: "city", Window: 100, Bucket: 10}, "0400007c3226f6ed62a34e0002562a491b46d7c25a"},
		{"distinct days", schemas.FeatureSpec{Kind: "distinct", Property: "@day", Days: 2}, "0000009ca066f1a4ab2eea"},
	}
	for _, c := range cases {
		if got := hex.EncodeToString(fold(compile(t, c.spec), events)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestSumsSaturateWhenRead: on the way they must not, or a later refund would count from a wrong sum.
func TestSumsSaturateWhenRead(t *testing.T) {
	f := compile(t, schemas.FeatureSpec{Kind: "sum", Property: "amount"})
	var state []byte
	for i := range 12 {
		state = f.Update(state, paid(int64(i), "x", "999999999999", ""))
	}
	if v := f.Value(state, 0); v.Int != math.MaxInt64 {
		t.Errorf("held at %d", v.Int)
	}
	for i := range 11 {
		state = f.Update(state, paid(int64(i), "x", "-999999999999", ""))
	}
	if v := f.Value(state, 0); v.JSON() != "999999999999" {
		t.Errorf("after the refunds %s", v.JSON())
	}
}

// TestSpanCostsNothing: events a century apart, and instants at the ends of time, in a window of
// milliseconds.
func TestSpanCostsNothing(t *testing.T) {
	for _, spec := range kinds {
		spec.Window, spec.Bucket = 128, 1
		f := compile(t, spec)
		for _, times := range [][]int64{{-4e12, 4e12}, {4e12, -4e12}, {math.MinInt64, 0, math.MaxInt64}, {math.MaxInt64, math.MinInt64}} {
			var events []*wire.Event
			for _, at := range times {
				events = append(events, paid(at, "x", "1", "Paris"))
			}
			state := fold(f, events)
			if len(state) > 64 {
				t.Errorf("%s %s: %d bytes for one bucket", spec.Kind, spec.Property, len(state))
			}
			for _, now := range []int64{math.MinInt64, -4e12, 0, 4e12, math.MaxInt64} {
				if next := f.NextChange(state, now, []int64{0, 5, math.MaxInt64}); next <= now && now < math.MaxInt64 {
					t.Errorf("%s %s: next change of %d is %d", spec.Kind, spec.Property, now, next)
				}
				f.Value(state, now)
			}
		}
		grown := testing.AllocsPerRun(10, func() { fold(f, []*wire.Event{paid(-4e12, "x", "1", "P"), paid(4e12, "x", "1", "P")}) })
		if grown > 12 {
			t.Errorf("%s %s: %v allocations", spec.Kind, spec.Property, grown)
		}
	}
}

// TestBoundIsReached fills every bound there is with the longest values there are.
func TestBoundIsReached(t *testing.T) {
	const origin = int64(1) << 50
	for _, spec := range kinds {
		for _, window := range []int64{0, 128} {
			spec.Window, spec.Bucket = window, window/128
			f := compile(t, spec)
			var state []byte
			for i := range int64(3000) {
				ev := paid(origin+i%400, fmt.Sprint(i), "-999999999999.99999", longText(300)+fmt.Sprint(i))
				ev.Props[0].Text += fmt.Sprint(i % 10)
				if i%400 == 7 { // neither the first nor the last
					ev.Props[1].Text = ev.ID
				}
				if state = f.Update(state, ev); len(state) > f.Bound() {
					t.Fatalf("%s: %d bytes, bound %d", spec.Kind, len(state), f.Bound())
				}
			}
			// What is left are digits of counters that nobody counts so far, and of times as far as int64.
			if len(state)*12 < f.Bound() {
				t.Errorf("%s %s in %d: a bound of %d bytes, only %d in use", spec.Kind, spec.Property, window, f.Bound(), len(state))
			}
		}
	}
}

func TestOverflowIsCounted(t *testing.T) {
	distinct := compile(t, schemas.FeatureSpec{Kind: "distinct", Property: "city", Limit: 2})
	inWindow := compile(t, schemas.FeatureSpec{Kind: "distinct", Property: "city", Limit: 2, Window: 50, Bucket: 10})
	text := compile(t, schemas.FeatureSpec{Kind: "last", Property: "city", Type: "string"})
	texts := compile(t, schemas.FeatureSpec{Kind: "first", Property: "city", Type: "string", Window: 50, Bucket: 10})
	amount := compile(t, schemas.FeatureSpec{Kind: "sum", Property: "amount"})
	cases := []struct {
		name   string
		f      *feature.Feature
		cities []string
		want   int64
	}{
		{"none yet", distinct, nil, 0},
		{"two fit", distinct, []string{"a", "b", "a", "b"}, 0},
		{"events of the third, whichever it is", distinct, []string{"a", "b", "c", "a", "b", "c"}, 2},
		{"events of the others", distinct, []string{"a", "b", "c", "d", "a", "b", "c", "d"}, 4},
		{"two fit a window", inWindow, []string{"a", "b", "a", "b"}, 0},
		{"some do not fit a window", inWindow, []string{"a", "b", "c", "d"}, 1},
		{"short texts", text, []string{"a", "b"}, 0},
		{"long texts, also those that are not the last", text, []string{longText(300), longText(280), "b"}, 2},
		{"long texts in a window", texts, []string{longText(300), "b", longText(280)}, 2},
		{"a sum has none", amount, []string{"a"}, 0},
	}
	for _, c := range cases {
		var state []byte
		for i, city := range c.cities {
			state = c.f.Update(state, paid(int64(i)*7, fmt.Sprint(i), "1", city))
		}
		if got := c.f.Overflow(state); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
