package machine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"portrait/profile/machine"
	"portrait/profile/tag"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// single is a cluster of one machine among two, in partition 0, which has applied its first records.
func single(t testing.TB) (*cluster, *runner) {
	c := newCluster(t, 1, 2, "name: empty\n", nil)
	r := newRunner(t, c, 0, 100)
	for r.next < int64(len(r.log)) {
		r.apply(1)
	}
	return c, r
}

func encoded(r *wire.InboxRecord) []byte {
	var e wire.Encoder
	r.Encode(&e)
	return e.B
}

func manyEvents(n int) []wire.Routed {
	list := make([]wire.Routed, n)
	for i := range list {
		list[i] = wire.Routed{Stamp: testStart, Event: &wire.Event{At: wire.Position{Offset: int64(i)}, ID: fmt.Sprint(i),
			Name: "view", Identifiers: []string{fmt.Sprintf("phone:%d", i)}}}
	}
	return list
}

// TestErrors has every way in which a record stops a partition.
func TestErrors(t *testing.T) {
	one := []wire.Message{{Kind: wire.MsgWatermark}}
	forward := wire.Message{Kind: wire.MsgForward, To: "phone:1"}
	cases := []struct {
		name   string
		record wire.InboxRecord
		want   error
		text   string
	}{
		{"a gap in a channel", wire.InboxRecord{Source: wire.FromMachine, From: 1, Seq: 2, Messages: one}, machine.ErrGap, "number 2 follows 0"},
		{"a machine that is none", wire.InboxRecord{Source: wire.FromMachine, From: 2, Seq: 1, Messages: one}, machine.ErrUnreadable, "machine 2 of 2"},
		{"a machine below zero", wire.InboxRecord{Source: wire.FromMachine, From: -1, Seq: 1, Messages: one}, machine.ErrUnreadable, "machine -1 of 2"},
		{"an events partition that is none", wire.InboxRecord{Source: wire.FromRouter, From: 2, Routed: manyEvents(1)}, machine.ErrUnreadable, "events partition 2 of 2"},
		{"an events partition below zero", wire.InboxRecord{Source: wire.FromRouter, From: -1, Routed: manyEvents(1)}, machine.ErrUnreadable, "events partition -1 of 2"},
		{"an item of another events partition", wire.InboxRecord{Source: wire.FromRouter, From: 1, Routed: manyEvents(1)}, machine.ErrUnreadable, "item 0/0/0 in a record of events partition 1"},
		{"too many events", wire.InboxRecord{Source: wire.FromRouter, Routed: manyEvents(schemas.ItemsPerRecord + 1)}, machine.ErrUnreadable, "51 items, at most 50"},
		{"too many messages", wire.InboxRecord{Source: wire.FromMachine, From: 1, Seq: 1, Messages: make([]wire.Message, schemas.ItemsPerRecord+1)}, machine.ErrUnreadable, ""},
		{"a forward without its event", wire.InboxRecord{Source: wire.FromMachine, From: 1, Seq: 1, Messages: []wire.Message{forward}}, machine.ErrUnreadable, "forward without its event"},
		{"a forward anchored nowhere", wire.InboxRecord{Source: wire.FromMachine, From: 1, Seq: 1, Messages: []wire.Message{
			{Kind: wire.MsgForward, To: "phone:1", Anchor: 1, Event: manyEvents(1)[0].Event}}}, machine.ErrUnreadable, "forward without its event"},
		{"a forward anchored below zero", wire.InboxRecord{Source: wire.FromMachine, From: 1, Seq: 1, Messages: []wire.Message{
			{Kind: wire.MsgForward, To: "phone:1", Anchor: -1, Event: manyEvents(1)[0].Event}}}, machine.ErrUnreadable, "forward without its event"},
		{"a barrier", wire.InboxRecord{Source: wire.FromCoordinator, Controls: []wire.Control{{Kind: wire.CtlBarrier, Version: schemas.LogicVersion + 1}}}, machine.ErrBarrier, fmt.Sprintf("logic version %d goes on from here", schemas.LogicVersion+1)},
		{"a catalogue without its parts", wire.InboxRecord{Source: wire.FromCoordinator, Controls: []wire.Control{{Kind: wire.CtlActivate, Version: 9}}}, machine.ErrUnreadable, "catalogue 9 is activated, but its parts are not all here"},
		{"a message under an unknown catalogue", wire.InboxRecord{Source: wire.FromMachine, From: 1, Catalog: 9, Seq: 1, Messages: one}, machine.ErrUnreadable, "catalogue 9 is activated"},
		{"a part beyond the last", wire.InboxRecord{Source: wire.FromCoordinator, Controls: []wire.Control{{Kind: wire.CtlCatalog, Version: 9, Part: 1, Parts: 1}}}, machine.ErrUnreadable, "part 1 of 1"},
		{"a catalogue of too many parts", wire.InboxRecord{Source: wire.FromCoordinator, Controls: []wire.Control{{Kind: wire.CtlCatalog, Version: 9, Parts: 17}}}, machine.ErrUnreadable, "part 0 of 17"},
		{"a catalogue that does not compile", wire.InboxRecord{Source: wire.FromCoordinator, Controls: []wire.Control{
			{Kind: wire.CtlCatalog, Version: 9, Parts: 1, Body: []byte("name: [\n")}, {Kind: wire.CtlActivate, Version: 9}}}, machine.ErrUnreadable, "does not compile: line 1"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c, r := single(t)
			tc.record.Deployment = c.dep.Hash()
			err := r.m.Apply(r.next, encoded(&tc.record), machine.NewEffects(2))
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("error %v; want %v with %q", err, tc.want, tc.text)
			}
			if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("inbox 0 offset %d: ", r.next)) {
				t.Errorf("error %v does not name its place", err)
			}
		})
	}
	t.Run("bytes", func(t *testing.T) {
		c, r := single(t)
		whole := encoded(&wire.InboxRecord{Deployment: c.dep.Hash(), Source: wire.FromRouter, Routed: manyEvents(2)})
		other := append([]byte{wire.Version + 1}, whole[1:]...)
		for name, b := range map[string][]byte{"nothing": nil, "another version": other, "cut": whole[:len(whole)-1], "too long": append(whole, 0)} {
			if err := r.m.Apply(r.next, b, machine.NewEffects(2)); !errors.Is(err, machine.ErrUnreadable) || !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%s: %v; want %v", name, err, machine.ErrUnreadable)
			}
		}
	})
	t.Run("an offset that was applied", func(t *testing.T) {
		_, r := single(t)
		if err := r.m.Apply(r.next-1, r.log[r.next-1], machine.NewEffects(2)); err == nil || !strings.Contains(err.Error(), "was applied before") {
			t.Errorf("error %v", err)
		}
	})
}

