package machine_test

import (
	"fmt"
	"strings"
	"testing"

	"portrait/profile"
	"portrait/schemas"
	"portrait/schemas/wire"
)

type profileChange = profile.Change

// secondCatalog keeps buys, carts and since_buy as they are, renames paid, changes the window of cats_1m, drops
// the tags curious and waiting, gives lifecycle another value and adds tags on old and on new features.
const secondCatalog = `name: shop
identifiers: {phone: {max: 5}}
aliases: {"Order Paid": buy}
features:
  events: {kind: count, event: "*"}
  buys: {kind: count, event: buy, description: another description is no other definition}
  carts: {kind: count, event: cart}
  revenue: {kind: sum, event: buy, property: amount}
  cats_1m: {kind: distinct, event: [cart, view], property: category, window: 30s, bucket: 1s}
  since_buy: {kind: recency, event: buy}
  views: {kind: count, event: view}
tags:
  buyer: {when: "buys > 0"}
  phoned: {when: "size(identifiers.phone) > 0"}
  rich: {when: "revenue >= 50.0"}
  viewer: {when: "views > 0"}
  quiet: {when: "buys > 0 && since_buy > duration('20s')"}
  lifecycle:
    enum: [potential, buyer]
    cases: [{value: buyer, when: "buys > 0"}]
    default: potential
`

// thirdCatalog goes back to much of the first.
var thirdCatalog = strings.Replace(fmt.Sprintf(shopCatalog, "{phone: {max: 6}}"), "name: shop", "name: again", 1)

// TestActivationInTheMiddle sees what a change of the catalogue does to profiles that nobody touches.
func TestActivationInTheMiddle(t *testing.T) {
	for seed := range seeds(20, 5) {
		w := newWorld(t, seed, "{phone: {max: 3}}", nil)
		w.live(60)
		w.settle(1_000)
		before := w.survivors()
		said := map[string]int{}
		for key, list := range w.changes() {
			said[key] = len(list)
		}
		w.activate(2, secondCatalog)
		w.rest()
		w.clock += 250
		w.tick()
		w.rest()
		after := w.survivors()
		w.checkChains(after)
		w.checkIdle()
		if len(after) != len(before) {
			w.fault("%d profiles before, %d after", len(before), len(after))
		}
		for key, was := range before {
			if now := after[key]; now == nil {
				w.fault("profile %s is gone", key)
			} else {
				w.checkActivated(key, was, now)
			}
		}
		for key, list := range w.changes() {
			for _, change := range list[said[key]:] {
				if change.Cause.Kind != schemas.CauseCatalog && change.Cause.Kind != schemas.CauseTimer || change.Catalog != "shop@2" {
					w.fault("change %s has cause %s and catalogue %s", change.ID, change.Cause.Kind, change.Catalog)
				}
				if (change.Tag == "curious" || change.Tag == "waiting" || change.Tag == "spender") && change.Change != schemas.Left {
					w.fault("dropped tag %s: %s", change.Tag, change.Change)
				}
			}
		}
		w.checkSwept()
		if len(w.faults) > 0 {
			t.Fatalf("seed %d: %v", seed, w.faults)
		}
	}
}

// checkActivated compares one profile before and after; nothing else happened to it.
func (w *world) checkActivated(key string, was, now *profileSeen) {
	feature := func(p *profileSeen, name string) string { return string(p.doc.Features[name]) }
	for old, name := range map[string]string{"events": "events", "buys": "buys", "carts": "carts", "paid": "revenue"} {
		if changed := now.doc.Catalog == "shop@2"; changed && feature(was, old) != feature(now, name) {
			w.fault("profile %s: %s was %s, %s is %s", key, old, feature(was, old), name, feature(now, name))
		}
	}
	for _, name := range []string{"cats_1m", "views"} {
		if v := feature(now, name); now.doc.Catalog == "shop@2" && v != "" {
			w.fault("profile %s: %s is new and has %s", key, name, v)
		}
	}
	for _, tag := range []string{"curious", "waiting", "spender", "viewer"} {
		if now.doc.Tags[tag] != nil {
			w.fault("profile %s: %s is on", key, tag)
		}
	}
	buyer := was.doc.Tags["buyer"] == true
	if want := map[bool]string{true: "buyer", false: "potential"}[buyer]; now.doc.Tags["lifecycle"] != want {
		w.fault("profile %s: lifecycle %v, want %s", key, now.doc.Tags["lifecycle"], want)
	}
}

// checkSwept sees that every profile was moved, and that no machine is still at it.
func (w *world) checkSwept() {
	for q, b := range w.members {
		r := newRunner(w.t, w.cluster, q, 1<<20)
		for r.next < int64(len(r.log)) {
			r.apply(1)
		}
		if roots := rootsOf(r); int(r.m.Counters.Swept) < roots {
			w.fault("partition %d: %d roots, %d swept", q, roots, r.m.Counters.Swept)
		}
		if int64(len(b.log)) != r.next {
			w.fault("partition %d: not at the end", q)
		}
	}
}

// TestAliasOnTheWay sends an event through a machine that has no catalogue yet to a root that has one: it
// counts under the name that the root's catalogue knows.
func TestAliasOnTheWay(t *testing.T) {
	c := newCluster(t, 1, 4, "", func(d *schemas.Deployment) { d.Identifiers = worldTypes(false) })
	phone, device := "phone:1", ""
	for k := 0; device == ""; k++ {
		if id := fmt.Sprintf("device_id:%d", k); schemas.PartitionOf(id, 4) != schemas.PartitionOf(phone, 4) {
			device = id
		}
	}
	c.event(0, "e0", "view", c.clock, phone)
	c.rest()
	c.event(0, "e1", "view", c.clock, phone, device)
	c.rest()
	c.event(0, "e2", "Order Paid", c.clock, device) // before the activation in the device's log, its forward behind it in the phone's
	c.activate(1, fmt.Sprintf(shopCatalog, "{}"))
	c.rest()
	for _, f := range c.facts(wire.FactEvent) {
		if f.Event.ID == "e2" && (f.Catalog != 1 || f.Event.Name != "buy") {
			t.Errorf("e2 is counted as %s under catalogue %d", f.Event.Name, f.Catalog)
		}
	}
	doc, _, err := c.members[schemas.PartitionOf(phone, 4)].m.Lookup(phone)
	if err != nil || string(doc.Features["buys"]) != "1" {
		t.Errorf("the profile has %s, %v", doc.Features, err)
	}
}
