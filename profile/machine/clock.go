package machine

import (
	"portrait/schemas"
	"portrait/schemas/wire"
)

// watermarkStep is how far the smallest stamp must have moved before other machines are told, in ms.
// Smaller would cost N² messages more often; larger would add to the latency of every timer. It is a
// little below the routers' tick of 250 ms: a tick a millisecond early would otherwise wait for the
// next one, and double the wait of every timer behind it.
const watermarkStep = 200

// markerDelays are how long after the last fact a marker follows, in ms of stamps: the first lets the
// sink end a block whose last record is in the second before, the other covers a first one that was
// stamped in the same second.
var markerDelays = [...]int64{2_000, 10_000}

// watermark is now: the smallest promise over all machines. Our own counts as the one that came back
// through our log, behind the events that we forward to ourselves.
func (m *Machine) watermark() int64 { return smallest(m.meta.peers) }

// afterItems lets time pass behind the n items of a record: timers and the sweep within their budget, a Continue if
// more is due, the watermark for the others, and markers for the sink.
//
// While a Continue is in flight the wave is its affair: what else comes in between fires no more timers than it has
// items, and does not sweep. Otherwise each of some hundred records a second would bring a full budget, more than the
// machine can do, and events would wait behind the wave instead of going between. Not none, though: a machine with a
// backlog, whose Continue waits behind all of it, still keeps its clock in step with the events.
func (m *Machine) afterItems(n int) error {
	budget := m.dep.TimersPerRecord
	if m.meta.continuing {
		budget = min(budget, n)
	}
	more, err := m.fire(budget)
	if err != nil {
		return err
	}
	if m.meta.sweeping && !more && !m.meta.continuing {
		if more, err = m.sweep(); err != nil {
			return err
		}
	}
	if more && !m.meta.continuing {
		m.meta.continuing = true
		m.send(int(m.self), wire.Message{Kind: wire.MsgContinue})
	}
	if heard := m.meta.heard(); heard >= m.meta.sent+watermarkStep {
		m.meta.sent = heard
		for q := range m.out.Messages {
			m.send(q, wire.Message{Kind: wire.MsgWatermark, Stamp: heard})
		}
	}
	if k := m.meta.markers; k < len(markerDelays) && m.meta.decided >= m.meta.lastFact+markerDelays[k] {
		m.meta.markers++
		m.out.Markers++
	}
	m.out.Catalog = m.cat.Version
	return nil
}

// fire runs at most so many due timers, and reports whether one is still due.
func (m *Machine) fire(most int) (more bool, err error) {
	now := m.watermark()
	for k := 0; ; k++ {
		t, ok := m.firstTimer()
		if !ok || t.due > now {
			return false, nil
		}
		if k >= most || m.ordinal > maxOutputs-outputsOfOne {
			return true, nil
		}
		e, err := m.entry(t.id)
		if err != nil {
			return false, err
		}
		m.fireOne(e)
	}
}

// fireOne does what is due at an entry: evaluates what the passing of time can change, at its due time, and
// registers the next such time; sends the document that waits.
func (m *Machine) fireOne(e *entry) {
	due := e.profile.wake()
	m.Counters.Timers++
	m.cache.dirty(e)
	if m.skipsTimers(e.ID) {
		m.Counters.Skipped++
		m.setDue(e, never)
		m.setDoc(e, 0) // the next event says it
		return
	}
	m.place.timers = e.ID
	p := e.profile
	moved := p.cat != m.cat.Version // what its deadline says is of another catalogue
	m.touch(e, due)
	changed := false
	if moved || p.due <= due {
		changed = m.evaluate(e, m.cat.timedTags, due, cause{kind: schemas.CauseTimer, at: due})
		next := m.deadline(p, due)
		m.setDue(e, next)
	}
	if changed || p.docDue != 0 && p.docDue <= due {
		m.document(e)
	} else if p.docDue != 0 {
		m.documents.insert(timer{p.docDue, e.ID}) // it is there, unless a binary with one index for both wrote the store
	}
	m.place.timers = ""
}

// settle fires an entry's due timers, one deadline after the other, before something else happens to
// it, so that the order of a wave does not show in what an event or a merge finds. As many as a wave may
// fire, and as the record has room for: whoever has more was away for long, and the wave does the rest.
func (m *Machine) settle(e *entry) {
	for k := 0; k < m.dep.TimersPerRecord && e.profile.wake() <= m.watermark(); k++ {
		if m.ordinal > maxOutputs-(m.left+1)*outputsOfOne || m.settled >= settleTimers {
			return // the rest of the record needs the room
		}
		m.settled++
		m.fireOne(e)
	}
}