// TestSameBarrier passes: the binary is of that version.
func TestSameBarrier(t *testing.T) {
	c, r := single(t)
	item := wire.Control{Kind: wire.CtlBarrier, Version: schemas.LogicVersion}
	if err := r.m.Apply(r.next, encoded(&wire.InboxRecord{Deployment: c.dep.Hash(), Source: wire.FromCoordinator, Controls: []wire.Control{item}}), machine.NewEffects(2)); err != nil {
		t.Error(err)
	}
}

// TestForeignDeployment drops items of another deployment, without moving a mark.
func TestForeignDeployment(t *testing.T) {
	c, r := single(t)
	rec := &wire.InboxRecord{Deployment: c.dep.Hash() + 1, Source: wire.FromRouter, Routed: manyEvents(3), Ticks: []wire.Tick{{Stamp: testStart * 2}}}
	out := machine.NewEffects(2)
	before := r.m.Decided()
	if err := r.m.Apply(r.next, encoded(rec), out); err != nil {
		t.Fatal(err)
	}
	if !out.Empty() || r.m.Counters.Foreign != 1 || r.m.Position() != r.next+1 || r.m.Decided() != before {
		t.Errorf("effects %+v, counters %+v, position %d, decided %d", out, r.m.Counters, r.m.Position(), r.m.Decided())
	}
	rec.Deployment = c.dep.Hash()
	if err := r.m.Apply(r.next+1, encoded(rec), out); err != nil {
		t.Fatal(err)
	}
	if r.m.Counters.Events+r.m.Counters.Forwards != 3 || r.m.Counters.Repeats != 0 {
		t.Errorf("counters %+v: want the three events, which no mark has seen", r.m.Counters)
	}
}

