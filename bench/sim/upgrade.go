package sim

import (
	"portrait/pipeline/kafka"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// upgrade lets a newer version of the logic go on behind a barrier in each inbox, while nodes of this one
// live on, sleep, die and wake up. None of them may get past: each partition ends with a checkpoint exactly
// there, and everything ever said is what the records before the barriers cause.
func (w *World) upgrade() {
	w.logf("---- barriers to the next version of the logic")
	w.calm = false
	r := wire.InboxRecord{Deployment: w.hash, Source: wire.FromCoordinator,
		Controls: []wire.Control{{Kind: wire.CtlBarrier, Version: schemas.LogicVersion + 1}}}
	for q := range w.Inbox {
		var e wire.Encoder
		r.Encode(&e)
		p := place{w.topics.Inbox, q}
		w.barriers = append(w.barriers, w.broker.end(p))
		w.broker.append(request{p, []kafka.Record{{Value: e.B}}, w.clock, false})
	}
	w.Records += 5 // the routers go on
	weights := w.weights()
	for k := 0; k < 400 && len(w.faults) == 0; k++ {
		w.happens(weights)
	}
	if len(w.faults) == 0 {
		w.settle()
	}
	if len(w.faults) > 0 {
		return
	}
	for q, at := range w.barriers {
		if got := w.nodes[w.inbox[q]].disk.parts[q].saved.position; got != at {
			w.fault("inbox %d: the barrier is at %d, the last checkpoint at %d", q, at, got)
		}
	}
	refs, err := w.replayAll()
	if err != nil {
		w.fault("behind barriers: %v", err)
		return
	}
	w.compare(refs)
	w.compareClickHouse()
}

// inboxLog is what machines of this version may apply of an inbox.
func (w *World) inboxLog(q int) []kafka.Record {
	log := w.broker.logs[place{w.topics.Inbox, q}]
	if w.barriers != nil {
		log = log[:w.barriers[q]]
	}
	return log
}
