package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// minGap is where the gap between requests begins to grow, and below which it is none.
const minGap = 500 * time.Microsecond

// item is a record on its way.
type item struct {
	record Record
	ack    func()
}

// outlet is one output partition: a bounded queue and the one goroutine that empties it.
type outlet struct {
	producer *Producer
	place    place
	most     time.Duration // the largest gap between requests
	phase    time.Duration // behind a multiple of it, gaps end
	wake     chan struct{} // holds one token while the queue has something
	room     chan struct{} // holds one token after something left the queue

	mu      sync.Mutex
	queue   []item
	bytes   int
	sent    uint64        // records ever put
	acked   uint64        // records ever acknowledged
	settled chan struct{} // closed and replaced at each acknowledgement, for flush

	// Of the goroutine that empties the queue:
	echo    echo
	batch   []item // on its way
	encoder batchEncoder
}

func newOutlet(p *Producer, at place) *outlet {
	most, ok := p.config.Gaps[at.topic]
	if !ok {
		most = p.config.MaxGap
	}
	phase := p.config.MaxGap * 3 / 5
	if at.topic == p.config.Ahead {
		phase = 0
	}
	return &outlet{
		producer: p, place: at, most: most, phase: phase,
		wake: make(chan struct{}, 1), room: make(chan struct{}, 1), settled: make(chan struct{}),
		encoder: batchEncoder{pack: packingOf(p.config.Compression)},
	}
}

