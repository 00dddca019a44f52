package machine_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"portrait/profile/machine"
	"portrait/schemas/wire"
)

// applying applies records as pipeline does: what panics is a stop.
func (r *runner) applying(out *machine.Effects) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = r.m.Panicked(cause)
		}
	}()
	return r.m.Apply(r.next, r.log[r.next], out)
}

// operated applies a log to its end from the newest checkpoint. At each stop it reads ahead for an
// operator's skip, and begins again at the checkpoint with it. It returns what was said behind that
// checkpoint, and every stop in order.
func (r *runner) operated(cache int, checkpoints bool) (s said, stops []*machine.Stop) {
	r.t.Helper()
	var skips []wire.Skip
	words := map[int64]*said{} // per offset: what is said again must be the same
	begin := r.view.position
	for r.openWith(cache, skips); r.next < int64(len(r.log)); {
		out := machine.NewEffects(len(r.c.members))
		err := r.applying(out)
		var stop *machine.Stop
		if errors.As(err, &stop) {
			stops = append(stops, stop)
			skip, ok := r.answer(stop, skips)
			if !ok {
				return s, stops
			}
			skips = append(skips, skip)
			r.openWith(cache, skips)
			continue
		}
		if err != nil {
			r.t.Fatal(err)
		}
		now := new(said)
		if len(out.Facts) > 0 {
			now.lastFact = out.FactsSeq - 1
		}
		now.take(r.t, out)
		if old := words[r.next]; old != nil {
			if what := old.differ(now); what != "" {
				r.t.Fatalf("record %d: other %s when said again", r.next, what)
			}
		}
		words[r.next] = now
		if r.next++; checkpoints {
			r.commit()
		}
	}
	for at := begin; at < int64(len(r.log)); at++ {
		s.join(words[at])
	}
	return s, stops
}

func (r *runner) openWith(cache int, skips []wire.Skip) {
	m, err := machine.Open(machine.Config{Deployment: &r.c.dep, Partition: r.self, ProfileKey: []byte("test"), CacheNodes: cache, Skips: skips},
		r.view, r.view.position, r.view.meta)
	if err != nil {
		r.t.Fatal(err)
	}
	r.m, r.next = m, m.Position()
}

func (r *runner) answer(stop *machine.Stop, tried []wire.Skip) (wire.Skip, bool) {
	for at := stop.At.Offset + 1; at < int64(len(r.log)); at++ {
		if skip, ok := stop.Answer(r.c.dep.Hash(), r.log[at], tried); ok {
			return skip, true
		}
	}
	return wire.Skip{}, false
}

func skipRecord(c *cluster, skips ...wire.Skip) []byte {
	r := &wire.InboxRecord{Deployment: c.dep.Hash(), Source: wire.FromCoordinator}
	for _, s := range skips {
		var e wire.Encoder
		s.Encode(&e)
		r.Controls = append(r.Controls, wire.Control{Kind: wire.CtlSkip, Body: e.B})
	}
	return encoded(r)
}

const poisonCatalog = `name: poison
features:
  views: {kind: count, event: view, window: 60s, bucket: 2s}
tags:
  curious: {when: "views > 0"}
`

// poisoned is a partition of which half the log is applied and committed. Then the profile of
// device_id:bad was broken in the store, so that it panics when it is evaluated.
func poisoned(t *testing.T) (*cluster, *runner) {
	c := newCluster(t, 1, 1, poisonCatalog, nil)
	c.tick()
	c.rest()
	for i := range 6 {
		c.clock += 500
		c.event(0, fmt.Sprint("e", i), "view", c.clock, []string{"device_id:bad", "device_id:good"}[i%2])
	}
	c.rest()
	r := newRunner(t, c, 0, 100)
	for r.next < int64(len(r.log)) {
		r.out.take(t, r.apply(1))
	}
	machine.Poison(r.m, "device_id:bad", "views")
	r.commit()
	return c, r
}

// event appends a record with one event, as a router would.
func (r *runner) event(offset int64, stamp int64, ids ...string) {
	list := make([]wire.Routed, len(ids))
	for i, id := range ids {
		list[i] = wire.Routed{Stamp: stamp, Event: &wire.Event{At: wire.Position{Offset: offset, Index: int32(i)}, Time: stamp, Kafka: stamp,
			ID: fmt.Sprint("later ", offset, "-", i), Name: "view", Identifiers: []string{id}}}
	}
	r.add(&wire.InboxRecord{Source: wire.FromRouter, Routed: list})
}

func (r *runner) add(rec *wire.InboxRecord) int64 {
	rec.Deployment = r.c.dep.Hash()
	r.log = append(r.log, encoded(rec))
	return int64(len(r.log)) - 1
}

