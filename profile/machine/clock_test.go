package machine_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

const absenceCatalog = `name: absence
features:
  events: {kind: count, event: "*"}
  carts: {kind: count, event: cart}
  buys: {kind: count, event: buy}
  since_cart: {kind: recency, event: cart}
  since: {kind: recency, event: "*"}
tags:
  abandoned: {when: "carts > buys && since_cart > duration('5s')"}
  gone: {when: "events > 0 && since > duration('120s')"}
`

// person has two identifiers that live in different partitions, or in one: at least one of them is
// forwarded to the other.
type person [2]string

// people returns persons who are known already: their identifiers are one profile, and nothing moves.
func people(c *cluster, n int) []person {
	list := make([]person, n)
	for k := range list {
		list[k] = person{fmt.Sprintf("phone:%d", k), fmt.Sprintf("anonymous_id:%d", k)}
		c.event(k%2, fmt.Sprintf("login%d", k), "login", c.clock, list[k][:]...)
	}
	c.rest()
	c.tick()
	c.rest()
	return list
}

// shopping is what really happens, in the order of its time: each cart is bought within three seconds, under
// another identifier and in another events partition, and nobody is away for two minutes.
type shopping struct {
	at        int64
	partition int
	name, id  string
	who       string
}

func (c *cluster) plan(list []person, until, every int64) []shopping {
	var all []shopping
	for at := c.clock; at < until; at += every {
		for k, p := range list {
			start, swap := at+int64(c.random.IntN(10_000)), c.random.IntN(2)
			all = append(all,
				shopping{start, swap, "cart", fmt.Sprintf("c%d-%d", at, k), p[c.random.IntN(2)]},
				shopping{start + 1 + int64(c.random.IntN(3_000)), 1 - swap, "buy", fmt.Sprintf("b%d-%d", at, k), p[c.random.IntN(2)]})
		}
	}
	slices.SortStableFunc(all, func(a, b shopping) int { return cmp.Compare(a.at, b.at) })
	return all
}

// falseAbsence returns the first tag change that real life contradicts.
func (c *cluster) falseAbsence() string {
	for _, list := range c.changes() {
		for _, change := range list {
			if change.Tag != "" {
				return fmt.Sprintf("%s %s at %s", change.Tag, change.Change, change.EventTime)
			}
		}
	}
	return ""
}

// without steps machines at random, all but the paused one.
func (c *cluster) without(paused, n int) {
	for range n {
		if q := c.random.IntN(len(c.members)); q != paused {
			c.step(q)
		}
	}
}

// TestNoFalseAbsence lets real life go on while routers are away, or a machine pauses: what is read
// late must not be taken for what did not happen.
func TestNoFalseAbsence(t *testing.T) {
	for seed := range seeds(40, 8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			c := newCluster(t, seed, 1+int(seed%4), absenceCatalog, func(d *schemas.Deployment) { d.Identifiers = worldTypes(false) })
			list := people(c, 8)
			c.routersAway(list)
			c.machinePauses(list)
			c.clock += 2_000
			c.tick()
			c.rest()
			if what := c.falseAbsence(); what != "" {
				t.Fatalf("seed %d: %s, which is not true", seed, what)
			}
			if b := c.members[0]; b.m.Watermark() != c.clock {
				t.Errorf("the watermark stands at %d, not at %d", b.m.Watermark(), c.clock)
			}
			// The other way round: when they really stay away, the tag comes.
			c.clock += 130_000
			c.tick()
			c.rest()
			gone := 0
			for _, changes := range c.changes() {
				for _, change := range changes {
					if change.Tag == "gone" && change.Change == schemas.Entered {
						gone++
					}
				}
			}
			if gone != len(list) {
				t.Errorf("%d are gone, want %d", gone, len(list))
			}
			if len(c.faults) > 0 {
				t.Error(c.faults)
			}
		})
	}
}

