package machine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// TestDuplicatesAtTheSource sends events again with the same id, and sees a duplicate's fact each and
// nothing else change: the documents at rest are those of a twin world without the repeats.
func TestDuplicatesAtTheSource(t *testing.T) {
	for seed := range seeds(16, 4) {
		docs := [2]string{}
		for k := range docs {
			w := newWorld(t, seed, "{}", nil)
			w.live(40)
			w.settle(1000)
			again := w.sent[len(w.sent)-20:]
			for i, ev := range again {
				repeat := *ev
				if k == 0 {
					repeat = wire.Event{ID: fmt.Sprintf("filler%d", i), Name: "nothing", Identifiers: []string{"phone:filler"}}
				}
				repeat.Time = w.clock
				w.route(i%2, &repeat)
			}
			w.settle(1000)
			if got := len(w.facts(wire.FactDuplicate)); got != len(again)*k {
				w.fault("%d facts of duplicates, %d were sent", got, len(again)*k)
			}
			if k == 1 {
				w.checkAll()
			}
			var list []string
			for key, p := range w.survivors() {
				if !slices.Contains(p.ids, "phone:filler") {
					p.doc.Version, p.doc.AsOf, p.doc.TagVersion = 0, "", 0
					for name := range p.doc.Features {
						if strings.HasPrefix(name, "since") || strings.HasSuffix(name, "_1m") {
							delete(p.doc.Features, name)
						}
					}
					list = append(list, fmt.Sprintf("%s %v", key, p.doc))
				}
			}
			slices.Sort(list)
			docs[k] = strings.Join(list, "\n")
			if len(w.faults) > 0 {
				t.Fatalf("seed %d: %v", seed, w.faults)
			}
		}
		if docs[0] != docs[1] {
			t.Fatalf("seed %d: profiles with repeats\n%s\nwithout\n%s", seed, docs[1], docs[0])
		}
	}
}

// TestMemoryOfDuplicatesIsBounded sees the deployment's number of ids remembered, and the oldest forgotten.
func TestMemoryOfDuplicatesIsBounded(t *testing.T) {
	c := newCluster(t, 1, 1, fmt.Sprintf(countCatalog, "{}"), func(d *schemas.Deployment) { d.DedupeIDs = 3 })
	for _, id := range []string{"a", "b", "c", "a", "d", "a", "b"} {
		c.event(0, id, "buy", c.clock, "phone:1")
	}
	c.rest()
	var counted, repeated []string
	for _, f := range c.facts(wire.FactEvent) {
		counted = append(counted, f.Event.ID)
	}
	for _, f := range c.facts(wire.FactDuplicate) {
		repeated = append(repeated, f.Event.ID)
	}
	// The second a is found; d pushes the first a out, so the third a counts, and pushes b out.
	if got := fmt.Sprint(counted, repeated); got != "[a b c d a b] [a]" {
		t.Errorf("counted and repeated are %s", got)
	}
}

// TestRouterRepeatsAreDropped gives a machine the same items again, in records cut at every place.
func TestRouterRepeatsAreDropped(t *testing.T) {
	for cut := 1; cut <= 6; cut++ {
		c, r := single(t)
		items := manyEvents(6)
		for i := range items {
			items[i].Event.Identifiers = []string{idIn(0, 2)}
		}
		apply := func(list []wire.Routed) *machine.Effects {
			out := machine.NewEffects(2)
			if err := r.m.Apply(r.m.Position(), encoded(&wire.InboxRecord{Deployment: c.dep.Hash(), Source: wire.FromRouter, Routed: list}), out); err != nil {
				t.Fatal(err)
			}
			return out
		}
		apply(items[:4])
		// A zombie began earlier and gathers otherwise: of its items only those above the mark count.
		first, second := apply(items[:cut]), apply(items[cut:])
		if want := int64(6); r.m.Counters.Events != want || r.m.Counters.Repeats != 4 {
			t.Errorf("cut %d: %d events, %d repeats; want %d and 4", cut, r.m.Counters.Events, r.m.Counters.Repeats, want)
		}
		if got := len(first.Facts) + len(second.Facts); r.m.Counters.Duplicates != 0 || got == 0 {
			t.Errorf("cut %d: %d facts, %d duplicates: repeats of a router leave no trace", cut, got, r.m.Counters.Duplicates)
		}
		if last := apply(items); !last.Empty() {
			t.Errorf("cut %d: all again: %+v", cut, last)
		}
	}
}

const blockedCatalog = `name: blocked
identifiers: {%s: {blocked: ["%s"]}, device_id: {blocked: ["%s"]}}
features: {events: {kind: count, event: "*"}}
`

