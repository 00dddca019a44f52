package peers

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"portrait/bench"
	"portrait/bench/latency"
	"portrait/bench/traffic"
	"portrait/schemas"
)

const (
	sendGap   = time.Millisecond // how long the generator rests when nothing is due
	sendWait  = 2 * time.Millisecond
	sendQueue = 50_000    // records that wait for the broker; what waits longer is late, and says so
	slab      = 256 << 10 // bytes of records that share one allocation
	chunk     = 512       // records that do
)

// sender writes a plan's events into a topic.
type sender struct {
	client *kgo.Client
	topic  string
	failed atomic.Pointer[error]
}

func newSender(broker, topic string) (*sender, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(sendWait),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(sendQueue))
	return &sender{client: client, topic: topic}, err
}

// send hands over the events [from, to), each when it is due, until the instant over (zero: never) has passed, and returns the
// number of the next one. late gets how late the oldest event of each round was.
func (s *sender) send(ctx context.Context, plan *traffic.Plan, from, to int64, over time.Time, late *latency.Recorder) (int64, error) {
	render := traffic.NewRenderer(plan)
	var buffer []byte
	var records []kgo.Record
	n := from
	for n < to {
		now := time.Now()
		due := now.Sub(plan.At(n))
		if due < 0 {
			if err := bench.Pause(ctx, max(sendGap, -due)); err != nil {
				return n, err
			}
			continue
		}
		if late != nil {
			late.Record(latency.Lateness, due)
		}
		for ; n < to && (n < 0 || !plan.At(n).After(now)); n++ {
			if cap(buffer)-len(buffer) < 1024 {
				buffer = make([]byte, 0, slab)
			}
			if len(records) == 0 {
				records = make([]kgo.Record, chunk)
			}
			e := plan.Event(n)
			start := len(buffer)
			buffer = append(buffer, render.Key(&e)...)
			mid := len(buffer)
			buffer = render.Append(buffer, n, &e)
			r := &records[0]
			records = records[1:]
			r.Topic, r.Key, r.Value = s.topic, buffer[start:mid:mid], buffer[mid:len(buffer):len(buffer)]
			r.Partition = int32(schemas.PartitionOf(string(r.Key), partitions))
			s.client.Produce(ctx, r, s.acknowledged)
			if n&1023 == 0 && !over.IsZero() && time.Now().After(over) {
				return n + 1, s.err()
			}
		}
		if err := s.err(); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (s *sender) acknowledged(_ *kgo.Record, err error) {
	if err != nil {
		s.failed.CompareAndSwap(nil, &err)
	}
}

func (s *sender) err() error {
	if err := s.failed.Load(); err != nil {
		return fmt.Errorf("generator: %s: %w", s.topic, *err)
	}
	return nil
}

// flush waits until the broker has everything.
func (s *sender) flush(ctx context.Context) error {
	if err := s.client.Flush(ctx); err != nil {
		return fmt.Errorf("generator: %w", err)
	}
	return s.err()
}

func (s *sender) close() { s.client.Close() }
