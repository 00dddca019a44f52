package machine_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"
	"time"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// This file computes the shop's features and tags from raw events, in the dumbest way, with nothing of
// the product but the event's type.

// history is all events of one person.
type history []*wire.Event

func named(ev *wire.Event) string {
	if ev.Name == "Order Paid" {
		return "buy"
	}
	return ev.Name
}

// only returns the events with one of the names.
func (h history) only(names ...string) history {
	var out history
	for _, ev := range h {
		for _, n := range names {
			if named(ev) == n {
				out = append(out, ev)
			}
		}
	}
	return out
}

// minute returns the events that a window of 60 s in buckets of 2 s holds at now.
func (h history) minute(now int64) history {
	var out history
	for _, ev := range h {
		if k := ev.Time / 2000; k > now/2000-30 && k <= now/2000 {
			out = append(out, ev)
		}
	}
	return out
}

func text(ev *wire.Event, key string) (string, bool) {
	for _, p := range ev.Props {
		if p.Key == key {
			return p.Text, true
		}
	}
	return "", false
}

func (h history) sum() *big.Rat {
	total := new(big.Rat)
	for _, ev := range h {
		if s, ok := text(ev, "amount"); ok {
			n, _ := new(big.Rat).SetString(s)
			total.Add(total, n)
		}
	}
	return total
}

func (h history) distinct() int {
	seen := map[string]bool{}
	for _, ev := range h {
		if s, ok := text(ev, "category"); ok {
			seen[s] = true
		}
	}
	return len(seen)
}

func (h history) newest() int64 {
	at := int64(-1)
	for _, ev := range h {
		at = max(at, ev.Time)
	}
	return at
}

// latestCategory returns the categories of the newest event; with a tie of times any of them is right
// here, the order by event id is feature's own test.
func (h history) latestCategory() map[string]bool {
	out, at := map[string]bool{}, h.newest()
	for _, ev := range h {
		if s, ok := text(ev, "category"); ok && ev.Time == at {
			out[s] = true
		}
	}
	return out
}

// features returns numbers by name; those that no event touched are absent.
func (h history) features(now int64) map[string]*big.Rat {
	out := map[string]*big.Rat{"events": big.NewRat(int64(len(h)), 1)}
	buys, carts, seen := h.only("buy"), h.only("cart"), h.only("cart", "view")
	var large int64
	for _, ev := range buys {
		if s, ok := text(ev, "amount"); ok {
			if n, _ := new(big.Rat).SetString(s); n.Cmp(big.NewRat(60, 1)) >= 0 {
				large++
			}
		}
	}
	if len(buys) > 0 {
		out["buys"] = big.NewRat(int64(len(buys)), 1)
		out["paid"], out["paid_1m"] = buys.sum(), buys.minute(now).sum()
		out["since_buy"] = big.NewRat(max(now-buys.newest(), 0), 1000)
		out["large"] = big.NewRat(large, 1)
	}
	if len(carts) > 0 {
		out["carts"] = big.NewRat(int64(len(carts)), 1)
		out["since_cart"] = big.NewRat(max(now-carts.newest(), 0), 1000)
	}
	if len(seen) > 0 {
		out["cats"] = big.NewRat(int64(seen.distinct()), 1)
		out["cats_1m"] = big.NewRat(int64(seen.minute(now).distinct()), 1)
	}
	return out
}

// tags returns the tags that are on at now.
func (h history) tags(now int64, phones int) map[string]any {
	on := map[string]any{}
	buys, carts := h.only("buy"), h.only("cart")
	if len(buys) > 0 {
		on["buyer"] = true
	}
	if buys.minute(now).sum().Cmp(big.NewRat(100, 1)) >= 0 {
		on["spender"] = true
	}
	if h.only("cart", "view").minute(now).distinct() >= 2 {
		on["curious"] = true
	}
	if phones > 0 {
		on["phoned"] = true
	}
	if age := now - carts.newest(); len(carts) > 0 && age > 5_000 && age <= 40_000 {
		on["waiting"] = true
	}
	switch {
	case len(buys) > 0 && now-buys.newest() > 45_000:
		on["lifecycle"] = "dormant"
	case len(buys) > 1:
		on["lifecycle"] = "repeat"
	case len(buys) == 1:
		on["lifecycle"] = "new"
	default:
		on["lifecycle"] = "potential"
	}
	return on
}