// routersAway lets an hour pass without routers. Then those of one events partition come back first and
// read their backlog up to the end, ticks and all, before the other ones begin.
func (c *cluster) routersAway(list []person) {
	life := c.plan(list, c.clock+3_600_000, 100_000)
	end := life[len(life)-1].at
	first := c.random.IntN(2)
	for _, p := range []int{first, 1 - first} {
		for _, s := range life {
			if s.partition == p {
				c.clock = s.at
				c.event(p, s.id, s.name, s.at, s.who)
				c.without(-1, c.random.IntN(4))
			}
		}
		c.clock = end
		for q := range c.members {
			c.append(q, &wire.InboxRecord{Source: wire.FromRouter, Ticks: []wire.Tick{{Partition: int32(p), Stamp: c.clock}}})
		}
		c.without(-1, 200)
	}
	c.rest()
}

// machinePauses lets real life go on, each thing routed when it happens, with ticks; one machine sleeps
// most of the time, and others go on without it.
func (c *cluster) machinePauses(list []person) {
	life := c.plan(list, c.clock+100_000, 20_000)
	start := c.clock
	paused := c.random.IntN(len(c.members))
	for at := start; at < start+130_000; at += 250 {
		c.clock = at
		for _, s := range life {
			if s.at >= at && s.at < at+250 {
				c.clock = s.at
				c.event(s.partition, s.id, s.name, s.at, s.who)
			}
		}
		c.clock = at + 250
		c.tick()
		if c.random.IntN(60) == 0 {
			paused = c.random.IntN(len(c.members) + 1)
		}
		c.without(paused, 12*len(c.members))
	}
	c.rest()
}

// TestWatermark sees what it is made of: the smallest stamp of every events partition, at every machine.
func TestWatermark(t *testing.T) {
	c := newCluster(t, 1, 2, absenceCatalog, nil)
	c.rest()
	tell := func(q, partition int, stamp int64) {
		c.append(q, &wire.InboxRecord{Source: wire.FromRouter, Ticks: []wire.Tick{{Partition: int32(partition), Stamp: stamp}}})
		c.rest()
	}
	marks := func() [2]int64 { return [2]int64{c.members[0].m.Watermark(), c.members[1].m.Watermark()} }
	const s = testStart
	for _, step := range []struct {
		q, partition int
		stamp        int64
		want         int64
	}{
		{0, 0, s + 1000, 0}, {0, 1, s + 2000, 0}, // machine 1 has heard nothing
		{1, 0, s + 3000, 0}, {1, 1, s + 500, s + 500}, // the smallest of all
		{1, 1, s + 699, s + 500},   // less than a step of 200 ms: not told yet
		{1, 1, s + 700, s + 700},   // a step
		{1, 1, s + 5000, s + 1000}, // machine 0 holds
		{0, 0, s + 100, s + 1000},  // nothing goes back
		{0, 7, s + 9000, s + 1000}, // an events partition that is none
		{0, 0, s + 9000, s + 2000},
	} {
		tell(step.q, step.partition, step.stamp)
		if got := marks(); got != [2]int64{step.want, step.want} {
			t.Fatalf("after stamp %d of events partition %d at machine %d: watermarks %v, want %d", step.stamp-s, step.partition, step.q, got, step.want)
		}
	}
}

// TestMarkers sees that a tail of facts is followed by two markers, so that the sink never waits.
func TestMarkers(t *testing.T) {
	_, r := single(t)
	c := r.c
	at := func(stamp int64, routed []wire.Routed) int {
		out := machine.NewEffects(2)
		rec := &wire.InboxRecord{Deployment: c.dep.Hash(), Source: wire.FromRouter, Routed: routed, Ticks: []wire.Tick{{Stamp: stamp}}}
		if err := r.m.Apply(r.m.Position(), encoded(rec), out); err != nil {
			t.Fatal(err)
		}
		return out.Markers
	}
	for range 2 { // before the first fact everything is long ago
		at(testStart, nil)
	}
	items := manyEvents(1)
	items[0].Event.Identifiers = []string{idIn(0, 2)}
	var got []int
	at(testStart, items)
	for _, ms := range []int64{500, 1_999, 2_000, 2_500, 9_999, 10_000, 10_001, 60_000} {
		got = append(got, at(testStart+ms, nil))
	}
	if fmt.Sprint(got) != "[0 0 1 0 0 1 0 0]" {
		t.Errorf("markers %v, want one after 2 s and one after 10 s", got)
	}
}
