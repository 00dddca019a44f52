package check

import (
	"encoding/json"
	"slices"
	"testing"

	"portrait/bench/ledger"
	"portrait/schemas"
)

// find returns the place of the first row that matches.
func find[T any](t *testing.T, rows []T, match func(*T) bool) int {
	t.Helper()
	for i := range rows {
		if match(&rows[i]) {
			return i
		}
	}
	t.Fatal("there is no such row to damage")
	return -1
}

// drop deletes a row from both tables of changes and closes the chain of versions.
func (w *world) drop(t *testing.T, id string) {
	t.Helper()
	i := find(t, w.stored, func(c *schemas.TagChange) bool { return c.ID == id })
	gone := w.stored[i]
	w.stored = slices.Delete(slices.Clone(w.stored), i, i+1)
	for j := range w.stored {
		if w.stored[j].ProfileID == gone.ProfileID && w.stored[j].PreviousVersion == gone.Version {
			w.stored[j].PreviousVersion = gone.PreviousVersion
		}
	}
	w.published = slices.Clone(w.stored)
}

// damage is one thing that is not as it should be, and the checks that must see it: these and no others.
type damage struct {
	name string
	do   func(*testing.T, *world)
	want string
}

func pageView(ev *eventRow) bool { return ev.name == "page_viewed" }

