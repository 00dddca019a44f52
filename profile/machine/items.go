package machine

import (
	"fmt"

	"portrait/schemas/wire"
)

// record applies the items of one record.
func (m *Machine) record(r *wire.InboxRecord) error {
	switch r.Source {
	case wire.FromRouter:
		if r.From < 0 || int(r.From) >= m.dep.EventsPartitions {
			return fmt.Errorf("events partition %d of %d: %w", r.From, m.dep.EventsPartitions, ErrUnreadable)
		}
		for i := range r.Routed {
			m.left, m.place.item = len(r.Routed)-i, 1+i
			if err := m.routed(r.From, &r.Routed[i]); err != nil {
				return err
			}
		}
		for _, t := range r.Ticks {
			m.meta.stamp(t.Partition, t.Stamp)
		}
		return nil
	case wire.FromMachine:
		return m.messages(r)
	default:
		for i := range r.Controls {
			m.place.item = 1 + i
			if m.skipsItem(i) {
				m.Counters.Skipped++
				continue
			}
			if err := m.control(&r.Controls[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

// routed applies an item of a router, unless it was applied before.
func (m *Machine) routed(from int32, it *wire.Routed) error {
	m.meta.stamp(from, it.Stamp)
	at := it.At()
	if at.Partition != from {
		if m.skipsItem(m.place.item - 1) { // nothing says which number it has
			m.Counters.Skipped++
			return nil
		}
		return fmt.Errorf("item %s in a record of events partition %d: %w", at, from, ErrUnreadable)
	}
	if !at.Above(m.meta.marks[from]) {
		m.Counters.Repeats++
		return nil
	}
	before := m.meta.marks[from].Offset
	m.meta.marks[from] = at
	if m.skipsItem(m.place.item-1) && it.Event != nil {
		m.Counters.Skipped++
		m.drop(it.Event)
		return nil
	}
	if it.Event == nil {
		m.account(it, before)
		return nil
	}
	it.Event.Name = m.cat.Canonical(it.Event.Name)
	return m.anchored(it.Event, 0)
}

// account makes the fact of an item without an event; before is the offset of the channel's number before it.
func (m *Machine) account(it *wire.Routed, before int64) {
	if it.Rejected != nil {
		m.fact(wire.Fact{Kind: wire.FactRejected, Version: m.version(), Rejected: it.Rejected})
		return
	}
	// Routers tell each hole whole. Only where the log lost its tail and grew again may one reach back over
	// offsets that were told of.
	hole := wire.Hole{At: it.Hole.At, Offsets: min(it.Hole.Offsets, it.Hole.At.Offset-before)}
	m.fact(wire.Fact{Kind: wire.FactHole, Version: m.version(), Hole: &hole})
}

// messages applies the items of a machine whose numbers are next in its channel.
func (m *Machine) messages(r *wire.InboxRecord) error {
	if r.From < 0 || int(r.From) >= m.dep.InboxPartitions {
		return fmt.Errorf("machine %d of %d: %w", r.From, m.dep.InboxPartitions, ErrUnreadable)
	}
	if r.Catalog > m.cat.Version {
		if err := m.activate(r.Catalog); err != nil {
			return err
		}
	}
	for i := range r.Messages {
		m.left, m.place.item = len(r.Messages)-i, 1+i
		seq := r.Seq + uint64(i)
		switch mark := m.meta.seqIn[r.From]; {
		case seq <= mark:
			m.Counters.Repeats++
			continue
		case seq > mark+1 && m.skipsGap(r.From, seq):
			m.Counters.Skipped++
			if r.From == m.self {
				m.meta.continuing = false // one of the lost messages may have been the Continue
			}
		case seq > mark+1:
			m.place.from, m.place.seq = r.From, seq
			return fmt.Errorf("from machine %d: number %d follows %d: %w; a record of portrait.inbox was lost: "+
				"restore the topic, or start anew: another prefix, an empty data directory, another ClickHouse database", r.From, seq, mark, ErrGap)
		}
		m.meta.seqIn[r.From] = seq
		if m.skipsItem(i) {
			m.Counters.Skipped++
			m.dropMessage(&r.Messages[i])
			continue
		}
		if err := m.message(r.From, &r.Messages[i]); err != nil {
			return err
		}
	}
	return nil
}

// message applies one message.
func (m *Machine) message(from int32, msg *wire.Message) error {
	m.meta.decided = max(m.meta.decided, msg.Stamp) // a machine that has heard of no event yet learns the time so
	switch msg.Kind {
	case wire.MsgWatermark:
		m.meta.peers[from] = max(m.meta.peers[from], msg.Stamp)
		return nil
	case wire.MsgContinue:
		m.meta.continuing = false
		return nil
	case wire.MsgForward:
		return m.forwarded(msg)
	}
	e, err := m.entry(msg.To)
	if err != nil {
		return err
	}
	m.host.at = e
	m.cache.dirty(e)
	if e.Root != nil {
		m.settle(e)
		m.touch(e, m.watermark())
	}
	return m.ids.Handle(&e.Node, msg)
}
