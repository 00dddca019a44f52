package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// maxTogether bounds the batches of one request, in bytes; one batch always goes.
const maxTogether = 4 << 20

// gather is how long the first batch waits for those of other outlets, whose gaps end at the same time: a few goroutines'
// turns. Only a busy post waits, one of busyRate records per second in the last busySpan or so: at 2,000 events/s (4,600
// records) a batch seldom has company, and the waiting, which makes gaps grow, was 6.2 ms of latency instead of 2.6; at 20,000
// a post that does not wait costs 8 % more CPU.
const (
	gather   = 200 * time.Microsecond
	busyRate = 20_000
	busySpan = 100 * time.Millisecond
)

// errNotAnswered is what a batch gets whose request ended without a word about it.
var errNotAnswered = errors.New("the broker's answer does not name this partition")

// parcel is one try to deliver one batch.
type parcel struct {
	place   place
	encoded []byte // frame and records
	done    chan error
	settled atomic.Bool
}

// settle tells how the try ended; only the first word counts. An answer that comes when the request was given up
// already is such a second word.
func (p *parcel) settle(err error) {
	if p.settled.CompareAndSwap(false, true) {
		p.done <- err
	}
}

// post puts the batches of several output partitions into one request for each broker. A request costs broker and
// client together some 80 µs whatever is in it; with one for each of a dozen partitions every few milliseconds that
// was more than all other work at 40,000 events/s.
//
// It knows nothing of order or repeats: an outlet hands over its next batch, or the same one again, only when it was
// told about the last.
type post struct {
	producer *Producer
	wake     chan struct{} // holds one token while parcels wait

	mu      sync.Mutex
	parcels []*parcel
	records uint64 // ever handed over

	// Of run:
	busy   bool
	looked time.Duration // since the producer began, when busy was found out
	seen   uint64        // of records, then
}

func newPost(p *Producer) *post { return &post{producer: p, wake: make(chan struct{}, 1)} }

// deliver sends a batch with the next request and returns what the broker said. When ctx ends it may still be under way.
func (o *post) deliver(ctx context.Context, at place, encoded []byte, records int) error {
	p := &parcel{place: at, encoded: encoded, done: make(chan error, 1)}
	o.mu.Lock()
	o.parcels = append(o.parcels, p) // bounded: one per outlet
	o.records += uint64(records)
	o.mu.Unlock()
	signal(o.wake)
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run sends request after request. The gap between them follows the load, as an outlet's does.
func (o *post) run() {
	ctx := o.producer.ctx
	var gap time.Duration
	for {
		select {
		case <-o.wake:
		case <-ctx.Done():
			return
		}
		if o.isBusy(time.Since(o.producer.base)) && !pause(ctx, gather) {
			return
		}
		for {
			parcels := o.take()
			if len(parcels) == 0 {
				gap = shrink(gap)
				break
			}
			o.exchange(parcels)
			if gap > 0 && !pause(ctx, gap) {
				return
			}
			gap = grow(gap, o.producer.config.Together)
		}
	}
}

// isBusy looks again once the last look is old enough, now being the time since the producer began.
func (o *post) isBusy(now time.Duration) bool {
	if span := now - o.looked; span >= busySpan {
		o.mu.Lock()
		records := o.records
		o.mu.Unlock()
		o.busy = float64(records-o.seen) >= busyRate*span.Seconds()
		o.looked, o.seen = now, records
	}
	return o.busy
}

// take removes what goes into the next request.
func (o *post) take() []*parcel {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, size := 0, 0
	for n < len(o.parcels) && (n == 0 || size+len(o.parcels[n].encoded) <= maxTogether) {
		size += len(o.parcels[n].encoded)
		n++
	}
	if n == len(o.parcels) {
		all := o.parcels
		o.parcels = nil
		return all
	}
	some := o.parcels[:n:n]
	o.parcels = o.parcels[n:]
	return some
}

// exchange sends the parcels beside whatever is under way: a broker that hangs must not hold the others up.
func (o *post) exchange(parcels []*parcel) {
	o.producer.loops.Go(func() {
		ctx, cancel := context.WithTimeout(o.producer.ctx, requestTimeout)
		defer cancel()
		client := o.producer.client
		r := &produceRequest{parcels: parcels, clientID: client.config.ClientID, others: o.exchange}
		_, err := client.transport.RoundTrip(ctx, client.api.Addr, r)
		if err == nil {
			err = errNotAnswered
			o.producer.requests.Add(1)
		}
		for _, p := range r.parcels {
			p.settle(err)
		}
	})
}

// byLeader keeps the parcels for the broker that leads the first partition's, hands on those for other brokers, and
// settles those that have none.
func (r *produceRequest) byLeader(cluster protocol.Cluster) (protocol.Broker, error) {
	leader, failed := protocol.Broker{ID: -1}, error(nil)
	var here, elsewhere []*parcel
	for _, p := range r.parcels {
		broker, err := leaderOf(cluster, p.place.topic, int32(p.place.partition))
		switch {
		case err != nil:
			failed = err
			p.settle(err)
		case leader.ID < 0 || broker.ID == leader.ID:
			leader = broker
			here = append(here, p)
		default:
			elsewhere = append(elsewhere, p)
		}
	}
	r.parcels = here
	if len(elsewhere) > 0 {
		r.others(elsewhere)
	}
	if len(here) == 0 {
		return leader, fmt.Errorf("no request: %w", failed)
	}
	return leader, nil
}

// leaderOf finds the broker that leads a partition.
func leaderOf(cluster protocol.Cluster, topic string, partition int32) (protocol.Broker, error) {
	t, ok := cluster.Topics[topic]
	if !ok {
		return protocol.Broker{ID: -1}, protocol.NewErrNoTopic(topic)
	}
	p, ok := t.Partitions[partition]
	if !ok {
		return protocol.Broker{ID: -1}, protocol.NewErrNoPartition(topic, partition)
	}
	leader, ok := cluster.Brokers[p.Leader]
	if !ok {
		return protocol.Broker{ID: -1}, protocol.NewErrNoLeader(topic, partition)
	}
	return leader, nil
}
