package kafka_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"portrait/pipeline/kafka"
)

// BenchmarkProduceFetch sends records of 300 bytes through 4 partitions as fast as it can, and fetches
// them; the process's CPU includes the embedded broker.
func BenchmarkProduceFetch(b *testing.B) {
	for _, compression := range []kafka.Compression{kafka.CompressionNone, kafka.CompressionLZ4, kafka.CompressionSnappy} {
		b.Run("embedded/"+string(compression), func(b *testing.B) {
			through(b, embedded, 0, func(c *kafka.ProducerConfig) { c.Compression = compression })
		})
	}
	b.Run("apache/none", func(b *testing.B) { through(b, apache, 0, func(*kafka.ProducerConfig) {}) })
}

// BenchmarkLatency sends at a rate and reports how long a record took from its planned time to its
// reader, and what it cost.
func BenchmarkLatency(b *testing.B) {
	for _, rate := range []int{1000, 20_000, 100_000} {
		b.Run(fmt.Sprintf("embedded/%d", rate), func(b *testing.B) {
			through(b, embedded, rate, func(*kafka.ProducerConfig) {})
		})
	}
	b.Run("apache/20000", func(b *testing.B) { through(b, apache, 20_000, func(*kafka.ProducerConfig) {}) })
}

func through(b *testing.B, start func() (server, error), rate int, change func(*kafka.ProducerConfig)) {
	const partitions = 4
	client := connect(b, start)
	topic := newTopic(b, client, partitions)
	p := newProducer(b, client, change)
	ctx := deadline(b)
	var fetched atomic.Int64
	latencies := make([][]time.Duration, partitions)
	done := make(chan struct{}, partitions)
	b.ResetTimer()
	before := cpu(b)
	for part := range partitions {
		want := (b.N + partitions - 1 - part) / partitions
		go func() {
			defer func() { done <- struct{}{} }()
			f := kafka.NewFetcher(client, topic, part, 0)
			for n := 0; n < want; {
				batch, err := f.Next(ctx)
				if err != nil {
					b.Error(err)
					return
				}
				now := time.Now().UnixNano()
				for _, r := range batch.Records {
					latencies[part] = append(latencies[part], time.Duration(now-int64(binary.BigEndian.Uint64(r.Value))))
				}
				n += len(batch.Records)
				fetched.Add(int64(len(batch.Records)))
			}
		}()
	}
	send(b, p, topic, partitions, rate)
	for range partitions {
		<-done
	}
	b.StopTimer()
	used := cpu(b) - before
	if err := p.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(b.N), "cpu-µs/record")
	b.ReportMetric(float64(p.Stats().Records)/float64(p.Stats().Requests), "records/request")
	if rate > 0 {
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	}
}

// send keeps to the rate in steps of a millisecond (0: as fast as it can); each record carries the time
// at which it was due.
func send(b *testing.B, p *kafka.Producer, topic string, partitions, rate int) {
	ctx := deadline(b)
	began := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	filler := bytes.Repeat([]byte("x"), 292)
	for i := range b.N {
		due := time.Now()
		if rate > 0 {
			due = began.Add(time.Duration(i) * time.Second / time.Duration(rate))
			for time.Until(due) > 0 {
				<-tick.C
			}
		}
		value := append(binary.BigEndian.AppendUint64(make([]byte, 0, 300), uint64(due.UnixNano())), filler...)
		if err := p.Send(ctx, topic, i%partitions, kafka.Record{Value: value}, nil); err != nil {
			b.Error(err)
			return
		}
	}
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