// TestBlockedValues has what a blocked value may not do any more, and what stays.
func TestBlockedValues(t *testing.T) {
	openid, device := idsIn("openid", 0, 2, 1)[0], idsIn("device_id", 1, 2, 3)
	c := newCluster(t, 1, 2, fmt.Sprintf(countCatalog, "{}"), nil)
	c.event(0, "before", "buy", c.clock, openid, device[0])
	c.rest()
	c.activate(2, fmt.Sprintf(blockedCatalog, "openid", strings.TrimPrefix(openid, "openid:"), strings.TrimPrefix(device[1], "device_id:")))
	c.rest()
	send := func(id string, ids ...string) {
		c.event(0, id, "buy", c.clock, ids...)
		c.rest()
	}
	send("to the profile that lives at the blocked openid", openid, device[0])
	send("to the next identifier", openid, device[2])
	send("alone", openid)
	send("all blocked", openid, device[1])
	send("a blocked identifier that is not the anchor", "customer_id:7", device[1])
	c.clock += 60_000
	for range 3 {
		c.tick()
		c.rest()
	}
	seen := c.survivors()
	home := c.home(seen)
	at := func(id string) int64 {
		if p := seen[home[id]]; p != nil {
			return p.doc.Events
		}
		return -1
	}
	if home[openid] != home[device[0]] || at(openid) != 2 {
		t.Errorf("the old profile has %d events, openid in %s, device in %s", at(openid), home[openid], home[device[0]])
	}
	if home[device[2]] == home[openid] || at(device[2]) != 1 {
		t.Errorf("the device next in line has %d events: want 1, apart from the openid's", at(device[2]))
	}
	if at("customer_id:7") != 1 || home[device[1]] != "" {
		t.Errorf("customer has %d events; the blocked device is in %q", at("customer_id:7"), home[device[1]])
	}
	var dead []string
	for _, f := range c.facts(wire.FactRejected) {
		dead = append(dead, f.Rejected.Reason+": "+f.Rejected.Detail)
	}
	if want := "identifiers_blocked: every identifier is blocked by catalogue blocked@2"; len(dead) != 2 || dead[0] != want || c.members[0].dead+c.members[1].dead != 2 {
		t.Errorf("dead letters %v, %d of them written; want two of %q", dead, c.members[0].dead+c.members[1].dead, want)
	}
	blocked := 0
	for _, f := range c.facts(wire.FactEdge) {
		if f.Edge.Reason == "blocked" && !f.Edge.Accepted {
			blocked++
		}
	}
	if blocked != 2 {
		t.Errorf("%d refused edges are blocked; want those to the openid and to the device", blocked)
	}
	c.checkIdle()
	if len(c.faults) > 0 {
		t.Error(c.faults)
	}
}

// TestBlockedOnTheWay blocks a value when a Link to it is under way: the address itself refuses.
func TestBlockedOnTheWay(t *testing.T) {
	ids := append(idsIn("phone", 0, 2, 1), idsIn("device_id", 1, 2, 1)...)
	c := newCluster(t, 1, 2, fmt.Sprintf(countCatalog, "{}"), func(d *schemas.Deployment) { d.Identifiers = worldTypes(false) })
	c.rest()
	c.event(0, "e", "buy", c.clock, ids...)
	for c.step(0) { // the event is counted, its Link stands behind the activation in the other's log
	}
	link := c.members[1].log[len(c.members[1].log)-1]
	c.members[1].log = c.members[1].log[:len(c.members[1].log)-1]
	c.activate(2, fmt.Sprintf(blockedCatalog, "phone", "x", strings.TrimPrefix(ids[1], "device_id:")))
	c.members[1].log = append(c.members[1].log, link)
	c.rest()
	edges := c.facts(wire.FactEdge)
	if len(edges) != 1 || edges[0].Edge.Accepted || edges[0].Edge.Reason != "blocked" || edges[0].Edge.B != ids[1] {
		t.Errorf("edges %+v; want one that is blocked", edges)
	}
	for _, r := range machine.Roots(c.members[0].m) {
		if len(r.Linking) > 0 {
			t.Errorf("still linking %v", r.Linking)
		}
	}
}

