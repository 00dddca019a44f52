package machine_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// shopCatalog has one feature per mechanism; recompute_test.go computes the same from raw events.
const shopCatalog = `name: shop
identifiers: %s
aliases: {"Order Paid": buy}
features:
  events: {kind: count, event: "*"}
  buys: {kind: count, event: buy}
  carts: {kind: count, event: cart}
  paid: {kind: sum, event: buy, property: amount}
  paid_1m: {kind: sum, event: buy, property: amount, window: 60s, bucket: 2s}
  large: {kind: count, event: buy, where: {amount: {gte: 60}}}
  cats: {kind: distinct, event: [cart, view], property: category}
  cats_1m: {kind: distinct, event: [cart, view], property: category, window: 60s, bucket: 2s}
  since_buy: {kind: recency, event: buy}
  since_cart: {kind: recency, event: cart}
  latest_cat: {kind: last, event: [cart, view], property: category, type: string}
tags:
  buyer: {when: "buys > 0"}
  spender: {when: "paid_1m >= 100.0", weight: 1.5}
  curious: {when: "cats_1m >= 2"}
  phoned: {when: "size(identifiers.phone) > 0"}
  waiting: {when: "carts > 0 && since_cart > duration('5s') && since_cart <= duration('40s')"}
  lifecycle:
    enum: [potential, new, repeat, dormant]
    cases:
      - {value: dormant, when: "buys > 0 && since_buy > duration('45s')"}
      - {value: repeat, when: "buys > 1"}
      - {value: new, when: "buys == 1"}
    default: potential
`

// world sends a random shop's events through a cluster as routers do: items gathered into records,
// records repeated by zombies that gather them differently, ticks behind everything handed on.
type world struct {
	*cluster
	sent   []*wire.Event            // each once, in order
	queued map[[2]int][]wire.Routed // by inbox and events partition: not yet written
	past   map[[2]int][]wire.Routed // written
	pool   []string                 // identifiers
	faulty bool                     // zombies and producers' retries
}

func worldTypes(weak bool) []schemas.IdentifierType {
	return []schemas.IdentifierType{{Name: "phone", Max: 20}, {Name: "device_id", Max: 20, Weak: weak}, {Name: "anonymous_id", Max: 20, Weak: weak}}
}

func newWorld(t testing.TB, seed uint64, limits string, change func(*schemas.Deployment)) *world {
	w := &world{queued: map[[2]int][]wire.Routed{}, past: map[[2]int][]wire.Routed{}}
	w.cluster = newCluster(t, seed, 1+int(seed%5), fmt.Sprintf(shopCatalog, limits), func(d *schemas.Deployment) {
		d.Identifiers = worldTypes(true)
		if change != nil {
			change(d)
		}
	})
	for _, ty := range []string{"phone", "device_id", "anonymous_id"} {
		for k := range 4 {
			w.pool = append(w.pool, fmt.Sprintf("%s:%d", ty, k))
		}
	}
	return w
}

// sort brings identifiers into order of priority, as the router does.
func (c *cluster) sort(ids []string) []string {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b string) int {
		if d := c.dep.Priority(schemas.BaseType(a)) - c.dep.Priority(schemas.BaseType(b)); d != 0 {
			return d
		}
		return cmp.Compare(a, b)
	})
	return slices.Compact(ids)
}

// happen queues a random event of the shop at the clock.
func (w *world) happen() *wire.Event {
	perm := w.random.Perm(len(w.pool))[:[]int{1, 2, 2, 3}[w.random.IntN(4)]]
	ids := make([]string, len(perm))
	for i, p := range perm {
		ids[i] = w.pool[p]
	}
	name := []string{"buy", "Order Paid", "view", "view", "cart"}[w.random.IntN(5)]
	ev := &wire.Event{ID: fmt.Sprintf("e%d", len(w.sent)), Name: name, Channel: "shop", Identifiers: w.sort(ids)}
	ev.Time = w.clock - int64(w.random.IntN(2)*w.random.IntN(30_000)) // half of them come late
	if name == "view" || name == "cart" {
		ev.Props = append(ev.Props, wire.Prop{Key: "category", Kind: wire.PropString, Text: []string{"skin", "hair", "tea"}[w.random.IntN(3)]})
	} else if w.random.IntN(8) > 0 {
		ev.Props = append(ev.Props, wire.Prop{Key: "amount", Kind: wire.PropNumber, Text: fmt.Sprintf("%d.%02d", w.random.IntN(120), w.random.IntN(100))})
	}
	w.sent = append(w.sent, ev)
	w.route(w.random.IntN(w.dep.EventsPartitions), ev)
	return ev
}

// route queues an event for its anchor's inbox, as read from the next offset of an events partition.
func (w *world) route(partition int, ev *wire.Event) {
	copied := *ev
	copied.At = wire.Position{Partition: int32(partition), Offset: int64(w.index[partition])}
	copied.Kafka = w.clock
	w.index[partition]++
	key := [2]int{schemas.PartitionOf(ev.Identifiers[0], len(w.members)), partition}
	w.queued[key] = append(w.queued[key], wire.Routed{Stamp: w.clock, Event: &copied})
}

// flush writes what is queued, in records of random length.
func (w *world) flush() {
	for q := range w.members {
		for p := range w.dep.EventsPartitions {
			key := [2]int{q, p}
			for list := w.queued[key]; len(list) > 0; {
				n := 1 + w.random.IntN(len(list))
				w.append(q, &wire.InboxRecord{Source: wire.FromRouter, From: int32(p), Routed: list[:n]})
				w.past[key] = append(w.past[key], list[:n]...)
				list = list[n:]
			}
			delete(w.queued, key)
		}
	}
}

