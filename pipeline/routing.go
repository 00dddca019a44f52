package pipeline

import (
	"bytes"
	"sync"

	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/pipeline/router"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// Routing is the step of one events partition: raw records in, outputs out, and offsets when they may
// be committed. It has no goroutine, clock or I/O; a driver runs it, and so does the simulator.
//
// It keeps nothing that a successor needs: that one begins at the committed offset, which is that behind a
// record and never runs ahead of acknowledgements, and what is sent twice has the same numbers.
type Routing struct {
	step      *router.Router
	topics    Topics
	partition int
	commits   commitQueue
	end       Clocks // when the fetch before was asked for, if it found the partition's end
}

// Clocks are both clocks of a process at one moment, in ms.
type Clocks struct{ Wall, Mono int64 }

// NewRouting returns the step of one events partition. It calls commit with offsets that ascend, from
// whichever goroutine calls an Ack.
func NewRouting(dep *schemas.Deployment, norm *normalize.Normalizer, topics Topics, partition int, commit func(offset int64)) *Routing {
	return &Routing{step: router.New(dep, norm, topics.Events, int32(partition)), topics: topics, partition: partition,
		commits: commitQueue{commit: commit}, end: Clocks{Wall: -1}}
}

// Routed is what one fetch wants done: produce Outputs in order, call Ack once for each that is
// acknowledged, and Tell the ticker when all are queued.
type Routed struct {
	Outputs []Output
	Ack     func() // from any goroutine
	Counts  router.Counts

	partition int
	told      []told
	stamp     int64
}

// told is what the ticker has to know of a record for an inbox.
type told struct {
	partition int
	stamp     int64
}

// Step routes one fetch; now is the wall in ms, read behind it. done is called when all that the fetch caused
// is acknowledged, unless it had no records: then it causes nothing. Nothing refers to the values of the records any more.
func (r *Routing) Step(now int64, b *kafka.Batch, done func()) Routed {
	fetch := router.Fetch{Now: now, Records: make([]router.Record, len(b.Records)), Voids: make([]router.Void, len(b.Voids))}
	for i := range b.Records {
		rec := &b.Records[i]
		fetch.Records[i] = router.Record{Offset: rec.Offset, Time: rec.Time, Value: rec.Value}
	}
	for i, v := range b.Voids {
		fetch.Voids[i] = router.Void(v)
	}
	out := r.step.Route(fetch)
	routed := Routed{Counts: out.Counts, partition: r.partition, told: make([]told, len(out.Inbox)), stamp: out.Stamp,
		Outputs: make([]Output, 0, len(out.Inbox)+len(out.Rejected))}
	for i := range out.Inbox {
		routed.Outputs = append(routed.Outputs, InboxOutput(r.topics, &out.Inbox[i]))
		routed.told[i] = told{out.Inbox[i].Partition, out.Inbox[i].Stamp()}
	}
	for i := range out.Rejected {
		d := &out.Rejected[i]
		rec := kafka.Record{Key: d.Key(), Value: bytes.Clone(d.Value)}
		for _, h := range d.Headers(r.topics.Events) {
			rec.Headers = append(rec.Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		routed.Outputs = append(routed.Outputs, Output{Topic: r.topics.Rejected, Partition: r.partition, Record: rec})
	}
	r.step.Reset() // all of it is encoded
	if len(b.Records) > 0 {
		routed.Ack = r.commits.open(out.Next, len(routed.Outputs), done)
	}
	return routed
}

// Tell says to the ticker what was queued, and that a tick may speak of it. now is the monotonic clock, ms.
func (r *Routed) Tell(t *router.Ticker, now int64) {
	for _, at := range r.told {
		t.Sent(at.partition, int32(r.partition), at.stamp, now)
	}
	t.Read(int32(r.partition), r.stamp)
}

// Hear says to guard and ticker what a fetch shows of time; everything in it was handed on. It was asked for
// at before, and was here at got. Both serve all routings of a process.
func (r *Routing) Hear(b *kafka.Batch, before, got Clocks, guard *router.ClockGuard, ticker *router.Ticker) {
	if n := len(b.Records); n > 0 && r.end.Wall >= 0 && b.Records[n-1].Appended {
		guard.Witness(r.end.Wall, b.Records[n-1].Time, got.Wall, got.Mono)
	}
	if r.end = (Clocks{Wall: -1}); b.Next < b.High {
		return
	}
	if !guard.Suspect(before.Wall, before.Mono) { // what a wrong wall says must not wait in the ticker either
		ticker.ReachedEnd(int32(r.partition), before.Wall)
	}
	r.end = before
}

// InboxOutput is the output of one record of a router or of its ticker.
func InboxOutput(topics Topics, in *router.Inbox) Output {
	e := wire.Encoder{B: make([]byte, 0, in.Size)}
	in.Record.Encode(&e)
	return Output{Topic: topics.Inbox, Partition: in.Partition, Record: kafka.Record{Value: e.B}}
}

// commitQueue commits the offset behind a fetch when it and all fetches before it are acknowledged:
// committing out of order would acknowledge gaps.
type commitQueue struct {
	mu      sync.Mutex
	waiting []*openFetch // oldest first
	commit  func(offset int64)
}

type openFetch struct {
	next int64
	owed int
}

// open notes a fetch that caused so many outputs, and returns the function to call for each ack.
func (q *commitQueue) open(next int64, owed int, done func()) func() {
	f := &openFetch{next: next, owed: owed}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, f)
	q.settle()
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if f.owed--; f.owed == 0 {
			done()
		}
		q.settle()
	}
}

func (q *commitQueue) settle() {
	next := int64(-1)
	for len(q.waiting) > 0 && q.waiting[0].owed == 0 {
		next = q.waiting[0].next
		q.waiting = q.waiting[1:]
	}
	if next >= 0 {
		q.commit(next)
	}
}