// TestSkips stops a partition in every way, lets an operator pass over it, and sees that every replay says
// the same: from the checkpoint before the place with a cache of any size, with and without checkpoints
// between, and whatever other skips the log holds.
func TestSkips(t *testing.T) {
	late := int64(testStart + 500_000)
	cases := []struct {
		name  string
		spoil func(r *runner) // appends what stops the partition
		stops []string        // flags of the stops, %d the offset of the first record behind the checkpoint
		check func(t *testing.T, r *runner, facts []wire.Fact)
	}{
		{"an unreadable record", func(r *runner) { r.log = append(r.log, []byte("?")) }, []string{"--offset %d"}, nil},
		{"a record of another encoding", func(r *runner) { r.log = append(r.log, []byte{wire.Version + 1, 0}) }, []string{"--offset %d"}, nil},
		{"a panic while applying an event", func(r *runner) {
			r.event(30, testStart+5_000, "device_id:good", "device_id:bad", "device_id:fresh")
		}, []string{"--offset %d --item 1"}, func(t *testing.T, r *runner, facts []wire.Fact) {
			rejected := slices.IndexFunc(facts, func(f wire.Fact) bool {
				return f.Kind == wire.FactRejected && f.Rejected.Reason == "skipped_by_operator" && f.Rejected.At.Index == 1
			})
			if rejected < 0 || r.m.Counters.Skipped != 1 || r.m.Counters.Events < 2 {
				t.Errorf("the event is not accounted for: %d facts, %+v", len(facts), r.m.Counters)
			}
		}},
		{"a panic in the timers of a profile", func(r *runner) {
			r.add(&wire.InboxRecord{Source: wire.FromRouter, Ticks: []wire.Tick{{Partition: 0, Stamp: late}, {Partition: 1, Stamp: late}}})
			r.add(&wire.InboxRecord{Source: wire.FromMachine, Seq: r.c.nextSeq(0), Messages: []wire.Message{{Kind: wire.MsgWatermark, Stamp: late}}})
		}, []string{"--offset %d+1 --timers device_id:bad"}, func(t *testing.T, r *runner, facts []wire.Fact) {
			if left := slices.ContainsFunc(facts, func(f wire.Fact) bool { return f.Kind == wire.FactTag && f.Tag.Change == "left" }); !left {
				t.Error("the other profile's deadline did not fire")
			}
		}},
		{"a gap in a channel", func(r *runner) {
			r.add(&wire.InboxRecord{Source: wire.FromMachine, Seq: r.c.nextSeq(0) + 7, Messages: []wire.Message{{Kind: wire.MsgWatermark, Stamp: testStart}}})
		}, []string{"--offset %d --gap-from 0 --gap-to NEXT+7"}, nil},
		{"two bad items of one record", func(r *runner) {
			next := r.c.nextSeq(0)
			r.add(&wire.InboxRecord{Source: wire.FromMachine, Seq: next, Messages: []wire.Message{
				{Kind: wire.MsgForward, To: "device_id:x"}, {Kind: wire.MsgWatermark, Stamp: testStart}, {Kind: wire.MsgForward, To: "device_id:y"}}})
			r.add(&wire.InboxRecord{Source: wire.FromMachine, Seq: next + 3, Messages: []wire.Message{{Kind: wire.MsgWatermark, Stamp: testStart + 1}}})
		}, []string{"--offset %d --item 0", "--offset %d --item 2"}, nil},
		{"an activation without its catalogue", func(r *runner) {
			r.add(&wire.InboxRecord{Source: wire.FromCoordinator, Controls: []wire.Control{{Kind: wire.CtlActivate, Version: 99}}})
		}, []string{"--offset %d --item 0"}, nil},
		{"an item of another events partition", func(r *runner) {
			r.add(&wire.InboxRecord{Source: wire.FromRouter, From: 1, Routed: manyEvents(1)})
		}, []string{"--offset %d --item 0"}, nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c, r := poisoned(t)
			place := int64(len(r.log))
			tc.spoil(r)
			r.event(31, testStart+6_000, "device_id:good")
			if _, stops := r.operated(100, false); len(stops) != 1 || stops[0].At.Offset < place {
				t.Fatalf("stops %v, want one that nobody answers", stops)
			}
			// What does not name the place is no answer, wherever it stands.
			r.log = append(r.log, skipRecord(c, wire.Skip{Kind: wire.SkipRecord, Offset: place - 1}, wire.Skip{Kind: wire.SkipItem, Offset: place, Item: 40}))
			for range tc.stops {
				_, stops := r.operated(100, false)
				last := stops[len(stops)-1]
				r.log = append(r.log, skipRecord(c, last.At))
			}
			first, stops := r.operated(100, false)
			r.checkStops(t, stops, tc.stops, place)
			if tc.check != nil {
				tc.check(t, r, decodeFacts(first.facts))
			}
			r.event(32, testStart+7_000, "device_id:good")
			whole, _ := r.operated(100, false)
			for _, cache := range []int{1, 100} {
				again, _ := r.operated(cache, false)
				if what := whole.differ(&again); what != "" {
					t.Errorf("cache %d: other %s", cache, what)
				}
			}
			if again, _ := r.operated(1, true); whole.differ(&again) != "" {
				t.Errorf("with checkpoints: other %s", whole.differ(&again))
			}
		})
	}
}

