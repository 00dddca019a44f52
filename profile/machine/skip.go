package machine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"portrait/schemas/wire"
)

// Stop says that a partition cannot go on by itself: a record that does not decode or contradicts the
// state, a panic while applying, or a gap in a channel. The machine that returned it is done. The
// partition reads ahead in its inbox for a record that Answers the stop; a machine opened with that skip,
// from any checkpoint before the place, goes on.
//
// Why every replay does the same: the place at which a log stops is a function of the log and of the
// version of the logic, and of several answers the first one in the log counts. A binary that no longer
// stops there computes something else from the same log, so it is another version, which begins behind a
// barrier and never replays what lies before.
type Stop struct {
	Inbox int
	At    wire.Skip // the place, as a skip that passes over it
	Err   error
	Stack string // of a panic
}

// Error says what happened, and the command with which an operator lets the partition go on; of a panic the
// stack follows.
func (s *Stop) Error() string {
	if s.Stack == "" {
		return s.Reason()
	}
	return s.Reason() + "\n" + s.Stack
}

// Reason is Error without the stack.
func (s *Stop) Reason() string {
	return fmt.Sprintf("%v; inbox %d stands: mend the cause and restart, or go on without the %s: portrait skip --partition %d %s",
		s.Err, s.Inbox, s.At.Kind, s.Inbox, s.At.Flags())
}

// Unwrap returns the cause.
func (s *Stop) Unwrap() error { return s.Err }

// Answer returns the skip in a record behind the stop, if there is one for this place. Skips that were
// tried already are not answers: the partition stopped there in spite of them.
func (s *Stop) Answer(deployment uint64, value []byte, tried []wire.Skip) (wire.Skip, bool) {
	r, err := wire.DecodeInbox(value)
	if err != nil || r.Deployment != deployment || r.Source != wire.FromCoordinator {
		return wire.Skip{}, false
	}
	for i := range r.Controls {
		if r.Controls[i].Kind != wire.CtlSkip {
			continue
		}
		skip, err := wire.DecodeSkip(r.Controls[i].Body)
		whole := wire.Skip{Kind: wire.SkipRecord, Offset: s.At.Offset}
		if err == nil && (skip == s.At || skip == whole) && !slices.Contains(tried, skip) {
			return skip, true
		}
	}
	return wire.Skip{}, false
}

// place is where in a record the machine is. The zero value is the record as a whole.
type place struct {
	item   int    // 1 + index of the item that is applied
	timers string // profile whose timers are fired, or that the sweep moves
	from   int32  // channel of the gap
	seq    uint64 // number behind the gap
}

// skip is the place as what passes over it.
func (p *place) skip(offset int64) wire.Skip {
	switch {
	case p.timers != "":
		return wire.Skip{Kind: wire.SkipTimers, Offset: offset, Profile: p.timers}
	case p.seq != 0:
		return wire.Skip{Kind: wire.SkipGap, Offset: offset, From: p.from, Seq: p.seq}
	case p.item != 0:
		return wire.Skip{Kind: wire.SkipItem, Offset: offset, Item: int32(p.item - 1)}
	}
	return wire.Skip{Kind: wire.SkipRecord, Offset: offset}
}

// stopped names the place of an error that an operator may pass over; others (the store's, a barrier) are
// returned as they are.
func (m *Machine) stopped(err error) error {
	err = fmt.Errorf("inbox %d offset %d: %w", m.self, m.offset, err)
	if errors.Is(err, ErrUnreadable) || errors.Is(err, ErrGap) {
		return &Stop{Inbox: int(m.self), At: m.place.skip(m.offset), Err: err}
	}
	return err
}

// Panicked makes the stop of a panic that Apply did not return from.
func (m *Machine) Panicked(cause any) error {
	return &Stop{Inbox: int(m.self), At: m.place.skip(m.offset), Stack: string(debug.Stack()),
		Err: fmt.Errorf("inbox %d offset %d: panic while applying: %v", m.self, m.offset, cause)}
}

// skips reports whether an operator passes over something in the record being applied.
func (m *Machine) skips(kind wire.SkipKind, item int, profile string) bool {
	return slices.ContainsFunc(m.skipped, func(s wire.Skip) bool {
		return s.Kind == kind && int(s.Item) == item && s.Profile == profile
	})
}

func (m *Machine) skipsItem(i int) bool {
	return m.skipped != nil && (m.skips(wire.SkipItem, i, "") || m.skips(wire.SkipRecord, 0, ""))
}

func (m *Machine) skipsTimers(profile string) bool {
	return m.skipped != nil && m.skips(wire.SkipTimers, 0, profile)
}

// skipsGap reports whether an operator lets a channel go on at a number.
func (m *Machine) skipsGap(from int32, seq uint64) bool {
	return slices.Contains(m.skipped, wire.Skip{Kind: wire.SkipGap, Offset: m.offset, From: from, Seq: seq})
}

// skipRecord passes over a whole record. Of one that decodes the marks move, so that its channel has no
// gap behind it, and its items are accounted for; of one that does not, nothing is known.
func (m *Machine) skipRecord(value []byte) {
	m.Counters.Skipped++
	m.meta.position = m.offset + 1
	m.out.Catalog = m.cat.Version
	r, err := wire.DecodeInbox(value)
	if err != nil || r.Deployment != m.hash {
		return
	}
	switch {
	case r.Source == wire.FromRouter && r.From >= 0 && int(r.From) < m.dep.EventsPartitions:
		for i := range r.Routed {
			it := &r.Routed[i]
			at, before := it.At(), m.meta.marks[r.From]
			if at.Partition != r.From || !at.Above(before) {
				continue
			}
			m.meta.marks[r.From] = at
			if it.Event != nil {
				m.drop(it.Event)
			} else if m.ordinal < maxOutputs {
				m.account(it, before.Offset)
			}
		}
	case r.Source == wire.FromMachine && r.From >= 0 && int(r.From) < m.dep.InboxPartitions:
		for i := range r.Messages {
			if r.Seq+uint64(i) == m.meta.seqIn[r.From]+1 {
				m.meta.seqIn[r.From]++
				m.dropMessage(&r.Messages[i])
			}
		}
	}
}

// reasonSkipped is the reason of such a dead letter: a stable public text.
const reasonSkipped = "skipped_by_operator"

// drop makes a dead letter of an event that is passed over; nil is none.
func (m *Machine) drop(ev *wire.Event) {
	if ev == nil || m.ordinal >= maxOutputs {
		return
	}
	m.out.Dead = append(m.out.Dead, Dead{Event: ev, Reason: reasonSkipped})
	m.fact(wire.Fact{Kind: wire.FactRejected, Version: m.version(), Rejected: &wire.Rejected{
		At: ev.At, Kafka: ev.Kafka, Reason: reasonSkipped, Detail: fmt.Sprintf("an operator passed over inbox %d offset %d", m.self, m.offset)}})
}

// dropMessage passes over a message. A Continue that is lost is no longer in flight, or the next wave of
// timers would wait for it for ever.
func (m *Machine) dropMessage(msg *wire.Message) {
	if msg.Kind == wire.MsgContinue {
		m.meta.continuing = false
	}
	m.drop(msg.Event)
}
