package machine_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"portrait/profile"
	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// memory is a store in memory: what is committed, by key.
type memory struct {
	state    map[string][]byte
	position int64
	meta     []byte
}

func (v *memory) Load(key []byte) ([]byte, error) { return v.state[string(key)], nil }

func (v *memory) Scan(after, prefix []byte, limit int, f func(key, value []byte) bool) error {
	var keys []string
	for k := range v.state {
		if k > string(after) && bytes.HasPrefix([]byte(k), prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys[:min(limit, len(keys))] {
		if !f([]byte(k), v.state[k]) {
			break
		}
	}
	return nil
}

func (v *memory) commit(c *profile.Checkpoint) {
	for _, ch := range c.Changes {
		if ch.Value == nil {
			delete(v.state, string(ch.Key))
		} else {
			v.state[string(ch.Key)] = slices.Clone(ch.Value)
		}
	}
	v.position, v.meta = c.Position, c.Meta
}

// member is one machine of a cluster with its log, its store and everything it ever said.
type member struct {
	m        *machine.Machine
	log      [][]byte // inbox records by offset
	view     *memory
	next     int64 // offset to apply
	facts    map[uint64][]byte
	tags     map[string][]byte // by id
	docs     map[string]machine.Doc
	dead     int
	messages []map[uint64][]byte // per target, by number
}

// cluster runs machines over logs in memory. Outputs are dropped by number as receivers do; the same
// number with other bytes is a fault.
type cluster struct {
	t       testing.TB
	dep     schemas.Deployment
	members []*member
	random  *rand.Rand
	cache   int
	index   []int32 // events per events partition, as offsets
	clock   int64   // ms
	faults  []string
}

const testStart = 1_700_000_000_000

func newCluster(t testing.TB, seed uint64, partitions int, catalog string, change func(*schemas.Deployment)) *cluster {
	c := &cluster{t: t, dep: schemas.DefaultDeployment(), random: rand.New(rand.NewPCG(seed, 1)), cache: 8, clock: testStart}
	c.dep.ID, c.dep.InboxPartitions, c.dep.EventsPartitions = "test", partitions, 2
	if change != nil {
		change(&c.dep)
	}
	c.index = make([]int32, c.dep.EventsPartitions)
	for q := range partitions {
		b := &member{view: &memory{state: map[string][]byte{}}, facts: map[uint64][]byte{}, tags: map[string][]byte{},
			docs: map[string]machine.Doc{}, messages: make([]map[uint64][]byte, partitions)}
		for to := range b.messages {
			b.messages[to] = map[uint64][]byte{}
		}
		c.members = append(c.members, b)
		c.control(q, wire.Control{Kind: wire.CtlDeployment})
		c.open(q)
	}
	if catalog != "" {
		c.activate(1, catalog)
	}
	return c
}

func (c *cluster) activate(version int64, catalog string) {
	for q := range c.members {
		c.control(q, wire.Control{Kind: wire.CtlCatalog, Version: version, Parts: 1, Body: []byte(catalog)})
	}
	for q := range c.members {
		c.control(q, wire.Control{Kind: wire.CtlActivate, Version: version})
	}
}

// open starts the machine of a partition from its newest committed checkpoint.
func (c *cluster) open(q int) {
	b := c.members[q]
	m, err := machine.Open(machine.Config{Deployment: &c.dep, Partition: q, ProfileKey: []byte("test"), CacheNodes: c.cache},
		b.view, b.view.position, b.view.meta)
	if err != nil {
		c.t.Fatal(err)
	}
	b.m, b.next = m, m.Position()
}

func (c *cluster) append(q int, r *wire.InboxRecord) {
	r.Deployment = c.dep.Hash()
	var e wire.Encoder
	r.Encode(&e)
	c.members[q].log = append(c.members[q].log, e.B)
}

func (c *cluster) control(q int, item wire.Control) {
	c.append(q, &wire.InboxRecord{Source: wire.FromCoordinator, Controls: []wire.Control{item}})
}

// event sends one event as a router would: identifiers in order of priority, to its anchor's partition.
func (c *cluster) event(partition int, id, name string, at int64, ids ...string) {
	ids = c.sort(ids)
	ev := &wire.Event{At: wire.Position{Partition: int32(partition), Offset: int64(c.index[partition])}, Time: at, Kafka: c.clock,
		ID: id, Name: name, Identifiers: ids}
	c.index[partition]++
	c.append(schemas.PartitionOf(ids[0], len(c.members)), &wire.InboxRecord{Source: wire.FromRouter, From: int32(partition),
		Routed: []wire.Routed{{Stamp: min(at, c.clock), Event: ev}}})
}

// tick tells every machine that all events partitions have reached the clock.
func (c *cluster) tick() {
	for q := range c.members {
		r := &wire.InboxRecord{Source: wire.FromRouter}
		for p := range c.dep.EventsPartitions {
			r.Ticks = append(r.Ticks, wire.Tick{Partition: int32(p), Stamp: c.clock})
		}
		c.append(q, r)
	}
}

// step applies the next record of a partition; false if there is none.
func (c *cluster) step(q int) bool {
	b := c.members[q]
	if b.next >= int64(len(b.log)) {
		return false
	}
	out := machine.NewEffects(len(c.members))
	if err := b.m.Apply(b.next, b.log[b.next], out); err != nil {
		c.t.Fatalf("%v", err)
	}
	b.next++
	c.deliver(q, out)
	return true
}

// deliver takes a machine's effects: what was said before must be said again in the same words.
func (c *cluster) deliver(q int, out *machine.Effects) {
	b := c.members[q]
	for to, list := range out.Messages {
		for i := range list {
			var e wire.Encoder
			list[i].Encode(&e)
			seq := out.FirstSeq[to] + uint64(i)
			c.known(b.messages[to][seq], e.B, "message", q, seq)
			b.messages[to][seq] = e.B // also if known: after a crash the log has it twice
			c.append(to, &wire.InboxRecord{Source: wire.FromMachine, From: int32(q), Catalog: out.Catalog, Seq: seq, Messages: list[i : i+1]})
		}
	}
	for i := range out.Facts {
		var e wire.Encoder
		out.Facts[i].Encode(&e)
		if seq := out.FactsSeq + uint64(i); !c.known(b.facts[seq], e.B, "fact", q, seq) {
			b.facts[seq] = e.B
		}
	}
	for _, t := range out.Tags {
		key := fmt.Sprintf("%s/%s", t.Key, t.Value)
		b.tags[key] = t.Value
	}
	for _, d := range out.Docs {
		if old := b.docs[d.Key]; d.Version > old.Version {
			b.docs[d.Key] = d
		} else if d.Version == old.Version && !bytes.Equal(d.Value, old.Value) {
			c.fault("document %s version %d has two contents", d.Key, d.Version)
		}
	}
	b.dead += len(out.Dead)
}

func (c *cluster) known(old, now []byte, what string, q int, seq uint64) bool {
	if old != nil && !bytes.Equal(old, now) {
		c.fault("%s %d of machine %d was said twice in different words", what, seq, q)
	}
	return old != nil
}

func (c *cluster) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// checkpoint commits a partition's state as of now.
func (c *cluster) checkpoint(q int) {
	b := c.members[q]
	cut := b.m.Cut()
	b.view.commit(cut.Checkpoint())
	b.m.Committed(cut.Number)
}

// restart loses what is not committed, as a crash does: the log is applied again from the checkpoint.
func (c *cluster) restart(q int) { c.open(q) }

// some applies up to n records of partitions chosen at random, with checkpoints and restarts between.
func (c *cluster) some(n int) {
	for range n {
		q := c.random.IntN(len(c.members))
		c.step(q)
		switch c.random.IntN(40) {
		case 0:
			c.checkpoint(q)
		case 1:
			c.restart(q)
		}
	}
}

// rest applies everything; it fails if that does not end.
func (c *cluster) rest() {
	for range 200_000 {
		busy := slices.DeleteFunc(indexes(len(c.members)), func(q int) bool {
			return c.members[q].next >= int64(len(c.members[q].log))
		})
		if len(busy) == 0 {
			return
		}
		c.step(busy[c.random.IntN(len(busy))])
	}
	c.fault("never at rest")
}

func indexes(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