// put queues the record, waiting for room.
func (o *outlet) put(ctx context.Context, it item) error {
	size := it.record.size()
	config := &o.producer.config
	for {
		if o.producer.ctx.Err() != nil {
			return o.producer.stopped()
		}
		o.mu.Lock()
		fits := len(o.queue) < config.QueueRecords && (o.bytes == 0 || o.bytes+size <= config.QueueBytes)
		if fits {
			o.queue = append(o.queue, it)
			o.bytes += size
			o.sent++
			more := len(o.queue) < config.QueueRecords && o.bytes < config.QueueBytes
			o.mu.Unlock()
			o.producer.queuedRecords.Add(1)
			o.producer.queuedBytes.Add(int64(size))
			signal(o.wake)
			if more {
				signal(o.room) // another sender may be waiting for the same token
			}
			return nil
		}
		o.mu.Unlock()
		select {
		case <-o.room:
		case <-ctx.Done():
			return fmt.Errorf("send to %s/%d: %w", o.place.topic, o.place.partition, ctx.Err())
		case <-o.producer.ctx.Done():
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// flush waits until what is queued now is acknowledged.
func (o *outlet) flush(ctx context.Context) error {
	o.mu.Lock()
	target := o.sent
	for o.acked < target {
		settled := o.settled
		o.mu.Unlock()
		select {
		case <-settled:
		case <-ctx.Done():
			return ctx.Err()
		case <-o.producer.ctx.Done():
			return o.producer.stopped()
		}
		o.mu.Lock()
	}
	o.mu.Unlock()
	return nil
}

// run sends batch after batch, each until it is acknowledged.
//
// The gap between requests follows the load: a queue that was empty when the gap was over is sent to at
// once and halves the gap, one that had filled doubles it, and a full batch does not wait. Gaps end when those of other
// outlets do, so that their batches go together (post), and whoever reads them finds them together.
func (o *outlet) run() {
	ctx := o.producer.ctx
	var gap time.Duration
	for {
		select {
		case <-o.wake:
		case <-o.echo.C():
		case <-ctx.Done():
			return
		}
		for {
			if !o.tellAgain(ctx) {
				return
			}
			batch := o.take()
			if len(batch) == 0 {
				gap = shrink(gap)
				break
			}
			if !o.deliver(ctx, batch) {
				return
			}
			clear(batch) // nothing of it is kept
			if o.full() {
				continue
			}
			if gap > 0 && !pause(ctx, o.rest(time.Since(o.producer.base), gap)) {
				return
			}
			gap = grow(gap, o.most)
		}
	}
}

// rest is how long it is until a gap ends, now being the time since the producer began.
func (o *outlet) rest(now, gap time.Duration) time.Duration {
	return gap - (now+gap-o.phase%gap)%gap
}

func grow(gap, most time.Duration) time.Duration { return min(max(2*gap, minGap), most) }

func shrink(gap time.Duration) time.Duration {
	if gap /= 2; gap < minGap {
		return 0
	}
	return gap
}

// take removes the next batch from the queue, bounded by records and bytes; one record always goes. The batch is valid
// until the next call.
func (o *outlet) take() []item {
	config := &o.producer.config
	o.mu.Lock()
	defer o.mu.Unlock()
	n, size := 0, 0
	for n < len(o.queue) && n < config.BatchRecords {
		s := o.queue[n].record.size()
		if n > 0 && size+s > config.BatchBytes {
			break
		}
		size += s
		n++
	}
	if n == 0 {
		return nil
	}
	o.batch = append(o.batch[:0], o.queue[:n]...)
	rest := copy(o.queue, o.queue[n:])
	clear(o.queue[rest:]) // the records' memory is theirs
	o.queue = o.queue[:rest]
	o.bytes -= size
	signal(o.room)
	return o.batch
}

// full reports that a whole batch waits already.
func (o *outlet) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) >= o.producer.config.BatchRecords || o.bytes >= o.producer.config.BatchBytes
}

// deliver sends one batch until it is acknowledged, then calls the acks. It returns false when the
// producer has stopped.
func (o *outlet) deliver(ctx context.Context, batch []item) bool {
	p := o.producer
	size := 0
	for i := range batch {
		size += batch[i].record.size()
	}
	began := time.Now()
	encoded, err := o.encoder.encode(batch, began.UnixMilli())
	if err != nil {
		p.stop(fmt.Errorf("produce to %s/%d: %w", o.place.topic, o.place.partition, err))
		return false
	}
	if !o.repeat(ctx, encoded, len(batch)) {
		return false
	}
	o.told(batch)
	p.request.Observe(time.Since(began))
	p.records.Add(int64(len(batch)))
	p.bytes.Add(int64(len(encoded) - frame))
	p.queuedRecords.Add(-int64(len(batch)))
	p.queuedBytes.Add(-int64(size))
	for i := range batch {
		if batch[i].ack != nil {
			batch[i].ack()
		}
	}
	o.mu.Lock()
	o.acked += uint64(len(batch))
	close(o.settled)
	o.settled = make(chan struct{})
	o.mu.Unlock()
	return true
}

// repeat sends the same bytes until the broker has acknowledged them.
func (o *outlet) repeat(ctx context.Context, encoded []byte, records int) bool {
	p := o.producer
	var unknownSince time.Time
	for failures := 1; ; failures++ {
		if !o.held(ctx) {
			return false
		}
		err := o.producer.post.deliver(ctx, o.place, encoded, records)
		if err == nil {
			return true
		}
		o.encoder.forget() // a connection that was given up may still be writing what it holds
		o.echo.failed(p.config.EchoAfter)
		if ctx.Err() != nil {
			return false
		}
		if isUnknownTopic(err) {
			if unknownSince.IsZero() {
				unknownSince = time.Now()
			}
		} else {
			unknownSince = time.Time{}
		}
		gone := !unknownSince.IsZero() && time.Since(unknownSince) > p.config.TopicGrace
		if gone || isRefused(err) {
			p.stop(fmt.Errorf("produce %d records (%d bytes) to %s/%d: %w; %s",
				records, len(encoded), o.place.topic, o.place.partition, err, remedy(err)))
			return false
		}
		p.retries.Add(1)
		text := fmt.Sprintf("produce to %s/%d: %v", o.place.topic, o.place.partition, describe(err))
		p.lastError.Store(&text)
		if !pause(ctx, backoff(failures)) {
			return false
		}
	}
}

func remedy(err error) string {
	switch {
	case errors.Is(err, kafkago.MessageSizeTooLarge), errors.Is(err, kafkago.RecordListTooLarge):
		return "raise max.message.bytes of the topic (and message.max.bytes of the brokers)"
	case isAuthorization(err):
		return "allow this user to write to the topic"
	case isUnknownTopic(err):
		return "the topic or the partition is gone; restore it, or start anew: another prefix, an empty data directory, another ClickHouse database"
	}
	return "the broker refuses these bytes; see its log"
}
