package sim

import (
	"bytes"
	"fmt"
	"slices"

	"portrait/bench/sim/model"
	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/schemas/wire"
)

// tailLost is how many of the latest appends to all logs together a loss may reach back.
const tailLost = 60

// loseTails lets all hosts crash at once: what had not been synced is gone, although it was acknowledged. Each
// log loses its own amount, the stores and ClickHouse theirs; or all logs go back to one moment; or a topic is
// made anew.
//
// What is promised then (DESIGN.md, "going back is refused"): a node whose state is ahead of a log, or of whose
// missing records facts speak, refuses, and so do a router and a sink whose offsets are beyond an end. Where
// what is left fits together, everything goes on and all promises hold over the logs as they are now. What
// neither fits together nor shows is beyond any promise: the world ends.
func (w *World) loseTails() {
	w.cut = true
	w.logf("power: every host crashes")
	for _, n := range w.nodes {
		if n.alive {
			n.crash()
		}
		n.disk.hostCrash(w)
		seats := n.disk.open()
		for q, p := range n.disk.parts {
			seats.acquire(q) // a commit that was complete is found
			p.before = slices.DeleteFunc(p.before, func(s saved) bool { return s.position > p.saved.position })
		}
	}
	w.broker.network = nil
	for _, c := range w.coordinators { // another one begins anew
		c.next, c.appended = 0, false
	}
	if w.clickhouse.backup != nil && w.random.IntN(2) == 0 {
		w.logf("power: ClickHouse lost its tail, too")
		w.clickhouse.restore()
	}
	whole := w.shorten()
	fits := whole && w.fits()
	why, said := w.refused()
	if fits && said != nil {
		w.fault("power: everything fits together, and is refused: %v", said)
	}
	if !fits && said == nil && w.mustRefuse() != "" {
		w.fault("power: nobody refuses, although %s", w.mustRefuse())
	}
	if said != nil {
		w.logf("power: refused: %s%v", why, said)
	}
	w.over = !fits
	if fits {
		w.went++
		w.logf("power: what is left fits together")
	}
}

// shorten takes the tails off the logs. It reports whether nothing is gone that only an administrator can bring
// again: parts and activations of catalogues, and skips.
func (w *World) shorten() bool {
	b := w.broker
	moment := b.appends - int64(w.random.IntN(tailLost))
	together, anew := w.random.IntN(3) > 0, ""
	if w.random.IntN(6) == 0 {
		anew = []string{w.topics.Events, w.topics.Inbox, w.topics.Facts}[w.random.IntN(3)]
	}
	whole := true
	for _, p := range w.places() {
		at := moment
		switch {
		case p.topic == anew:
			at = 0
		case anew != "":
			at = b.appends
		case !together:
			at = b.appends - int64(w.random.IntN(2)*w.random.IntN(tailLost))
		}
		n, _ := slices.BinarySearch(b.numbers[p], at)
		if n == len(b.logs[p]) {
			continue
		}
		w.logf("power: %v loses records from %d to %d", p, n, len(b.logs[p]))
		if p.topic == w.topics.Inbox {
			for _, r := range b.logs[p][n:] {
				if rec, err := wire.DecodeInbox(r.Value); err == nil && rec.Source == wire.FromCoordinator {
					whole = false
				}
			}
		}
		b.logs[p], b.numbers[p] = b.logs[p][:n:n], b.numbers[p][:n:n]
	}
	for p := range w.committed { // offsets are a log like the others
		for together && len(w.commits[p]) > 0 && w.commits[p][len(w.commits[p])-1][0] >= moment {
			w.commits[p] = w.commits[p][:len(w.commits[p])-1]
		}
		if w.committed[p] = 0; len(w.commits[p]) > 0 {
			w.committed[p] = w.commits[p][len(w.commits[p])-1][1]
		}
	}
	w.forget()
	return whole
}

// places are all partitions that exist, in an order of their own.
func (w *World) places() (list []place) {
	for topic, n := range w.partitions() {
		for p := range n {
			list = append(list, place{topic, p})
		}
	}
	slices.SortFunc(list, func(a, b place) int {
		return bytes.Compare(fmt.Appendf(nil, "%s %d", a.topic, a.partition), fmt.Appendf(nil, "%s %d", b.topic, b.partition))
	})
	return list
}

func (w *World) partitions() map[string]int {
	return map[string]int{w.topics.Events: w.Events, w.topics.Inbox: w.Inbox, w.topics.Facts: w.Facts,
		w.topics.Tags: w.Inbox, w.topics.Profiles: w.Inbox, w.topics.Rejected: w.Events}
}

// forget takes what is gone from the simulator's own account.
func (w *World) forget() {
	w.sent = slices.DeleteFunc(w.sent, func(ev *model.Event) bool {
		return ev.At.Offset >= w.broker.end(place{w.topics.Events, ev.At.Partition})
	})
	for p := range w.items {
		end := w.broker.end(place{w.topics.Events, p})
		w.items[p], w.voids[p] = w.items[p][:end], w.voids[p][:end]
	}
	gone := func(at placeAt) bool { return at.offset >= w.broker.end(place{w.topics.Inbox, at.inbox}) }
	for at := range w.poisoned {
		if gone(at) {
			delete(w.poisoned, at)
		}
	}
	for at := range w.operators {
		if gone(at) {
			delete(w.operators, at)
		}
	}
	for at := range w.answered {
		if gone(at) {
			delete(w.answered, at)
		}
	}
	w.inboxes = inboxReader{}
	w.inboxes.init(w)
}

// ends is what a node sees when it starts, by the product's account.
func (w *World) ends() *pipeline.Ends {
	e := pipeline.NewEnds(&w.dep)
	for f := range w.Facts {
		log := w.broker.logs[place{w.topics.Facts, f}]
		for _, r := range log[max(0, len(log)-64):] {
			e.Hear(&w.dep, r.Value)
		}
	}
	for p := range e.Events {
		e.Events[p] = w.broker.end(place{w.topics.Events, p})
	}
	for q := range e.Inbox {
		e.Inbox[q] = w.broker.end(place{w.topics.Inbox, q})
	}
	return e
}

// refused asks everybody who would go on: nodes as the product does, routers and sinks as their fetches do.
func (w *World) refused() (who string, err error) {
	for _, n := range w.nodes {
		if err := n.check(); err != nil {
			return fmt.Sprintf("node %d: ", n.id), err
		}
	}
	for p, at := range w.committed {
		if end := w.broker.end(place{w.topics.Events, p}); at > end {
			return fmt.Sprintf("router %d: ", p), kafka.ErrOffsetBeyondEnd
		}
	}
	for f := range w.Facts {
		if at, _ := w.clickhouse.position(f); at.Next > w.broker.end(place{w.topics.Facts, f}) {
			return fmt.Sprintf("sink %d: ", f), kafka.ErrOffsetBeyondEnd
		}
	}
	return "", nil
}