var damages = []damage{
	{"an event is missing", func(t *testing.T, w *world) {
		i := find(t, w.events, pageView)
		w.events = slices.Delete(w.events, i, i+1)
	}, "events_stored accounting"},
	{"an event is stored twice", func(t *testing.T, w *world) {
		w.events = append(w.events, w.events[find(t, w.events, pageView)])
	}, "events_stored accounting"},
	{"an event nobody sent takes the place of one", func(t *testing.T, w *world) {
		w.events[find(t, w.events, pageView)].id = w.ledger.Run.EventID(int32(w.ledger.Len() + 7))
	}, "events_stored"},
	{"a duplicate is stored as an event", func(_ *testing.T, w *world) {
		i := slices.IndexFunc(w.events, func(ev eventRow) bool { return ev.id == w.duplicates[0] })
		w.events = append(w.events, w.events[i])
		w.duplicates = w.duplicates[1:]
	}, "events_stored duplicates"},
	{"a duplicate is missing", func(_ *testing.T, w *world) { w.duplicates = w.duplicates[1:] }, "duplicates accounting"},
	{"a duplicate is counted twice", func(_ *testing.T, w *world) {
		w.duplicates = append(w.duplicates, w.duplicates[0])
	}, "duplicates accounting"},
	{"a rejection is missing", func(_ *testing.T, w *world) { w.rejections-- }, "rejected accounting"},
	{"a rejection is counted twice", func(_ *testing.T, w *world) { w.rejections++ }, "rejected accounting"},
	{"an offset has no row", func(_ *testing.T, w *world) { w.unseen++ }, "accounting"},
	{"an event counts for somebody else", func(t *testing.T, w *world) {
		w.events[find(t, w.events, pageView)].profile = w.profiles[len(w.profiles)-1].id
	}, "identity"},
	{"an edge is missing: an identifier is in no profile", func(t *testing.T, w *world) {
		p := &w.profiles[find(t, w.profiles, func(p *profileRow) bool { return len(p.identifiers) > 2 })]
		p.identifiers = p.identifiers[1:]
	}, "identity"},
	{"an edge is missing: an identifier is a profile of its own", func(t *testing.T, w *world) {
		p := &w.profiles[find(t, w.profiles, func(p *profileRow) bool { return len(p.identifiers) > 2 })]
		w.profiles = append(w.profiles, profileRow{id: profileID(9999, 1), identifiers: p.identifiers[2:3], features: p.features})
		p.identifiers = slices.Delete(slices.Clone(p.identifiers), 2, 3)
	}, "identity"},
	{"a guest has the tablet", func(t *testing.T, w *world) {
		tablet := canonical("device_id", w.ledger.Run.Identifier(0, ledger.SlotCount-1))
		owner := &w.profiles[find(t, w.profiles, func(p *profileRow) bool { return slices.Contains(p.identifiers, tablet) })]
		guest := &w.profiles[find(t, w.profiles, func(p *profileRow) bool { return p.id == profileID(1, 1) })]
		owner.identifiers = slices.DeleteFunc(owner.identifiers, func(id string) bool { return id == tablet })
		guest.identifiers = append(guest.identifiers, tablet)
	}, "identity"},
	{"junk became a node", func(_ *testing.T, w *world) {
		w.profiles[0].identifiers = append(w.profiles[0].identifiers, "customer_id:0")
	}, "identity"},
	{"an amount is a cent off", func(t *testing.T, w *world) {
		p := &w.profiles[find(t, w.profiles, func(p *profileRow) bool { return p.features["first_paid"] != nil })]
		paid, err := schemas.ParseDecimal(string(p.features["paid_total"].(json.Number)))
		if err != nil {
			t.Fatal(err)
		}
		p.features["paid_total"] = json.Number((paid + schemas.DecimalOne/100).String())
	}, "features"},
	{"a count is one too many", func(_ *testing.T, w *world) { w.profiles[0].features["views"] = 100_000 }, "features"},
	{"the document misses an event", func(_ *testing.T, w *world) { w.profiles[0].events-- }, "features"},
	{"a time is another", func(t *testing.T, w *world) {
		p := &w.profiles[find(t, w.profiles, func(p *profileRow) bool { return p.features["last_cart"] != nil })]
		p.features["last_cart"] = when(start.UnixMilli())
	}, "features"},
	{"a text is another", func(_ *testing.T, w *world) { w.profiles[0].features["last_city"] = "Atlantis" }, "features"},
	{"carts are filled before they are seen", func(t *testing.T, w *world) {
		buyer := w.events[find(t, w.events, func(ev *eventRow) bool { return ev.name == "order_paid" })].profile
		for i := range w.events {
			if w.events[i].profile == buyer && w.events[i].name == "cart_added" {
				w.events[i].at = start.UnixMilli() - 1
			}
		}
	}, "funnel"},
	{"a change is lost on the way to the topic", func(t *testing.T, w *world) {
		i := find(t, w.published, func(c *schemas.TagChange) bool { return c.Change == schemas.Left && c.PreviousVersion != 0 })
		w.published = slices.Delete(w.published, i, i+1)
	}, "versions_gapless tags_final tags_topic_vs_clickhouse"},
	{"a tag is left on", func(t *testing.T, w *world) {
		last := map[string]string{} // profile and tag -> id of the latest change
		for _, ch := range w.stored {
			if ch.Tag == "from_shanghai" {
				last[ch.ProfileID] = ch.ID
			}
		}
		i := find(t, w.stored, func(c *schemas.TagChange) bool { return c.Change == schemas.Left && last[c.ProfileID] == c.ID })
		w.drop(t, w.stored[i].ID)
	}, "tags_final"},
	{"an enum has another value", func(t *testing.T, w *world) {
		last := map[string]int{}
		for i, ch := range w.stored {
			if ch.Tag == "lifecycle" && ch.Change == schemas.Changed {
				last[ch.ProfileID] = i
			}
		}
		i := find(t, w.stored, func(c *schemas.TagChange) bool { return last[c.ProfileID] > 0 })
		w.stored[last[w.stored[i].ProfileID]].Value = "dormant"
		w.published = slices.Clone(w.stored)
	}, "tags_final"},
	{"a merge is missing", func(t *testing.T, w *world) {
		w.drop(t, w.stored[find(t, w.stored, func(c *schemas.TagChange) bool { return c.Change == schemas.Merged })].ID)
	}, "tags_final"},
	{"an absence is not noticed", func(t *testing.T, w *world) {
		i := find(t, w.stored, func(c *schemas.TagChange) bool {
			return c.Tag == "cart_abandoned" && c.Change == schemas.Left && c.PreviousVersion != 0
		})
		left := w.stored[i]
		entered := find(t, w.stored, func(c *schemas.TagChange) bool {
			return c.Tag == left.Tag && c.ProfileID == left.ProfileID && c.Change == schemas.Entered
		})
		w.drop(t, w.stored[entered].ID)
		w.drop(t, left.ID)
	}, "tags_history"},
	{"a second cart was left, and nobody noticed", func(t *testing.T, w *world) {
		entered := map[string]int{} // profile -> how often it has entered
		for _, ch := range w.stored {
			if ch.Tag == "cart_abandoned" && ch.Change == schemas.Entered {
				if entered[ch.ProfileID]++; entered[ch.ProfileID] == 2 {
					i := find(t, w.stored, func(c *schemas.TagChange) bool {
						return c.Tag == "cart_abandoned" && c.Change == schemas.Left && c.ProfileID == ch.ProfileID
					})
					w.drop(t, w.stored[i].ID)
					w.drop(t, ch.ID)
					return
				}
			}
		}
		t.Fatal("nobody left two carts")
	}, "tags_history"},
	{"a paid cart counts as abandoned", func(t *testing.T, w *world) {
		w.insert(t, "order_paid", "cart_abandoned", 1)
	}, "tags_history"},
	{"somebody active counts as silent", func(t *testing.T, w *world) { w.insert(t, "page_viewed", "silent", 10_000) }, "tags_history"},
	{"somebody who spent nothing is a big spender", func(t *testing.T, w *world) {
		w.insert(t, "page_viewed", "big_spender", 1)
	}, "tags_history"},
	{"ClickHouse misses a change", func(_ *testing.T, w *world) { w.stored = w.stored[1:] }, "tags_topic_vs_clickhouse"},
	{"ClickHouse has a change twice", func(_ *testing.T, w *world) {
		w.stored = append(w.stored, w.stored[0])
	}, "tags_topic_vs_clickhouse"},
	{"ClickHouse has another value", func(_ *testing.T, w *world) { w.stored[0].Value = "repeat" }, "tags_topic_vs_clickhouse"},
	{"ClickHouse has a change nobody published", func(_ *testing.T, w *world) {
		extra := w.stored[0]
		extra.ID = "e1-p9-1-0"
		w.stored = append(w.stored, extra)
	}, "tags_topic_vs_clickhouse"},
	{"another run is in the same directory", func(_ *testing.T, w *world) {
		old := ledger.Run{Number: w.ledger.Run.Number + 1}
		stranger := profileID(7777, 1)
		w.events = append(w.events, eventRow{old.EventID(3), stranger, "page_viewed", start.UnixMilli() - 60_000})
		w.unseen++ // the fake's accounting expects this run's records only
		w.profiles = append(w.profiles, profileRow{id: stranger, events: 1, identifiers: []string{"device_id:" + old.Identifier(3, 8)}})
		late := schemas.TagChange{ID: "e1-p0-9999-0", ProfileID: stranger, Tag: "silent", Change: schemas.Entered, Value: true, Version: 1 << 40,
			EventTime: when(start.UnixMilli() - 40_000), DecidedAt: when(start.UnixMilli() + 1000), Cause: schemas.Cause{Kind: schemas.CauseTimer}}
		w.stored, w.published = append(w.stored, late), append(w.published, late)
	}, ""},
	{"a change is published twice", func(_ *testing.T, w *world) {
		w.published = append(w.published, w.published[:100]...)
	}, ""},
}

