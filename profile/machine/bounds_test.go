package machine_test

import (
	"fmt"
	"strings"
	"testing"

	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

const waveCatalog = `name: wave
features:
  since: {kind: recency, event: "*"}
  events: {kind: count, event: "*"}
tags:
  silent: {when: "events > 0 && since > duration('5s')"}
`

// continues counts the Continue messages of a partition that lie in its log and are not applied.
func continues(c *cluster, q int) int {
	n := 0
	for _, text := range c.members[q].log[c.members[q].next:] {
		r, err := wire.DecodeInbox(text)
		if err != nil {
			c.t.Fatal(err)
		}
		for i := range r.Messages {
			if r.Messages[i].Kind == wire.MsgContinue {
				n++
			}
		}
	}
	return n
}

// upcoming is the record that a partition applies next, nil if there is none.
func upcoming(c *cluster, q int) *wire.InboxRecord {
	b := c.members[q]
	if int(b.next) >= len(b.log) {
		return nil
	}
	r, err := wire.DecodeInbox(b.log[b.next])
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// TestWaveOfTimers makes a thousand timers due at once. They fire in bounded parts, one Continue in
// flight, also over crashes; and events between them find their profile as of its deadline.
func TestWaveOfTimers(t *testing.T) {
	for _, crash := range []int{0, 1, 7} { // every so many records; 0: never
		t.Run(fmt.Sprintf("crash every %d", crash), func(t *testing.T) {
			const profiles, bound = 1000, 16
			c := newCluster(t, 1, 1, waveCatalog, func(d *schemas.Deployment) { d.TimersPerRecord = bound })
			for k := range profiles {
				c.event(0, fmt.Sprintf("e%d", k), "view", c.clock, fmt.Sprintf("device_id:%d", k))
			}
			c.tick()
			c.rest()
			c.checkpoint(0)
			b := c.members[0]
			c.clock += 5_001
			c.tick()
			most, waves := 0, 0
			for n := 0; ; n++ {
				if crash > 0 && n%crash == crash-1 {
					c.checkpoint(0)
					c.restart(0)
				}
				if n == 5 { // into the wave: timers of their own, which are far from their turn, go first
					c.event(1, "late", "view", c.clock, "device_id:999")
					c.event(1, "join", "view", c.clock, "device_id:996", "device_id:997")
				}
				fired, r := b.m.Counters.Timers, upcoming(c, 0)
				waiting := continues(c, 0) > 0 && (len(r.Messages) == 0 || r.Messages[0].Kind != wire.MsgContinue)
				if !c.step(0) {
					break
				}
				now := int(b.m.Counters.Timers - fired)
				if now > 0 {
					waves++
					most = max(most, now)
				}
				if items := max(len(r.Routed), len(r.Messages)); waiting && now > items+2 {
					t.Errorf("record %d of %d items fired %d timers while a Continue was in flight", n, items, now)
				}
				if in := continues(c, 0); in > 1 {
					t.Fatalf("record %d: %d Continue in flight", n, in)
				} else if in == 0 && n > 2 && waves < profiles/bound {
					t.Fatalf("record %d: nothing goes on after %d waves", n, waves)
				}
			}
			if most > bound+2 { // an event settles its own profile's timers beside the wave
				t.Errorf("%d timers fired in one record, at most %d", most, bound)
			}
			entered, left := 0, 0
			for _, list := range c.changes() {
				for _, change := range list {
					switch change.Change {
					case schemas.Entered:
						entered++
					case schemas.Left:
						left++
					}
				}
			}
			if entered != profiles || left != 3 {
				t.Errorf("%d entered, %d left; want %d, and 3: two that came back, one that was absorbed", entered, left, profiles)
			}
		})
	}
}

// TestSweepLeavesRoom: while a new catalogue's sweep is under way, it goes by its Continue; records of events between sweep
// nobody, and in the end everybody was swept.
func TestSweepLeavesRoom(t *testing.T) {
	const profiles = 1_000
	c := newCluster(t, 1, 1, waveCatalog, nil)
	for k := range profiles {
		c.event(0, fmt.Sprintf("e%d", k), "view", c.clock, fmt.Sprintf("device_id:%d", k))
	}
	c.tick()
	c.rest()
	c.checkpoint(0)
	c.activate(2, strings.Replace(waveCatalog, "5s", "9s", 1))
	b, between := c.members[0], 0
	before := b.m.Counters.Swept
	for n := 0; ; n++ {
		c.event(0, fmt.Sprintf("f%d", n), "view", c.clock, "device_id:other")
		swept, r := b.m.Counters.Swept, upcoming(c, 0)
		waiting := continues(c, 0) > 0 && (len(r.Messages) == 0 || r.Messages[0].Kind != wire.MsgContinue)
		c.step(0)
		if waiting {
			between++
			if b.m.Counters.Swept != swept {
				t.Fatalf("record %d swept %d profiles while a Continue was in flight", n, b.m.Counters.Swept-swept)
			}
		}
		if b.m.Counters.Swept-before >= profiles {
			break
		}
		if n > 100*profiles {
			t.Fatalf("%d of %d profiles were swept", b.m.Counters.Swept-before, profiles)
		}
	}
	if between == 0 {
		t.Error("no record came between")
	}
}

// long returns an identifier of a type, as long as routers let through.
func long(ty string, k int) string {
	return ty + ":" + strings.Repeat("x", 245) + fmt.Sprintf("%011d", k)
}

// TestGiantProfile offers one person ten thousand identifiers of the longest kind, and a crowd of
// neighbours who all want in. What a profile holds, and each message, stays within its bounds.
func TestGiantProfile(t *testing.T) {
	offered := int(seeds(10_000, 1_500))
	if *offerings > 0 {
		offered = *offerings
	}
	c := newCluster(t, 5, 3, fmt.Sprintf(shopCatalog, "{}"), nil)
	types := c.dep.Identifiers
	state, message := 0, 0
	watch := func(q int) {
		b := c.members[q]
		cut := b.m.Cut()
		cp := cut.Checkpoint()
		for _, ch := range cp.Changes {
			state = max(state, len(ch.Value))
		}
		b.view.commit(cp)
		b.m.Committed(cut.Number)
		for _, r := range machine.Roots(b.m) {
			for what, n := range map[string][2]int{"links": {len(r.Linking), c.dep.LinksRemembered}, "refusals": {len(r.Refused), c.dep.LinksRemembered},
				"wants": {len(r.Wants), c.dep.QueueLimit}, "proposals": {len(r.Deferred), c.dep.QueueLimit}} {
				if n[0] > n[1] {
					t.Fatalf("%d %s, at most %d", n[0], what, n[1])
				}
			}
		}
	}
	for k := 0; k < offered; {
		ids := []string{"customer_id:one"}
		for range 1 + c.random.IntN(schemas.MaxIdentifiers-1) {
			ids = append(ids, long(types[1+c.random.IntN(len(types)-1)].Name, k))
			k++
		}
		if c.random.IntN(4) == 0 { // a neighbour with a part of them
			ids = append(ids[len(ids)/2:], fmt.Sprintf("customer_id:%d", k))
		}
		c.event(0, fmt.Sprintf("%s%d", strings.Repeat("e", 240), k), "view", c.clock, ids...)
		for range c.random.IntN(60) {
			c.step(c.random.IntN(3))
		}
		if k%7 == 0 {
			watch(c.random.IntN(3))
		}
	}
	c.rest()
	for q, b := range c.members {
		watch(q)
		for to := range b.messages {
			for _, m := range b.messages[to] {
				message = max(message, len(m))
			}
		}
	}
	c.checkIdle()
	if state > c.dep.ProfileLimit || message > c.dep.ProfileLimit {
		t.Errorf("the largest entry has %d bytes, the largest message %d; the limit is %d", state, message, c.dep.ProfileLimit)
	}
	if len(c.faults) > 0 {
		t.Error(c.faults)
	}
	t.Logf("largest entry %d bytes, largest message %d", state, message)
}

// TestOutputsPerRecord makes every item of a full record cause as much as it can: a timer that turns
// all tags on and an event that turns them off again. Numbers must stay below 2^16.
func TestOutputsPerRecord(t *testing.T) {
	var b strings.Builder
	b.WriteString("name: many\nfeatures:\n  since: {kind: recency, event: \"*\"}\ntags:\n")
	for k := range schemas.TagsPerCatalog {
		fmt.Fprintf(&b, "  t%03d: {when: \"since > duration('5s')\"}\n", k)
	}
	c := newCluster(t, 1, 1, b.String(), func(d *schemas.Deployment) { d.TimersPerRecord = 2 })
	record := func(name string) {
		r := &wire.InboxRecord{Source: wire.FromRouter}
		for k := range schemas.ItemsPerRecord {
			r.Routed = append(r.Routed, wire.Routed{Stamp: c.clock, Event: &wire.Event{At: wire.Position{Offset: int64(c.index[0])},
				Time: c.clock, Kafka: c.clock, ID: fmt.Sprint(name, k), Name: "view", Identifiers: []string{fmt.Sprintf("device_id:%d", k)}}})
			c.index[0]++
		}
		c.append(0, r)
	}
	record("a")
	c.tick()
	c.rest()
	// Time passes by a watermark that stands in the log right before the record of events, so that nearly all of them
	// find their timers due: two fire with the watermark itself.
	c.clock += 5_001
	c.append(0, &wire.InboxRecord{Source: wire.FromMachine, Seq: uint64(len(c.members[0].messages[0]) + 1),
		Messages: []wire.Message{{Kind: wire.MsgWatermark, Stamp: c.clock}}})
	c.members[0].messages[0][uint64(len(c.members[0].messages[0])+1)] = []byte("forged")
	record("b")
	m := c.members[0]
	// Deadlines are settled as long as the record has room for whatever its items may cause.
	for _, want := range [][2]int{{0, 2 * schemas.TagsPerCatalog}, {2 * schemas.TagsPerCatalog * schemas.ItemsPerRecord / 4, 2 * schemas.TagsPerCatalog * schemas.ItemsPerRecord}} {
		out := machine.NewEffects(1)
		if err := m.m.Apply(m.next, m.log[m.next], out); err != nil {
			t.Fatal(err)
		}
		m.next++
		if n := len(out.Tags); n < want[0] || n > want[1] {
			t.Errorf("%d changes, want %v", n, want)
		}
		for i := range out.Tags {
			change := parseChange(out.Tags[i].Value)
			if want := fmt.Sprintf("-%d-%d", change.Version>>16, change.Version&0xffff); !strings.HasSuffix(change.ID, want) {
				t.Fatalf("change %s has version %d: its number in the record does not fit", change.ID, change.Version)
			}
		}
	}
}

// TestBirthsAreUnique lets many nodes be born in the same millisecond in all partitions: ranks compare by
// births alone, so no two may have the same.
func TestBirthsAreUnique(t *testing.T) {
	c := newCluster(t, 1, 5, "", nil)
	c.cache = 1000
	for q := range c.members {
		c.open(q)
	}
	for k := range 300 {
		c.clock = testStart + int64(k/100)
		c.event(k%2, fmt.Sprint(k), "view", c.clock, fmt.Sprintf("device_id:%d", k))
	}
	c.rest()
	seen, last := map[int64]string{}, int64(0)
	for _, b := range c.members {
		for id, born := range machine.Births(b.m) {
			if other, ok := seen[born]; ok {
				t.Fatalf("%s and %s have the same birth", id, other)
			}
			seen[born], last = id, max(last, born)
		}
	}
	if len(seen) != 300 || last>>20 != c.clock {
		t.Errorf("%d births, the last one in ms %d; want 300, %d", len(seen), last>>20, c.clock)
	}
}