// checkFeatures compares each surviving profile with the raw events whose anchor it holds.
func (w *world) checkFeatures(seen map[string]*profileSeen) {
	home := w.home(seen)
	events := map[string]history{}
	for _, ev := range w.sent {
		key := home[ev.Identifiers[0]]
		events[key] = append(events[key], ev)
	}
	if _, lost := events[""]; lost {
		w.fault("%d events are anchored on identifiers that no profile has", len(events[""]))
	}
	for key, h := range events {
		if p := seen[key]; p != nil {
			w.compare(p, h)
		}
	}
}

func (w *world) compare(p *profileSeen, h history) {
	asOf, err := time.Parse(time.RFC3339, p.doc.AsOf)
	if err != nil {
		w.t.Fatal(err)
	}
	if p.doc.Events != int64(len(h)) {
		w.fault("profile %s has %d events, raw %d", p.doc.ProfileID, p.doc.Events, len(h))
		return
	}
	want := h.features(asOf.UnixMilli())
	for name, got := range p.doc.Features {
		if name == "latest_cat" {
			var s string
			if json.Unmarshal(got, &s) != nil || !h.only("cart", "view").latestCategory()[s] {
				w.fault("profile %s: %s is %s", p.doc.ProfileID, name, got)
			}
			continue
		}
		n, ok := new(big.Rat).SetString(string(got))
		switch exp := want[name]; {
		case !ok:
			w.fault("profile %s: feature %s is %s", p.doc.ProfileID, name, got)
		case exp == nil && n.Sign() != 0:
			w.fault("profile %s: feature %s is %s, no event has touched it", p.doc.ProfileID, name, got)
		case exp != nil && n.Cmp(exp) != 0:
			w.fault("profile %s: feature %s is %s, raw events give %s", p.doc.ProfileID, name, got, exp.FloatString(6))
		}
		delete(want, name)
	}
	for name, exp := range want {
		if exp.Sign() != 0 {
			w.fault("profile %s: feature %s is absent, raw events give %s", p.doc.ProfileID, name, exp.FloatString(6))
		}
	}
	if tags := h.tags(w.clock, len(p.doc.Identifiers["phone"])); fmt.Sprint(tags) != fmt.Sprint(p.doc.Tags) {
		w.fault("profile %s: tags %v, raw events give %v", p.doc.ProfileID, p.doc.Tags, tags)
	}
}

// worldCase is one kind of shop.
type worldCase struct {
	name, limits string
	change       func(*schemas.Deployment)
}

var worldCases = []worldCase{
	{"no limits", "{}", nil},
	{"limits", "{phone: {max: 2}, device_id: {max: 2}, anonymous_id: {max: 4}}", nil},
	{"one timer per record, a queue of one", "{phone: {max: 2}}", func(d *schemas.Deployment) { d.TimersPerRecord, d.QueueLimit = 1, 1 }},
}

// seeds returns how many seeds a property is tried with.
func seeds(full, short uint64) uint64 {
	if testing.Short() {
		return short
	}
	return full
}

// TestWorldRecomputed compares features, tags, chains and identities with raw events, over random
// interleavings with crashes, zombies and late events.
func TestWorldRecomputed(t *testing.T) {
	for _, wc := range worldCases {
		t.Run(wc.name, func(t *testing.T) {
			t.Parallel()
			for seed := range seeds(40, 8) {
				w := newWorld(t, seed, wc.limits, wc.change)
				w.faulty = seed%2 == 1
				w.live(60)
				w.settle(int64(seed) * 900)
				w.checkAll()
				if len(w.faults) > 0 {
					t.Fatalf("seed %d: %v", seed, w.faults)
				}
			}
		})
	}
}

// checkAll checks everything that must hold at rest.
func (w *world) checkAll() {
	seen := w.survivors()
	w.checkFeatures(seen)
	w.checkChains(seen)
	w.checkClosure(seen, w.facts(wire.FactEvent))
	w.checkRefusals()
	w.checkIdle()
}