// insert lets a tag enter and leave again at once for somebody who does not deserve it, some ms after an event of a kind.
func (w *world) insert(t *testing.T, event, tag string, after int64) {
	t.Helper()
	for _, ev := range w.events {
		if ev.name != event || ev.at < start.UnixMilli()+10_000 || slices.ContainsFunc(w.stored, func(c schemas.TagChange) bool {
			return c.Tag == tag && c.ProfileID == ev.profile
		}) {
			continue
		}
		at := when(ev.at + after)
		i := -1
		for j, ch := range w.stored { // behind the profile's latest change before
			if ch.ProfileID == ev.profile && ch.EventTime <= at {
				i = j
			}
		}
		if i < 0 || !w.activeAround(ev.profile, ev.at+after) {
			continue
		}
		in := w.stored[i]
		in.ID, in.Tag, in.Change, in.Value, in.EventTime, in.DecidedAt = in.ID+"+1", tag, schemas.Entered, true, at, at
		in.Version, in.PreviousVersion = in.Version+1, in.Version
		out := in
		out.ID, out.Change, out.Value, out.Version, out.PreviousVersion = in.ID+"+1", schemas.Left, false, in.Version+1, in.Version
		for j := range w.stored {
			if w.stored[j].ProfileID == ev.profile && w.stored[j].PreviousVersion == w.stored[i].Version {
				w.stored[j].PreviousVersion = out.Version
			}
		}
		w.stored = slices.Insert(w.stored, i+1, in, out)
		w.published = slices.Clone(w.stored)
		return
	}
	t.Fatal("there is nobody to slander")
}

// activeAround reports whether the profile did something in the ten seconds before, but for the slack.
func (w *world) activeAround(profile string, at int64) bool {
	return slices.ContainsFunc(w.events, func(ev eventRow) bool {
		return ev.profile == profile && ev.at > at-8_000 && ev.at < at-3_000
	})
}
