package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"portrait/pipeline/histogram"
)

// ErrProducerStopped is what Send returns after Close, after the context of NewProducer ended, or after
// a fatal error (which it then wraps, too).
var ErrProducerStopped = errors.New("producer has stopped")

// Compression of produced batches.
type Compression string

// The compressions. LZ4 costs about 2 µs of CPU per record of 300 bytes and pays where the network or
// the brokers' disks are the bottleneck.
const (
	CompressionNone Compression = "none"
	CompressionLZ4  Compression = "lz4"
	// CompressionSnappy takes half of LZ4's time for about the same size.
	CompressionSnappy Compression = "snappy"
)

// ProducerConfig bounds a producer. Take DefaultProducerConfig and change what you must.
type ProducerConfig struct {
	Compression  Compression
	QueueRecords int                      // records waiting per output partition
	QueueBytes   int                      // bytes waiting per output partition; one record always fits
	BatchRecords int                      // records per request
	BatchBytes   int                      // bytes per request; a larger record goes alone; below max.message.bytes of every topic
	MaxGap       time.Duration            // between batches of a busy partition
	Gaps         map[string]time.Duration // by topic, instead of MaxGap: for readers that can wait
	Ahead        string                   // a topic whose gaps end before those of others: what readers of it cause then waits less
	Together     time.Duration            // between requests to a broker, which take the batches of several partitions
	TopicGrace   time.Duration            // how long a topic may be unknown before it counts as gone
	// Echo names a compacted topic whose records are told once more after a doubt: see Producer.Echo. Empty: none.
	Echo      string
	EchoAfter time.Duration // 0: a minute
	// Hold is asked before each request to Echo; while it says true nothing is sent there. Nil: never.
	Hold func() bool
}

// DefaultProducerConfig returns the defaults.
//
//   - No compression: right for a broker in process.
//   - 4096 records, 8 MB waiting: a second of a busy partition; more only hides a slow broker.
//   - 1000 records, 1 MB per request: a request costs 50–110 µs and a record 1, so more gains nothing.
//   - 5 ms between batches of a partition: with a request for each, 200 per second of a dozen partitions cost a fifth of a core.
//   - 1 ms between requests of all partitions: what waits meanwhile goes together.
//   - 15 s of grace: metadata are believed for 1 s, and a new topic reaches all brokers within seconds.
func DefaultProducerConfig() ProducerConfig {
	return ProducerConfig{
		Compression: CompressionNone, QueueRecords: 4096, QueueBytes: 8 << 20,
		BatchRecords: 1000, BatchBytes: 1 << 20, MaxGap: 5 * time.Millisecond, Together: time.Millisecond, TopicGrace: 15 * time.Second,
	}
}

// Validate reports the first bound that cannot work.
func (c *ProducerConfig) Validate() error {
	switch {
	case c.Compression != CompressionNone && c.Compression != CompressionLZ4 && c.Compression != CompressionSnappy:
		return fmt.Errorf("producer: compression %q; want none, lz4 or snappy", c.Compression)
	case c.QueueRecords < 1 || c.QueueBytes < 1 || c.BatchRecords < 1 || c.BatchBytes < 1:
		return errors.New("producer: bounds of queue and batch must be at least 1")
	case c.MaxGap < 0 || c.MaxGap > time.Second:
		return fmt.Errorf("producer: a gap of %v; want 0 to 1s", c.MaxGap)
	case c.Together < 0 || c.Together > time.Second:
		return fmt.Errorf("producer: %v between requests; want 0 to 1s", c.Together)
	case slices.ContainsFunc(slices.Collect(maps.Values(c.Gaps)), func(d time.Duration) bool { return d < 0 || d > time.Second }):
		return fmt.Errorf("producer: gaps of %v; want 0 to 1s", c.Gaps)
	case c.TopicGrace < metadataTTL:
		return fmt.Errorf("producer: a topic grace of %v; want at least %v, the age of metadata", c.TopicGrace, metadataTTL)
	}
	return nil
}

// Producer sends records, in order for each output partition. It is safe for concurrent use; records
// of one partition that need an order must come from one goroutine.
type Producer struct {
	client *Client
	config ProducerConfig

	ctx    context.Context // ends with Close, a fatal error, or the context given
	cancel context.CancelCauseFunc
	fatal  chan error
	post   *post
	loops  sync.WaitGroup

	mu      sync.RWMutex // protects outlets and closed
	outlets map[place]*outlet
	closed  bool

	base      time.Time    // of the monotonic clock
	echoUntil atomic.Int64 // ns since base
	echoed    atomic.Int64

	requests, records, bytes, retries atomic.Int64
	queuedRecords, queuedBytes        atomic.Int64
	lastError                         atomic.Pointer[string]
	request                           histogram.Recorder
}