// zombie repeats what was written, from a random item on, gathered differently.
func (w *world) zombie() {
	key := [2]int{w.random.IntN(len(w.members)), w.random.IntN(w.dep.EventsPartitions)}
	list := w.past[key]
	if len(list) == 0 {
		return
	}
	list = list[w.random.IntN(len(list)):]
	for len(list) > 0 {
		n := min(len(list), 1+w.random.IntN(5))
		w.append(key[0], &wire.InboxRecord{Source: wire.FromRouter, From: int32(key[1]), Routed: list[:n]})
		list = list[n:]
	}
}

// live lets n events happen, with everything else between them.
func (w *world) live(n int) {
	for range n {
		w.clock += int64(w.random.IntN(2500))
		w.happen()
		if w.random.IntN(3) == 0 {
			w.flush()
		}
		if w.random.IntN(5) == 0 {
			w.flush()
			w.tick()
		}
		if w.faulty && w.random.IntN(6) == 0 {
			w.zombie()
		}
		w.some([]int{0, 1, 5, 20}[w.random.IntN(4)])
	}
}

// settle brings everything to rest at a later clock, and lets documents have their interval.
func (w *world) settle(ms int64) {
	w.flush()
	w.rest()
	for _, step := range []int64{ms, 20_000, 1_000} {
		w.clock += step
		w.tick()
		w.rest()
	}
}

// home returns the surviving profile of each identifier; it faults on one that has two.
func (c *cluster) home(seen map[string]*profileSeen) map[string]string {
	home := map[string]string{}
	for key, p := range seen {
		for _, id := range p.ids {
			if other, ok := home[id]; ok {
				c.fault("%s is in profiles %s and %s", id, other, key)
			}
			home[id] = key
		}
	}
	return home
}

// changes returns every tag change ever said, by profile, in order of version.
func (c *cluster) changes() map[string][]schemas.TagChange {
	by := map[string][]schemas.TagChange{}
	for _, b := range c.members {
		for _, text := range b.tags {
			var change schemas.TagChange
			if err := json.Unmarshal(text, &change); err != nil {
				c.t.Fatal(err)
			}
			by[change.ProfileID] = append(by[change.ProfileID], change)
		}
	}
	for _, list := range by {
		slices.SortFunc(list, func(a, b schemas.TagChange) int { return cmp.Compare(a.Version, b.Version) })
	}
	return by
}

// checkChains checks the public contract of tag changes: gapless chains, nothing said that was so
// already, a document's tags are those of its changes, and a loser ends with nothing on and one merged.
func (c *cluster) checkChains(seen map[string]*profileSeen) {
	next := map[string]string{} // loser -> winner as told
	for key, list := range c.changes() {
		on, before := map[string]any{}, uint64(0)
		for k, change := range list {
			if change.PreviousVersion != before {
				c.fault("profile %s: change %s follows %d, not %d", key, change.ID, change.PreviousVersion, before)
			}
			before = change.Version
			if change.Change == schemas.Merged {
				if k != len(list)-1 || len(on) > 0 || change.Winner == "" || change.Tag != "" {
					c.fault("profile %s: merged is change %d of %d with %v on, winner %q", key, k+1, len(list), on, change.Winner)
				}
				next[key] = change.Winner
				continue
			}
			if was := on[change.Tag]; was != change.Previous && !(was == nil && change.Previous == false) {
				c.fault("profile %s: %s was %v, change %s says %v", key, change.Tag, was, change.ID, change.Previous)
			}
			if change.Value == nil || change.Value == false {
				delete(on, change.Tag)
			} else {
				on[change.Tag] = change.Value
			}
			if want := wantChange(change); change.Change != want {
				c.fault("profile %s: %s of %s is called %s, not %s", key, change.ID, change.Tag, change.Change, want)
			}
		}
		p := seen[key]
		if _, gone := next[key]; gone == (p != nil) {
			c.fault("profile %s: merged %v, document %v", key, gone, p != nil)
		}
		if p != nil && (fmt.Sprint(on) != fmt.Sprint(p.doc.Tags) || p.doc.TagVersion != before) {
			c.fault("profile %s: changes up to %d leave %v, the document has %v at %d", key, before, on, p.doc.Tags, p.doc.TagVersion)
		}
	}
	c.checkWinners(seen, next)
}

func wantChange(change schemas.TagChange) schemas.Change {
	off := func(v any) bool { return v == nil || v == false }
	switch {
	case off(change.Previous):
		return schemas.Entered
	case off(change.Value):
		return schemas.Left
	}
	return schemas.Changed
}

// checkWinners follows the winners told to consumers: they must end where ClickHouse's relation does.
func (c *cluster) checkWinners(seen map[string]*profileSeen, next map[string]string) {
	type row struct {
		winner string
		rank   int64
	}
	rows := map[string]row{}
	for _, f := range c.facts(wire.FactMerge) {
		loser := machine.UUIDText(f.Merge.Loser)
		if old, ok := rows[loser]; !ok || f.Merge.Rank < old.rank {
			rows[loser] = row{machine.UUIDText(f.Profile), f.Merge.Rank}
		}
	}
	for loser, winner := range next {
		for hops := 0; next[winner] != ""; hops++ {
			if hops > len(next) {
				c.fault("winners of %s go in a circle", loser)
				return
			}
			winner = next[winner]
		}
		if seen[winner] == nil {
			c.fault("profile %s went into %s, which does not survive", loser, winner)
		}
		if r, ok := rows[loser]; ok && r.winner != winner {
			c.fault("profile %s: changes lead to %s, facts to %s", loser, winner, r.winner)
		}
	}
}

func parseChange(text []byte) (change schemas.TagChange) {
	if err := json.Unmarshal(text, &change); err != nil {
		panic(err)
	}
	return change
}
