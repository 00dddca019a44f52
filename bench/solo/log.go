package solo

import (
	"fmt"
	"time"

	"portrait/bench/traffic"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/pipeline/router"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// fetchRecords is how many events a router reads at once under load: about 1 MB.
const fetchRecords = 2_500

// logMaker makes inbox records of a plan's events.
type logMaker struct {
	dep    *schemas.Deployment
	plan   *traffic.Plan
	render *traffic.Renderer
	router *router.Router
	next   int64 // number of the next event
	offset int64 // of the next record of portrait.events
}

func newLogMaker(dep *schemas.Deployment, keys normalize.Keys, plan *traffic.Plan) (*logMaker, error) {
	norm, err := normalize.New(dep, keys)
	if err != nil {
		return nil, fmt.Errorf("normaliser: %w", err)
	}
	return &logMaker{dep: dep, plan: plan, render: traffic.NewRenderer(plan), router: router.New(dep, norm, "bench.events", 0),
		next: plan.First()}, nil
}

// fetch returns the inbox records of the next n events at most, and the JSON bytes they had.
func (l *logMaker) fetch(n int) (records [][]byte, size int, err error) {
	var f router.Fetch
	for range min(n, fetchRecords) {
		e := l.plan.Event(l.next)
		value := l.render.Append(nil, l.next, &e)
		size += len(value)
		f.Records = append(f.Records, router.Record{Offset: l.offset, Time: e.Time, Value: value})
		f.Now = e.Time
		l.next++
		l.offset++
	}
	out := l.router.Route(f)
	if len(out.Rejected) > 0 {
		return nil, 0, fmt.Errorf("the router rejected %d of the bench's own events, the first as %+v", len(out.Rejected), out.Rejected[0])
	}
	for i := range out.Inbox {
		records = append(records, encode(out.Inbox[i].Record))
	}
	return records, size, nil
}

// tick is a record that says that everything until then was handed on.
func (l *logMaker) tick(at time.Time) []byte {
	return encode(&wire.InboxRecord{Deployment: l.dep.Hash(), Source: wire.FromRouter,
		Ticks: []wire.Tick{{Partition: 0, Stamp: at.UnixMilli()}}})
}

func (l *logMaker) control(c wire.Control) []byte {
	return encode(&wire.InboxRecord{Deployment: l.dep.Hash(), Source: wire.FromCoordinator, Controls: []wire.Control{c}})
}

func encode(r *wire.InboxRecord) []byte {
	e := wire.Encoder{B: make([]byte, 0, 1024)}
	r.Encode(&e)
	return e.B
}

// batch is a list of records as a fetch of the inbox brings them.
func batch(values [][]byte, offset int64) []kafka.Record {
	list := make([]kafka.Record, len(values))
	for i, v := range values {
		list[i] = kafka.Record{Offset: offset + int64(i), Value: v}
	}
	return list
}
