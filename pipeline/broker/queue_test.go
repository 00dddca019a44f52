package broker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"portrait/pipeline/kafka"
)

// While a broker takes nothing, memory stays bounded by records and by bytes, senders wait and can give
// up; when it takes records again, all that were taken by Send arrive in order.
func TestQueueIsBounded(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*kafka.ProducerConfig)
		pad      int
		atMost   int64 // records in the queue and in flight
		atLeast  int64
		maxBytes int64
	}{
		{"by records", func(c *kafka.ProducerConfig) { c.QueueRecords, c.BatchRecords = 50, 10 }, 0, 60, 51, 1 << 20},
		{"by bytes", func(c *kafka.ProducerConfig) { c.QueueBytes, c.BatchBytes = 10_000, 3000 }, 1000, 13, 10, 14_000},
		{"one record above the bound", func(c *kafka.ProducerConfig) { c.QueueBytes, c.BatchBytes = 100, 100 }, 5000, 2, 2, 12_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			client := connect(t, cluster.ListenAddrs()...)
			ensure(t, client, kafka.CleanupDelete)
			fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
			config := kafka.DefaultProducerConfig()
			c.change(&config)
			p, err := kafka.NewProducer(context.Background(), client, config)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			taken := 0
			for {
				ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
				err = p.Send(ctx, "t", 0, kafka.Record{Value: append(number(taken), make([]byte, c.pad)...)}, nil)
				cancel()
				if err != nil {
					break
				}
				taken++
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("send: %v", err)
			}
			s := p.Stats()
			if s.QueuedRecords != int64(taken) || s.QueuedRecords > c.atMost || s.QueuedRecords < c.atLeast || s.QueuedBytes > c.maxBytes {
				t.Errorf("took %d; %+v; want %d to %d records, at most %d bytes", taken, s, c.atLeast, c.atMost, c.maxBytes)
			}
			if s.Retries == 0 || s.LastError == "" {
				t.Errorf("no retries: %+v", s)
			}
			fault.Remove()
			if err := p.Flush(deadline(t)); err != nil {
				t.Fatal(err)
			}
			if repeats := firsts(t, readAll(t, client), taken); repeats != 0 {
				t.Errorf("%d came twice", repeats)
			}
			if s := p.Stats(); s.QueuedRecords != 0 || s.QueuedBytes != 0 || s.Records != int64(taken) {
				t.Errorf("afterwards %+v", s)
			}
		})
	}
}
