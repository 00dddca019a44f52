package machine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"portrait/profile/identity"
	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

const countCatalog = `name: count
identifiers: %s
features:
  events: {kind: count, event: "*"}
  buys: {kind: count, event: buy}
  since_buy: {kind: recency, event: buy}
tags:
  buyer: {when: "buys > 0"}
  heavy: {when: "events >= 5"}
  cooled: {when: "buys > 0 && since_buy > duration('5s')"}
`

// graphCase is one kind of random graph.
type graphCase struct {
	name   string
	limits string // of the catalogue
	weak   bool   // device and cookie are weak, as shipped
	queue  int
}

// profileSeen is what the outputs say of one surviving profile.
type profileSeen struct {
	doc schemas.ProfileDoc
	ids []string
}

// TestIdentityRandomGraphs sends random events over random graphs, interleavings and restarts, and
// checks at rest what must hold whatever the interleaving was.
func TestIdentityRandomGraphs(t *testing.T) {
	seeds := uint64(100)
	if testing.Short() {
		seeds = 20
	}
	for _, g := range []graphCase{
		{"no limits", "{}", false, 64},
		{"limits", "{phone: {max: 2}, device_id: {max: 2}, anonymous_id: {max: 4}}", false, 64},
		{"weak types", "{}", true, 64},
		{"limits and weak types", "{phone: {max: 2}, device_id: {max: 2}, anonymous_id: {max: 4}}", true, 64},
		{"short queues", "{}", false, 1},
		{"short queues, limits and weak types", "{phone: {max: 2}, device_id: {max: 2}, anonymous_id: {max: 4}}", true, 1},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for seed := range seeds {
				if faults := runGraph(t, g, seed); len(faults) > 0 {
					t.Fatalf("seed %d: %v", seed, faults)
				}
			}
		})
	}
}

func runGraph(t *testing.T, g graphCase, seed uint64) []string {
	partitions := 1 + int(seed%7)
	c := newCluster(t, seed, partitions, fmt.Sprintf(countCatalog, g.limits), func(d *schemas.Deployment) {
		d.QueueLimit = g.queue
		d.Identifiers = []schemas.IdentifierType{{Name: "phone", Max: 20}, {Name: "device_id", Max: 20, Weak: g.weak}, {Name: "anonymous_id", Max: 20, Weak: g.weak}}
	})
	var pool []string
	for _, ty := range []string{"phone", "device_id", "anonymous_id"} {
		for k := range 4 {
			pool = append(pool, fmt.Sprintf("%s:%d", ty, k))
		}
	}
	var edges [][]string
	send := func(ids []string) {
		edges = append(edges, ids)
		c.clock += int64(c.random.IntN(900))
		name := []string{"buy", "view"}[c.random.IntN(2)]
		c.event(c.random.IntN(2), fmt.Sprintf("e%d", len(edges)), name, c.clock, ids...)
	}
	for range 40 {
		perm := c.random.Perm(len(pool))[:[]int{1, 2, 2, 3}[c.random.IntN(4)]]
		ids := make([]string, len(perm))
		for i, p := range perm {
			ids[i] = pool[p]
		}
		send(ids)
		if c.random.IntN(5) == 0 {
			c.tick()
		}
		c.some([]int{0, 1, 5, 20}[c.random.IntN(4)])
	}
	c.rest()
	if g.queue < 64 { // links forgotten on the way are found again by later events
		for _, ids := range slices.Clone(edges) {
			send(ids)
			c.rest()
		}
	}
	c.clock += 20_000 // documents have had their interval, and everybody has cooled down
	for range 3 {
		c.tick()
		c.rest()
	}
	c.check(g, edges)
	return c.faults
}

// survivors reads the surviving profiles off the documents, and checks what facts say of them.
func (c *cluster) survivors() map[string]*profileSeen {
	out := map[string]*profileSeen{}
	for _, b := range c.members {
		for key, d := range b.docs {
			if d.Value == nil {
				continue
			}
			p := new(profileSeen)
			if err := json.Unmarshal(d.Value, &p.doc); err != nil {
				c.t.Fatal(err)
			}
			for ty, list := range p.doc.Identifiers {
				for _, v := range list {
					p.ids = append(p.ids, ty+":"+v)
				}
			}
			slices.Sort(p.ids)
			out[key] = p
		}
	}
	return out
}

func (c *cluster) check(g graphCase, edges [][]string) {
	seen := c.survivors()
	home := c.home(seen)
	total := int64(0)
	for _, p := range seen {
		total += p.doc.Events
		c.checkTags(p)
	}
	if total != int64(len(edges)) {
		c.fault("%d events are counted, %d were sent", total, len(edges))
	}
	events, counted := c.facts(wire.FactEvent), map[string]bool{}
	for _, f := range events {
		if counted[f.Event.ID] {
			c.fault("event %s is counted twice", f.Event.ID)
		}
		counted[f.Event.ID] = true
	}
	if len(counted) != len(edges) {
		c.fault("%d events in facts, %d were sent", len(counted), len(edges))
	}
	c.checkIdle()
	c.checkRefusals()
	c.checkChains(seen)
	for q, b := range c.members {
		if n := b.m.Timers(); n > 0 {
			c.fault("partition %d: %d timers are left at rest", q, n)
		}
	}
	c.checkClosure(seen, events)
	if g.limits == "{}" && !g.weak {
		c.checkComponents(edges, home)
	}
}