// TestTwoPeopleOnOneTablet keeps two people apart who are known by phone only and share a device, in
// whatever order, while one person's second phone joins through a strong edge.
func TestTwoPeopleOnOneTablet(t *testing.T) {
	for seed := range seeds(60, 20) {
		c := newCluster(t, seed, 1+int(seed%4), fmt.Sprintf(countCatalog, "{}"), nil)
		c.activate(2, "name: two\nidentifiers: {phone: {max: 3}}\nfeatures: {events: {kind: count, event: \"*\"}}\n")
		sent := [][]string{{"phone:a", "device_id:tablet"}, {"phone:b", "device_id:tablet"}, {"device_id:tablet"},
			{"phone:a", "phone:a2"}, {"phone:b", "anonymous_id:browser"}, {"phone:a", "anonymous_id:browser"}}
		for i, k := range c.random.Perm(len(sent)) {
			c.event(i%2, fmt.Sprint("e", i), "view", c.clock, sent[k]...)
			c.some(c.random.IntN(10))
		}
		c.rest()
		c.clock += 60_000
		for range 3 {
			c.tick()
			c.rest()
		}
		seen := c.survivors()
		home := c.home(seen)
		if len(seen) != 2 || home["phone:a"] == home["phone:b"] || home["phone:a"] != home["phone:a2"] || home["device_id:tablet"] == "" {
			t.Fatalf("seed %d: %d profiles: %v", seed, len(seen), home)
		}
		c.checkChains(seen)
		c.checkIdle()
		c.checkRefusals()
		c.checkClosure(seen, c.facts(wire.FactEvent))
		if len(c.faults) > 0 {
			t.Fatalf("seed %d: %v", seed, c.faults)
		}
	}
}

// TestAddressSaysWhereItWent lets a node that never held an event accept a child and then go into another
// profile before the child's Absorb has come: who was told of it as a winner must be able to follow.
func TestAddressSaysWhereItWent(t *testing.T) {
	c, r := single(t)
	v, u, w := idIn(0, 2), wire.Node{ID: "phone:u", Born: 1 << 62}, wire.Node{ID: "phone:w", Born: 1}
	seq := uint64(0)
	say := func(m wire.Message) *machine.Effects {
		seq++
		out := machine.NewEffects(2)
		rec := &wire.InboxRecord{Deployment: c.dep.Hash(), Source: wire.FromMachine, From: 1, Seq: seq, Messages: []wire.Message{m}}
		if err := r.m.Apply(r.m.Position(), encoded(rec), out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	say(wire.Message{Kind: wire.MsgPropose, To: v, From: u, Counts: []wire.TypeCount{{Type: "phone", Count: 1}}, Via: v, Other: u.ID})
	say(wire.Message{Kind: wire.MsgLink, To: v, From: w, Via: v, Other: w.ID})
	out := say(wire.Message{Kind: wire.MsgAccept, To: v, From: w, Via: v, Other: w.ID})
	if len(out.Tags) != 1 || out.Tags[0].Kind != string(schemas.Merged) || len(out.Docs) != 1 || out.Docs[0].Value != nil {
		t.Fatalf("%d changes, %d documents: want merged and its tombstone", len(out.Tags), len(out.Docs))
	}
	if change := parseChange(out.Tags[0].Value); change.Winner == "" || change.Winner == change.ProfileID || change.PreviousVersion != 0 {
		t.Errorf("change %s", out.Tags[0].Value)
	}
}

// TestRulesReadNothing: what authors of catalogues are told of features without events, of scopes, and of ne.
func TestRulesReadNothing(t *testing.T) {
	c := newCluster(t, 1, 1, `name: nothing
features:
  orders: {kind: count, event: order_paid}
  min_order: {kind: min, event: order_paid, property: amount}
  since_paid: {kind: recency, event: order_paid}
  first_paid: {kind: first, event: order_paid}
  coupon: {kind: last, event: order_paid, property: coupon, type: string}
  gift: {kind: last, event: order_paid, property: gift, type: bool}
  elsewhere: {kind: count, event: login, where: {place: {ne: app}}}
  known_elsewhere: {kind: count, event: login, where: {place: {ne: app, exists: true}}}
tags:
  cheap: {when: "min_order < 50.0"}
  cheap_buyer: {when: "orders > 0 && min_order < 50.0"}
  zeros: {when: "orders == 0 && min_order == 0.0 && coupon == '' && !gift && first_paid == timestamp('1970-01-01T00:00:00Z')"}
  long_ago: {when: "since_paid >= days(36500) && since_paid <= days(36500)"}
  scoped: {when: "'wxapp1:oA' in identifiers['openid']"}
  not_app: {when: "elsewhere == 1"}
  known_not_app: {when: "known_elsewhere == 1"}
`, nil)
	c.event(0, "e", "login", c.clock, "openid@wxapp1:oA")
	c.rest()
	doc, _, err := c.members[0].m.Lookup("openid@wxapp1:oA")
	if err != nil || doc == nil {
		t.Fatalf("%+v, %v", doc, err)
	}
	for _, tag := range []string{"cheap", "zeros", "long_ago", "scoped", "not_app"} {
		if doc.Tags[tag] != true {
			t.Errorf("%s does not hold", tag)
		}
	}
	for _, tag := range []string{"cheap_buyer", "known_not_app"} {
		if _, on := doc.Tags[tag]; on {
			t.Errorf("%s holds", tag)
		}
	}
}
