package router

import (
	"encoding/binary"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// Spans of the wall clock, in ms (DESIGN.md section 4).
const (
	// TickBusy is the step of time while events flow: absence tags are late by about as much.
	TickBusy = 250
	// TickIdle is the step when nothing has been sent for IdleAfter: an idle system is to be quiet.
	TickIdle = 500
	// IdleAfter is how long nothing has to be sent before a process counts as idle.
	IdleAfter = 1000
	// MaxClockParting is how far wall and monotonic clock may part before ticks stop.
	MaxClockParting = 1000
)

// Ticker decides which inbox partitions have to be told that time has passed. One serves all events
// partitions of a router process, so that one record per inbox partition tells of them all.
//
// A tick is a promise that everything below its stamp has been handed on, so the driver calls Read and
// ReachedEnd only after the fetch's outputs have been queued, and queues what Due returns behind them,
// per inbox partition in the same queue.
type Ticker struct {
	dep     *schemas.Deployment
	hash    uint64
	sources []source // by events partition
	ticked  []int64  // per inbox partition: now of its last tick record
	busyAt  int64    // now of the last items sent anywhere
}

// source is what is known of one events partition.
type source struct {
	assigned bool
	stamp    int64   // everything below has been handed on; 0: nothing known; never falls
	sent     []int64 // per inbox partition: largest stamp sent there, by items or ticks
}

// NewTicker returns a ticker without events partitions.
func NewTicker(dep *schemas.Deployment) *Ticker {
	t := &Ticker{dep: dep, hash: dep.Hash(), sources: make([]source, dep.EventsPartitions), ticked: make([]int64, dep.InboxPartitions)}
	for p := range t.ticked {
		t.ticked[p] = -TickIdle
	}
	t.busyAt = -IdleAfter
	return t
}

// Assign begins with an events partition of which nothing is known yet.
func (t *Ticker) Assign(events int32) {
	t.sources[events] = source{assigned: true, sent: make([]int64, t.dep.InboxPartitions)}
}

// Revoke forgets an events partition: from now on another process ticks for it.
func (t *Ticker) Revoke(events int32) { t.sources[events] = source{} }

// Read says that a fetch has been handed on that ended with this stamp (Output.Stamp).
func (t *Ticker) Read(events int32, stamp int64) { t.raise(events, stamp) }

// ReachedEnd says that everything up to the partition's end has been handed on, and what the wall
// showed, in ms, before that end was asked for. Under the event clock the wall says nothing.
func (t *Ticker) ReachedEnd(events int32, wallBefore int64) {
	if t.dep.Clock == schemas.ClockWall {
		t.raise(events, wallBefore)
	}
}

func (t *Ticker) raise(events int32, stamp int64) {
	if s := &t.sources[events]; s.assigned && stamp > s.stamp {
		s.stamp = stamp
	}
}

// Sent says that a record with items of an events partition was queued for an inbox partition, the
// largest stamp in it, and now on the monotonic clock, in ms.
func (t *Ticker) Sent(inbox int, events int32, stamp, now int64) {
	t.busyAt = max(t.busyAt, now)
	if s := &t.sources[events]; s.assigned {
		s.sent[inbox] = max(s.sent[inbox], stamp)
	}
}

// Due returns the tick records to queue now (ms, monotonic), at most one per inbox partition. It counts
// them as sent. While the process's clock is suspect there are none, except under the event clock.
func (t *Ticker) Due(now int64, clockSuspect bool) []Inbox {
	step, pause := int64(TickBusy), int64(TickBusy)
	switch {
	case t.dep.Clock == schemas.ClockEvent:
		step, pause = t.dep.ClockStep, 0
	case clockSuspect:
		return nil
	case now-t.busyAt >= IdleAfter:
		step, pause = TickIdle, TickIdle
	}
	var out []Inbox
	for p := range t.ticked {
		// Behind the end stamps run faster than the wall: the pause keeps ticks few all the same.
		if now-t.ticked[p] < pause || !t.due(p, step) {
			continue
		}
		out = append(out, t.tick(p))
		t.ticked[p] = now
	}
	return out
}

func (t *Ticker) due(inbox int, step int64) bool {
	for e := range t.sources {
		s := &t.sources[e]
		if s.assigned && s.stamp > 0 && s.stamp-s.sent[inbox] >= step {
			return true
		}
	}
	return false
}

// tick tells an inbox partition of every events partition that has news, due or not: it costs nothing
// more, and brings the partitions into step, so that later records serve all of them too.
func (t *Ticker) tick(inbox int) Inbox {
	rec := &wire.InboxRecord{Deployment: t.hash, Source: wire.FromRouter}
	for e := range t.sources {
		s := &t.sources[e]
		if !s.assigned || s.stamp <= s.sent[inbox] {
			continue
		}
		if len(rec.Ticks) == 0 {
			rec.From = int32(e)
		}
		rec.Ticks = append(rec.Ticks, wire.Tick{Partition: int32(e), Stamp: s.stamp})
		s.sent[inbox] = s.stamp
	}
	return Inbox{Partition: inbox, Record: rec, Size: recordOverhead + 2*binary.MaxVarintLen64*len(rec.Ticks)}
}