// checkTags compares tags with a recomputation from the document's own features.
func (c *cluster) checkTags(p *profileSeen) {
	num := func(name string) string { return string(p.doc.Features[name]) }
	buys := num("buys") != "" && num("buys") != "0"
	for tag, want := range map[string]bool{"buyer": buys, "cooled": buys, "heavy": p.doc.Events >= 5} {
		if got := p.doc.Tags[tag] == true; got != want {
			c.fault("profile %s: tag %s is %v, features %s", p.doc.ProfileID, tag, got, p.doc.Features)
		}
	}
	if num("events") != fmt.Sprint(p.doc.Events) {
		c.fault("profile %s: feature events is %s of %d", p.doc.ProfileID, num("events"), p.doc.Events)
	}
}

// facts returns the facts of one kind of all machines.
func (c *cluster) facts(kind wire.FactKind) []wire.Fact {
	var list []wire.Fact
	for _, b := range c.members {
		for seq := uint64(1); seq <= uint64(len(b.facts)); seq++ {
			text, ok := b.facts[seq]
			if !ok {
				c.fault("fact %d is missing", seq)
				continue
			}
			d := wire.NewDecoder(text)
			var f wire.Fact
			f.Decode(d)
			if err := d.Close(); err != nil {
				c.t.Fatal(err)
			}
			if f.Kind == kind {
				list = append(list, f)
			}
		}
	}
	return list
}

// checkIdle looks into the machines: nothing may be under way at rest, and no limit exceeded.
func (c *cluster) checkIdle() {
	for q, b := range c.members {
		for _, r := range machine.Roots(b.m) {
			if !r.Idle() {
				c.fault("partition %d: root %v is not idle at rest", q, r.Members)
			}
			for _, n := range r.Counts() {
				if limit := b.m.Catalog().Limit(n.Type); n.Count > limit {
					c.fault("%d identifiers of type %s in one profile, at most %d", n.Count, n.Type, limit)
				}
			}
		}
	}
}

// checkRefusals checks that nothing is refused that fits at rest: no remembered refusal may stand
// between two profiles that could be one.
func (c *cluster) checkRefusals() {
	roots := map[string]*identity.Root{}
	for _, b := range c.members {
		for _, r := range machine.Roots(b.m) {
			for _, id := range r.Members {
				roots[id] = r
			}
		}
	}
	for _, r := range roots {
		for _, edge := range r.Refused {
			other := roots[edge.Via]
			if other != nil && other != r && !c.members[0].m.Catalog().Blocked(edge.Via) && c.fits(r, other, edge.Weak) {
				c.fault("%v and %v: refused through %s, but it fits", r.Members, other.Members, edge.Via)
			}
		}
	}
}

// fits says by counting members whether two profiles may be one.
func (c *cluster) fits(a, b *identity.Root, weak bool) bool {
	count := func(r *identity.Root) (by map[string]int, strong bool) {
		by = map[string]int{}
		for _, id := range r.Members {
			ty := schemas.BaseType(id)
			by[ty]++
			strong = strong || !c.dep.Identifiers[c.dep.Priority(ty)].Weak
		}
		return by, strong
	}
	x, xStrong := count(a)
	y, yStrong := count(b)
	for ty, n := range y {
		if x[ty]+n > c.members[0].m.Catalog().Limit(ty) {
			return false
		}
	}
	return !weak || !xStrong || !yStrong
}

// checkClosure checks that the relation of merges leads from every profile that an event was recorded
// under to exactly one surviving profile, the one that counts it.
func (c *cluster) checkClosure(seen map[string]*profileSeen, events []wire.Fact) {
	type winner struct {
		profile [16]byte
		rank    int64
	}
	winners := map[[16]byte]winner{}
	for _, f := range c.facts(wire.FactMerge) {
		if w, ok := winners[f.Merge.Loser]; !ok || f.Merge.Rank < w.rank {
			winners[f.Merge.Loser] = winner{f.Profile, f.Merge.Rank}
		}
	}
	counts := map[string]int64{}
	for _, f := range events {
		id := f.Profile
		if w, ok := winners[id]; ok {
			id = w.profile
		}
		counts[machine.UUIDText(id)]++
	}
	for key, p := range seen {
		if counts[key] != p.doc.Events {
			c.fault("profile %s has %d events, the resolved facts %d", key, p.doc.Events, counts[key])
		}
		delete(counts, key)
	}
	if len(counts) > 0 {
		c.fault("events resolve to profiles that do not survive: %v", counts)
	}
}

// checkComponents compares the profiles with the connected components of what was sent.
func (c *cluster) checkComponents(edges [][]string, home map[string]string) {
	parent := map[string]string{}
	var find func(a string) string
	find = func(a string) string {
		if p, ok := parent[a]; ok && p != a {
			return find(p)
		}
		parent[a] = a
		return a
	}
	for _, ids := range edges {
		for _, y := range ids {
			parent[find(ids[0])] = find(y)
		}
	}
	of := map[string]string{}
	for id := range parent {
		root := find(id)
		if want, ok := of[root]; ok && want != home[id] {
			c.fault("%s and %s are connected and in two profiles", id, root)
		}
		of[root] = home[id]
	}
	profiles := map[string]bool{}
	for _, key := range of {
		profiles[key] = true
	}
	if len(profiles) != len(of) {
		c.fault("%d components are in %d profiles", len(of), len(profiles))
	}
}