func (r *runner) checkStops(t *testing.T, stops []*machine.Stop, want []string, place int64) {
	t.Helper()
	if len(stops) != len(want) {
		t.Fatalf("%d stops, want %d: %v", len(stops), len(want), stops)
	}
	for i, text := range want {
		text = strings.ReplaceAll(text, "%d+1", fmt.Sprint(place+1))
		text = strings.ReplaceAll(text, "NEXT+7", fmt.Sprint(r.c.nextSeq(0)+7))
		text = "portrait skip --partition 0 " + strings.ReplaceAll(text, "%d", fmt.Sprint(place))
		if got := stops[i].Reason(); !strings.HasSuffix(got, text) {
			t.Errorf("stop %d says %q, want the command %q", i, got, text)
		}
	}
}

// nextSeq is the next number of the channel of the cluster's only machine to itself.
func (c *cluster) nextSeq(q int) uint64 { return uint64(len(c.members[q].messages[q])) + 1 }

func decodeFacts(b []byte) (list []wire.Fact) {
	for d := wire.NewDecoder(b); d.Rest() > 0; {
		var f wire.Fact
		f.Decode(d)
		list = append(list, f)
	}
	return list
}

// TestSkipOfWholeRecord passes over everything in a record that an item of could not be applied: the
// marks move, so that nothing behind it is a gap, and its events are accounted for.
func TestSkipOfWholeRecord(t *testing.T) {
	c, r := poisoned(t)
	place := int64(len(r.log))
	r.event(30, testStart+5_000, "device_id:good", "device_id:bad")
	whole, err := wire.DecodeInbox(r.log[place])
	if err != nil {
		t.Fatal(err)
	}
	whole.Routed = append([]wire.Routed{{Stamp: testStart + 5_000, Hole: &wire.Hole{At: wire.Position{Offset: 29}, Offsets: 3}}}, whole.Routed...)
	whole.Routed = append(whole.Routed, wire.Routed{Stamp: testStart + 5_000, Rejected: &wire.Rejected{At: wire.Position{Offset: 31}, Reason: "not_json"}})
	r.log[place] = encoded(whole)
	next := c.nextSeq(0)
	bad := r.add(&wire.InboxRecord{Source: wire.FromMachine, Seq: next, Messages: []wire.Message{{Kind: wire.MsgContinue}, {Kind: wire.MsgForward, To: "device_id:x"}}})
	r.add(&wire.InboxRecord{Source: wire.FromMachine, Seq: next + 2, Messages: []wire.Message{{Kind: wire.MsgWatermark, Stamp: testStart}}})
	r.log = append(r.log, skipRecord(c, wire.Skip{Kind: wire.SkipRecord, Offset: bad}, wire.Skip{Kind: wire.SkipRecord, Offset: place}))
	out, stops := r.operated(100, false)
	if len(stops) != 2 || r.next != int64(len(r.log)) || r.m.Counters.Skipped != 2 {
		t.Fatalf("stops %v, at %d of %d, %+v", stops, r.next, len(r.log), r.m.Counters)
	}
	said := map[string]int{}
	for _, f := range decodeFacts(out.facts) {
		switch f.Kind {
		case wire.FactRejected:
			said[f.Rejected.Reason]++
		case wire.FactHole:
			said["hole"] += int(f.Hole.Offsets)
		}
	}
	if want := map[string]int{"skipped_by_operator": 2, "not_json": 1, "hole": 3}; !maps.Equal(said, want) || out.dead != 2 {
		t.Errorf("facts %v and %d dead letters of 2 events, one that was rejected before, and a hole of 3", said, out.dead)
	}
}

// TestSkipThatDoesNotHelp: a skip that was tried is no answer to the same stop, or a partition would spin.
func TestSkipThatDoesNotHelp(t *testing.T) {
	c, _ := single(t)
	stop := &machine.Stop{At: wire.Skip{Kind: wire.SkipItem, Offset: 5, Item: 1}}
	record := skipRecord(c, stop.At)
	if skip, ok := stop.Answer(c.dep.Hash(), record, nil); !ok || skip != stop.At {
		t.Errorf("%+v, %v", skip, ok)
	}
	if _, ok := stop.Answer(c.dep.Hash(), record, []wire.Skip{stop.At}); ok {
		t.Error("the same answer twice")
	}
	if _, ok := stop.Answer(c.dep.Hash()+1, record, nil); ok {
		t.Error("an answer of another deployment")
	}
	if _, ok := stop.Answer(c.dep.Hash(), []byte("?"), nil); ok {
		t.Error("an answer that does not decode")
	}
}
