package sim

import (
	"slices"

	"portrait/pipeline"
	"portrait/pipeline/kafka"
)

// place is one partition of a topic.
type place struct {
	topic     string
	partition int
}

// broker is the log: every partition with everything that was ever appended. Nothing is removed but by
// loseTails, so that the run can be judged.
type broker struct {
	logs    map[place][]kafka.Record
	numbers map[place][]int64 // of each record: how many were appended to all logs before it
	appends int64
	network []request // sent, given up by their sender, and not arrived yet
	away    bool      // no request gets through
}

// request is a batch on its way; at is the writer's clock in ms, which stays with the records.
type request struct {
	to      place
	records []kafka.Record
	at      int64
	stamped bool // the broker's clock counts, not the writer's
}

func newBroker() *broker {
	return &broker{logs: map[place][]kafka.Record{}, numbers: map[place][]int64{}}
}

// append writes a batch at the end, as one.
func (b *broker) append(r request) {
	log := b.logs[r.to]
	for _, rec := range r.records {
		rec.Offset, rec.Time, rec.Appended = int64(len(log)), r.at, r.stamped
		log = append(log, rec)
		b.numbers[r.to] = append(b.numbers[r.to], b.appends)
		b.appends++
	}
	b.logs[r.to] = log
}

// read returns at most n records from an offset on, and the end of the log.
func (b *broker) read(p place, from int64, n int) ([]kafka.Record, int64) {
	log := b.logs[p]
	end := int64(len(log))
	if from >= end {
		return nil, end
	}
	return log[from:min(end, from+int64(n))], end
}

func (b *broker) end(p place) int64 { return int64(len(b.logs[p])) }

// arrive lets the k-th request of the network arrive.
func (b *broker) arrive(k int) request {
	r := b.network[k]
	b.network = slices.Delete(b.network, k, k+1)
	b.append(r)
	return r
}

// item is a record on its way, with what its acknowledgement does.
type item struct {
	record kafka.Record
	ack    func()
}

// outlet is one output partition of one node: records leave in order, one request in flight, repeated
// unchanged until acknowledged. It is the contract of kafka.Producer.
type outlet struct {
	to       place
	queue    []item
	flight   []item // the batch in flight, empty if there is none
	at       int64  // ms: the writer's clock when it was first sent
	appended bool   // the broker has it; the acknowledgement is on its way
}

// send queues outputs on a node's outlets. All of one outlet share their order, whoever sent them.
func (n *node) send(out []pipeline.Output, ack func()) {
	for i := range out {
		o := n.outlet(place{out[i].Topic, out[i].Partition})
		o.queue = append(o.queue, item{out[i].Record, ack})
	}
}

func (n *node) outlet(to place) *outlet {
	for _, o := range n.outlets {
		if o.to == to {
			return o
		}
	}
	o := &outlet{to: to}
	n.outlets = append(n.outlets, o)
	return o
}

// queued is how many records wait at a node: drivers wait for room.
func (n *node) queued() (sum int) {
	for _, o := range n.outlets {
		sum += len(o.queue) + len(o.flight)
	}
	return sum
}

// produce takes one step of an outlet: a request, or the acknowledgement of one.
func (w *World) produce(n *node, o *outlet) {
	if o.appended {
		o.appended = false
		if w.chance(LostAcks, 5) {
			w.logf("node %d: acknowledgement of %d records to %v is lost", n.id, len(o.flight), o.to)
			return
		}
		flight := o.flight
		o.flight = nil
		for _, it := range flight {
			if it.ack != nil {
				it.ack()
			}
		}
		return
	}
	if len(o.flight) == 0 {
		if len(o.queue) == 0 {
			return
		}
		k := 1 + w.random.IntN(len(o.queue))
		o.flight, o.queue = slices.Clone(o.queue[:k]), slices.Delete(o.queue, 0, k)
		o.at = n.wall()
	}
	r := request{to: o.to, records: make([]kafka.Record, len(o.flight)), at: o.at}
	for i, it := range o.flight {
		r.records[i] = it.record
	}
	switch {
	case w.broker.away || w.chance(LostRequests, 8):
		w.logf("node %d: request of %d records to %v never arrives", n.id, len(o.flight), o.to)
	case w.chance(LateRequests, 8):
		w.logf("node %d: request of %d records to %v is late", n.id, len(o.flight), o.to)
		w.broker.network = append(w.broker.network, r)
	default:
		w.logf("node %d: appends %d records to %v at %d", n.id, len(o.flight), o.to, w.broker.end(o.to))
		w.broker.append(r)
		o.appended = true
	}
}
