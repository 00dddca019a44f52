package machine

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// timeText is how the standard library writes what appendTime writes.
func timeText(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// byType groups canonical identifiers as the public contract does.
func byType(members []string) map[string][]string {
	out := map[string][]string{}
	for _, id := range members {
		t, v, _ := strings.Cut(id, ":")
		out[t] = append(out[t], v)
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
}

var anyText = rapid.OneOf(rapid.StringMatching(`[a-z0-9_]{1,8}`), rapid.String(), rapid.SampledFrom([]string{"", "<b>&", `"\`, "中文", "a:b", "\x00\x1f", "\u2028"}))

func drawMembers(t *rapid.T) []string {
	types := rapid.SampledFrom([]string{"phone", "phone2", "openid", "openid@wx", "email"})
	seen := map[string]bool{}
	for range rapid.IntRange(0, 8).Draw(t, "members") {
		seen[types.Draw(t, "type")+":"+anyText.Draw(t, "value")] = true
	}
	var list []string
	for id := range seen {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

var instants = rapid.Int64Range(-62135596800000, 253402300799999)

// TestTagChangeJSON compares the hand-written form with encoding/json.
func TestTagChangeJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SampledFrom([]any{nil, true, false, "repeat", "<"})
		c := schemas.TagChange{ID: anyText.Draw(t, "id"), ProfileID: "p", Tag: anyText.Draw(t, "tag"), Change: schemas.Changed,
			Value: values.Draw(t, "value"), Previous: values.Draw(t, "previous"), Winner: anyText.Draw(t, "winner"),
			Epoch: rapid.IntRange(0, 9).Draw(t, "epoch"), Version: rapid.Uint64().Draw(t, "version"), PreviousVersion: 7, Catalog: "c@1",
			Cause: schemas.Cause{Kind: schemas.CauseEvent, EventID: anyText.Draw(t, "event")}}
		if rapid.Bool().Draw(t, "weighted") {
			w := rapid.Float64Range(-1e9, 1e9).Draw(t, "weight")
			c.Weight = &w
		}
		members, at, decided := drawMembers(t), instants.Draw(t, "at"), instants.Draw(t, "decided")
		got := tagChangeJSON(&c, members, at, decided)
		c.EventTime, c.DecidedAt, c.Identifiers = timeText(at), timeText(decided), byType(members)
		if want := mustJSON(c); string(got) != string(want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

// TestProfileDocJSON compares the hand-written form with encoding/json.
func TestProfileDocJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := schemas.ProfileDoc{ProfileID: "p", Epoch: 1, Version: rapid.Uint64().Draw(t, "version"), TagVersion: 5,
			Catalog: anyText.Draw(t, "catalog"), Events: rapid.Int64().Draw(t, "events")}
		named := func(label string, value string) []wire.NamedValue {
			names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z_]{1,6}`), 0, 5, rapid.ID).Draw(t, label)
			slices.Sort(names)
			var list []wire.NamedValue
			for _, n := range names {
				list = append(list, wire.NamedValue{Name: n, Value: value})
			}
			return list
		}
		tags, features := named("tags", "true"), named("features", "1.25")
		members, asOf, first, last := drawMembers(t), instants.Draw(t, "as_of"), instants.Draw(t, "first"), instants.Draw(t, "last")
		got := profileDocJSON(&d, members, asOf, first, last, tags, features)
		d.AsOf, d.FirstSeen, d.LastSeen, d.Identifiers = timeText(asOf), timeText(first), timeText(last), byType(members)
		d.Tags, d.Features = map[string]any{}, map[string]json.RawMessage{}
		for _, v := range tags {
			d.Tags[v.Name] = true
		}
		for _, v := range features {
			d.Features[v.Name] = json.RawMessage(v.Value)
		}
		if want := mustJSON(d); string(got) != string(want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}