// TestOpenRefuses has what a machine is not opened with.
func TestOpenRefuses(t *testing.T) {
	c, r := single(t)
	cp := r.m.Cut().Checkpoint()
	other := c.dep
	other.KeyID = "another"
	invalid := c.dep
	invalid.InboxPartitions = 0
	version := append([]byte{200}, cp.Meta[1:]...)
	for _, tc := range []struct {
		name string
		dep  *schemas.Deployment
		meta []byte
		want string
	}{
		{"state of another deployment", &other, cp.Meta, "belongs to another deployment record; use the data directory"},
		{"another encoding", &c.dep, version, "encoding version 200, this binary reads 1"},
		{"meta cut short", &c.dep, cp.Meta[:len(cp.Meta)-1], "malformed"},
		{"meta too long", &c.dep, append(cp.Meta[:len(cp.Meta):len(cp.Meta)], 1, 7), "malformed"},
		{"an invalid deployment", &invalid, nil, "partitions must be at least 1"},
		{"state without its catalogue", &c.dep, cp.Meta, "catalogue 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := machine.Open(machine.Config{Deployment: tc.dep, ProfileKey: []byte("k")}, &memory{state: map[string][]byte{}}, cp.Position, tc.meta)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v; want %q", err, tc.want)
			}
		})
	}
}

// brokenView fails every read.
type brokenView struct{}

var errBroken = errors.New("disk on fire")

func (brokenView) Load([]byte) ([]byte, error) { return nil, errBroken }

func (brokenView) Scan(_, _ []byte, _ int, _ func(key, value []byte) bool) error { return errBroken }

// TestViewFails passes on what the store says, and never takes it for an absent node.
func TestViewFails(t *testing.T) {
	c, r := single(t)
	c.event(0, "e", "view", testStart, "phone:1")
	r.commit()
	if _, err := machine.Open(machine.Config{Deployment: &c.dep, ProfileKey: []byte("k")}, &brokenView{}, 1, nil); !errors.Is(err, errBroken) {
		t.Errorf("open: %v", err)
	}
	broken := &switched{View: r.view}
	m, err := machine.Open(machine.Config{Deployment: &c.dep, ProfileKey: []byte("k"), CacheNodes: 1}, broken, r.view.position, r.view.meta)
	if err != nil {
		t.Fatal(err)
	}
	broken.View = &brokenView{}
	rec := &wire.InboxRecord{Deployment: c.dep.Hash(), Source: wire.FromRouter, Routed: manyEvents(1)}
	rec.Routed[0].Event.Identifiers = []string{idIn(0, 2)}
	if err := m.Apply(r.next, encoded(rec), machine.NewEffects(2)); !errors.Is(err, errBroken) {
		t.Errorf("apply: %v", err)
	}
	if _, _, err := m.Lookup("phone:1"); !errors.Is(err, errBroken) {
		t.Errorf("lookup: %v", err)
	}
}

type switched struct{ machine.View }

// idIn returns a phone that lives in partition q of n.
func idIn(q, n int) string { return idsIn("phone", q, n, 1)[0] }

// idsIn returns identifiers of a type that live in partition q of n.
func idsIn(ty string, q, n, count int) []string {
	var ids []string
	for k := 0; len(ids) < count; k++ {
		if id := fmt.Sprintf("%s:%d", ty, k); schemas.PartitionOf(id, n) == q {
			ids = append(ids, id)
		}
	}
	return ids
}

// FuzzApply sees that no bytes make a machine panic: it refuses them, or applies them.
func FuzzApply(f *testing.F) {
	w := newWorld(f, 3, "{}", nil)
	w.live(10)
	w.settle(1000)
	for q := range w.members {
		for i, rec := range w.members[q].log {
			if i%9 == 0 {
				f.Add(rec)
			}
		}
	}
	dep := w.dep
	none, err := machine.CompileCatalog([]byte("name: none\n"), 0, &dep)
	if err != nil {
		f.Fatal(err)
	}
	compile := func(text []byte, version int64, dep *schemas.Deployment) (*tag.Catalog, error) {
		if version == 0 { // what every machine opens with: compiling it takes longer than everything else of an execution
			return none, nil
		}
		return machine.CompileCatalog(text, version, dep)
	}
	f.Fuzz(func(t *testing.T, rec []byte) {
		m, err := machine.Open(machine.Config{Deployment: &dep, ProfileKey: []byte("k"), CacheNodes: 10, Compile: compile}, &memory{state: map[string][]byte{}}, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		out := machine.NewEffects(dep.InboxPartitions)
		for at := range int64(2) {
			if m.Apply(at, rec, out) != nil {
				return
			}
		}
	})
}
