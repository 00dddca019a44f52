package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"portrait/bench/generator"
	"portrait/bench/ledger"
	"portrait/schemas"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is what a correct pipeline leaves behind, as plain rows that tests damage.
type world struct {
	ledger     *ledger.Ledger
	events     []eventRow // tables events and events_now
	duplicates []string
	rejections int
	unseen     int // offsets that the accounting view misses besides
	profiles   []profileRow
	stored     []schemas.TagChange // table tag_changes
	published  []schemas.TagChange // topic portrait.tags
	asOf       time.Time
	failing    string // a part of a query that fails
}

type eventRow struct {
	id, profile, name string
	at                int64
}

type profileRow struct {
	id          string
	events      int64
	identifiers []string
	features    map[string]any
}

func canonical(identifierType, value string) string {
	if identifierType == "phone" || identifierType == "email" {
		value = "k1:" + fmt.Sprintf("%x", value)
	}
	return identifierType + ":" + value
}

func profileID(person int32, born int) string {
	return fmt.Sprintf("00000000-0000-4000-8000-%04d%08d", born, person)
}

// perfect plays a small shop and writes down what must come of it.
func perfect(t *testing.T) *world { return perfectUntil(t, start.Add(45*time.Second)) }

func perfectUntil(t *testing.T, asOf time.Time) *world {
	t.Helper()
	g, err := generator.New(generator.Config{Seed: 11, Rate: 200, Duration: 40 * time.Second, Start: start})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{ledger: ledger.New(g.Run()), asOf: asOf}
	run := g.Run()
	for {
		r, _, ok := g.Next(nil)
		if !ok {
			break
		}
		w.ledger.Record(r.Event, start.Add(r.At))
		switch ev := r.Event; {
		case ev.Kind.Rejected():
			w.rejections++
		case ev.Kind == ledger.Duplicate:
			w.duplicates = append(w.duplicates, run.EventID(ev.Of))
		default:
			w.events = append(w.events, eventRow{run.EventID(ev.Seq), profileID(ev.Person, 1), ev.Name.String(), ev.Time})
		}
	}
	for _, p := range w.ledger.People() {
		w.profiles = append(w.profiles, w.document(p))
		w.live(p)
	}
	w.published = slices.Clone(w.stored)
	return w
}

// clone copies everything that a test may damage.
func (w *world) clone() *world {
	c := *w
	c.events, c.duplicates = slices.Clone(w.events), slices.Clone(w.duplicates)
	c.stored, c.published = slices.Clone(w.stored), slices.Clone(w.published)
	c.profiles = slices.Clone(w.profiles)
	for i := range c.profiles {
		c.profiles[i].identifiers = slices.Clone(c.profiles[i].identifiers)
		c.profiles[i].features = maps.Clone(c.profiles[i].features)
	}
	return &c
}

func (w *world) document(p ledger.Person) profileRow {
	want := w.ledger.Expect(p, w.asOf, 0)
	row := profileRow{id: profileID(p.Number, 1), events: want.Events}
	w.ledger.Identifiers(p, func(identifierType, value string) {
		row.identifiers = append(row.identifiers, canonical(identifierType, value))
	})
	row.features = map[string]any{
		"orders": want.Orders, "coupon_orders": want.CouponOrders, "views": want.Views, "checkins": want.CheckIns,
		"invites": want.Invites, "paid_total": json.Number(want.PaidTotal.String()), "last_city": nil, "largest_order": nil,
		"first_paid": nil, "last_paid": nil, "last_cart": nil,
	}
	if want.LastCity != "" {
		row.features["last_city"] = want.LastCity
	}
	if want.Orders > 0 {
		row.features["largest_order"] = json.Number(want.LargestOrder.String())
		row.features["first_paid"], row.features["last_paid"] = when(want.FirstPaid), when(want.LastPaid)
	}
	if want.LastCart > 0 {
		row.features["last_cart"] = when(want.LastCart)
	}
	return row
}

func when(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// live emits the changes of a person: a first profile that is merged at once, then its winner.
func (w *world) live(p ledger.Person) {
	var times []int64
	causes := map[int64]string{}
	w.ledger.Events(p.Number, func(ev *ledger.Event) {
		times = append(times, ev.Time)
		causes[ev.Time] = w.ledger.Run.EventID(ev.Seq)
		for _, after := range []int64{8, 20, 30, 35, 45} {
			times = append(times, ev.Time+after*1000+1)
		}
	})
	for t := start.UnixMilli(); t <= w.asOf.UnixMilli(); t += 1000 {
		times = append(times, t)
	}
	slices.Sort(times)
	var tags ledger.Tags
	emit := emitter{world: w, person: p}
	for _, t := range slices.Compact(times) {
		cause := causes[t]
		if t > w.asOf.UnixMilli() {
			break
		}
		if emit.born == 0 {
			if cause == "" {
				continue // not yet there
			}
			emit.change(t, cause, ledger.Lifecycle, "", "potential")
			emit.change(t, cause, ledger.Lifecycle, "potential", "")
			emit.merged(t, cause)
		}
		now := w.ledger.TagsAt(p, time.UnixMilli(t))
		for tag := range ledger.TagCount {
			if now[tag] != tags[tag] {
				emit.change(t, cause, tag, tags[tag], now[tag])
			}
		}
		tags = now
	}
}

// emitter numbers the changes of one person's profiles.
type emitter struct {
	world   *world
	person  ledger.Person
	born    int
	version uint64
}

func (e *emitter) emit(t int64, cause string, c schemas.TagChange) {
	c.PreviousVersion = e.version
	e.version = uint64(len(e.world.stored)+1) << 16
	c.Version = e.version
	c.ID = fmt.Sprintf("e1-p0-%d-0", len(e.world.stored))
	c.ProfileID = profileID(e.person.Number, e.born)
	c.EventTime, c.DecidedAt = when(t), when(t)
	c.Cause = schemas.Cause{Kind: schemas.CauseTimer}
	if cause != "" {
		c.Cause = schemas.Cause{Kind: schemas.CauseEvent, EventID: cause}
	}
	c.Identifiers = map[string][]string{}
	e.world.ledger.Identifiers(e.person, func(identifierType, value string) {
		_, stored, _ := strings.Cut(canonical(identifierType, value), ":")
		c.Identifiers[identifierType] = append(c.Identifiers[identifierType], stored)
	})
	e.world.stored = append(e.world.stored, c)
}

func (e *emitter) change(t int64, cause string, tag ledger.Tag, before, after string) {
	c := schemas.TagChange{Tag: tag.String(), Change: schemas.Changed, Value: value(after), Previous: value(before)}
	switch {
	case before == "":
		c.Change = schemas.Entered
	case after == "":
		c.Change = schemas.Left
	}
	if before == "true" {
		c.Value = false
	}
	e.emit(t, cause, c)
}

func (e *emitter) merged(t int64, cause string) {
	e.emit(t, cause, schemas.TagChange{Change: schemas.Merged, Winner: profileID(e.person.Number, 1)})
	e.born, e.version = 1, 0
}

func value(v string) any {
	switch v {
	case "":
		return nil
	case "true":
		return true
	}
	return v
}

// topic consumes what was published.
func (w *world) topic(t *testing.T) *Topic {
	t.Helper()
	topic := NewTopic()
	for i := range w.published {
		b, err := json.Marshal(w.published[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := topic.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	return topic
}