type place struct {
	topic     string
	partition int
}

// Stats is a snapshot of a producer's counters since it began.
type Stats struct {
	Requests      int64 // answered requests: each holds batches of one or more partitions
	Records       int64 // acknowledged records
	Bytes         int64 // of acknowledged batches, compressed
	Retries       int64
	Echoed        int64              // records told once more
	QueuedRecords int64              // taken by Send and not acknowledged yet
	QueuedBytes   int64              //
	LastError     string             // of the latest retry; empty: there was none
	Request       histogram.Snapshot // from the first try of a batch until it is acknowledged
}

// NewProducer returns a producer that works until Close or until ctx ends; records not acknowledged by
// then never will be, though the broker may have them.
func NewProducer(ctx context.Context, client *Client, config ProducerConfig) (*Producer, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.EchoAfter == 0 {
		config.EchoAfter = echoAfter
	}
	p := &Producer{client: client, config: config, base: time.Now(), outlets: map[place]*outlet{}, fatal: make(chan error, 1)}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.post = newPost(p)
	p.loops.Go(p.post.run)
	return p, nil
}

// Send queues a record for an output partition and returns; it blocks while that partition's queue is
// full. ack (nil: none) is called once, when the record is acknowledged, from the partition's own
// goroutine, in order of Send: it must be quick. The record's bytes must not change until then. An error
// says that the record was not taken.
func (p *Producer) Send(ctx context.Context, topic string, partition int, record Record, ack func()) error {
	out, err := p.outlet(place{topic, partition})
	if err != nil {
		return err
	}
	return out.put(ctx, item{record: record, ack: ack})
}

// Flush waits until everything sent before is acknowledged.
func (p *Producer) Flush(ctx context.Context) error {
	p.mu.RLock()
	outlets := make([]*outlet, 0, len(p.outlets))
	for _, out := range p.outlets {
		outlets = append(outlets, out)
	}
	p.mu.RUnlock()
	for _, out := range outlets {
		if err := out.flush(ctx); err != nil {
			return fmt.Errorf("flush %s/%d: %w", out.place.topic, out.place.partition, err)
		}
	}
	return nil
}

// Fatal delivers the error that stopped the producer, if one did that no repeat can heal: a record too
// large, an authorization refused, a topic gone.
func (p *Producer) Fatal() <-chan error { return p.fatal }

// Stats returns the counters.
func (p *Producer) Stats() Stats {
	s := Stats{
		Requests: p.requests.Load(), Records: p.records.Load(), Bytes: p.bytes.Load(), Retries: p.retries.Load(), Echoed: p.echoed.Load(),
		QueuedRecords: p.queuedRecords.Load(), QueuedBytes: p.queuedBytes.Load(), Request: p.request.Snapshot(),
	}
	if text := p.lastError.Load(); text != nil {
		s.LastError = *text
	}
	return s
}

// Close stops at once and waits for the goroutines; Flush first for a clean end.
func (p *Producer) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel(ErrProducerStopped)
	p.loops.Wait()
}

func (p *Producer) outlet(at place) (*outlet, error) {
	p.mu.RLock()
	out := p.outlets[at]
	p.mu.RUnlock()
	if out != nil {
		return out, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if out = p.outlets[at]; out != nil {
		return out, nil
	}
	if p.closed || p.ctx.Err() != nil {
		return nil, p.stopped()
	}
	out = newOutlet(p, at)
	p.outlets[at] = out
	p.loops.Go(out.run)
	return out, nil
}

// stop ends the producer with an error that no repeat can heal.
func (p *Producer) stop(err error) {
	p.cancel(err) // first: whoever hears of it finds the producer stopped
	select {
	case p.fatal <- err:
	default: // an earlier one is waiting to be read
	}
}

func (p *Producer) stopped() error {
	if cause := context.Cause(p.ctx); cause != nil && !errors.Is(cause, ErrProducerStopped) {
		return fmt.Errorf("%w: %w", ErrProducerStopped, cause)
	}
	return ErrProducerStopped
}
