package machine

import (
	"fmt"
	"strings"

	"portrait/profile/identity"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// entry is a node of identity with, at a root, its profile.
type entry struct {
	identity.Node
	profile *state   // nil at a child
	dirty   bool     // changed since the last cut
	used    bool     // touched since the last look of the eviction
	cut     int64    // number of the cut that serialised it last
	id      [16]byte // its profile's; zero: not computed yet
	size    int      // of its last serialised form, or 0: the next one is about as long
	held    int      // what cache.held counts for it
}

// entryVersion is the version of the entries' encoding. In version 1 profiles were as state.encode writes them.
const entryVersion = 2

// newBytes is what an entry is thought to take that was not serialised yet, before the first cut has told.
const newBytes = 512

// timerBytes is what a changed timer takes in a cut.
const timerBytes = 48

// nodePrefix begins the key of an entry; its identifier follows.
const nodePrefix = 'n'

func nodeKey(id string) []byte { return append([]byte{nodePrefix}, id...) }

// entry returns the node of an identifier, from memory or the store; a new one is born now.
func (m *Machine) entry(id string) (*entry, error) {
	e, err := m.lookup(id)
	if err != nil || e != nil {
		return e, err
	}
	id = strings.Clone(id) // as in lookup
	e = &entry{Node: *identity.NewNode(id, m.birth()), profile: newState(m.cat), used: true}
	m.cache.nodes[id] = e
	m.cache.hold(e, m.cache.fresh)
	m.cache.dirty(e)
	return e, nil
}

// birth returns the birth of a new node: unique in the whole deployment, because it leaves the
// partition's number as remainder, so ranks compare by births alone, in ClickHouse too.
func (m *Machine) birth() int64 {
	n := int64(m.dep.InboxPartitions)
	b := max(m.meta.decided<<20, m.meta.lastBorn+1)
	b += (int64(m.self) - b%n + n) % n
	m.meta.lastBorn = b
	return b
}

// lookup returns the node of an identifier, or nil if it was never seen.
func (m *Machine) lookup(id string) (*entry, error) {
	if e := m.cache.nodes[id]; e != nil {
		e.used = true
		return e, nil
	}
	m.Counters.ColdReads++
	value, err := m.view.Load(nodeKey(id))
	if err != nil {
		return nil, fmt.Errorf("machine: cold read: %w", err)
	}
	if value == nil {
		return nil, nil
	}
	id = strings.Clone(id) // what is kept must not keep the record it came in
	d := wire.NewDecoder(value)
	version := d.Byte()
	if version < 1 || version > entryVersion {
		return nil, fmt.Errorf("machine: entry in encoding version %d, this binary reads 1 to %d", version, entryVersion)
	}
	e := &entry{Node: *identity.Decode(id, d), used: true}
	if e.Root != nil {
		e.profile = newState(m.cat)
		if version == 1 {
			e.profile.decode(d, m.cat)
		} else if err := m.unpack(e.profile, d); err != nil {
			return nil, fmt.Errorf("machine: entry of %d bytes: %w", len(value), err)
		}
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("machine: entry of %d bytes: %w", len(value), err)
	}
	m.cache.nodes[id] = e
	m.cache.hold(e, len(value))
	return e, nil
}

// encode appends the entry's stored form.
func (e *entry) encode(enc *wire.Encoder) {
	before := len(enc.B)
	enc.Byte(entryVersion)
	e.Node.Encode(enc)
	if e.Root != nil {
		e.profile.pack(enc)
	}
	e.size = len(enc.B) - before
}

// Cached is how many entries are in memory.
func (m *Machine) Cached() int { return len(m.cache.nodes) }

// CachedBytes is about how much memory they take.
func (m *Machine) CachedBytes() int64 { return m.cache.held }

// SetCacheBytes changes Config.CacheBytes: another share of the same memory. No effect depends on it.
func (m *Machine) SetCacheBytes(n int64) {
	if n != m.cache.room {
		m.cache.room, m.cache.futile = n, 0
	}
}

// Timers is how many timers are registered.
func (m *Machine) Timers() int { return m.deadlines.tree.Len() + m.documents.tree.Len() }

// anchored takes an event to the entry of one of its identifiers: the first from anchor on that is
// not blocked, if that one is here, else by a Forward.
func (m *Machine) anchored(ev *wire.Event, anchor int) error {
	k := anchor
	for k < len(ev.Identifiers) && m.cat.Blocked(ev.Identifiers[k]) {
		k++
	}
	if k == len(ev.Identifiers) {
		m.Counters.Blocked++
		m.out.Dead = append(m.out.Dead, Dead{Event: ev, Reason: string(schemas.ReasonIdentifiersBlocked)})
		m.fact(wire.Fact{Kind: wire.FactRejected, Version: m.version(), Rejected: &wire.Rejected{
			At: ev.At, Kafka: ev.Kafka, Reason: string(schemas.ReasonIdentifiersBlocked), Detail: "every identifier is blocked by catalogue " + m.cat.Label()}})
		return nil
	}
	id := ev.Identifiers[k]
	if to := schemas.PartitionOf(id, m.dep.InboxPartitions); to != int(m.self) {
		m.forward(to, id, ev, k, 0)
		return nil
	}
	e, err := m.entry(id)
	if err != nil {
		return err
	}
	return m.arrived(e, ev, k, 0)
}

func (m *Machine) forward(to int, id string, ev *wire.Event, anchor, hops int) {
	m.Counters.Forwards++
	m.send(to, wire.Message{Kind: wire.MsgForward, To: id, Event: ev, Anchor: int32(anchor), Hops: int32(hops)})
}

// forwarded applies an event that another machine, or this one, has sent on: to its next anchor, or
// to what was the root then.
func (m *Machine) forwarded(msg *wire.Message) error {
	if msg.Event == nil || msg.Anchor < 0 || int(msg.Anchor) >= len(msg.Event.Identifiers) {
		return fmt.Errorf("forward without its event: %w", ErrUnreadable)
	}
	msg.Event.Name = m.cat.Canonical(msg.Event.Name) // who sent it on may have had a catalogue without the alias
	if msg.Hops == 0 {
		return m.anchored(msg.Event, int(msg.Anchor))
	}
	e, err := m.entry(msg.To)
	if err != nil {
		return err
	}
	return m.arrived(e, msg.Event, int(msg.Anchor), int(msg.Hops))
}

// arrived counts an event at a root, or sends it on from a child.
func (m *Machine) arrived(e *entry, ev *wire.Event, anchor, hops int) error {
	if e.Root == nil { // the steady state of all identifiers but one of a profile
		parent := e.Parent.ID
		m.forward(schemas.PartitionOf(parent, m.dep.InboxPartitions), parent, ev, anchor, hops+1)
		return nil
	}
	m.count(e, ev, anchor)
	if hops > 1 {
		id := ev.Identifiers[anchor]
		m.send(schemas.PartitionOf(id, m.dep.InboxPartitions), wire.Message{Kind: wire.MsgCompress, To: id, From: e.Node.Node})
	}
	return nil
}
