package peers

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"portrait/bench"
	"portrait/bench/latency"
	"portrait/bench/traffic"
)

// recorder follows a tag topic from its beginning, committed records only, and takes down every change.
type recorder struct {
	client  *kgo.Client
	told    *traffic.Told // the loop's, until close
	plan    atomic.Pointer[traffic.Plan]
	window  atomic.Pointer[window]
	changes atomic.Int64
	failed  atomic.Pointer[error]
	stop    context.CancelFunc
	ended   chan struct{}
}

// window is the events whose latency is wanted.
type window struct {
	from, to   int64 // numbers
	start, end time.Time
	latencies  *latency.Recorder
}

// record starts to follow a topic.
func record(ctx context.Context, broker, topic string, plan *traffic.Plan, model *traffic.Model) (*recorder, error) {
	told, err := traffic.NewTold(plan, model)
	if err != nil {
		return nil, err
	}
	client, err := follow(broker, topic)
	if err != nil {
		return nil, err
	}
	r := &recorder{client: client, told: told, ended: make(chan struct{})}
	r.plan.Store(plan)
	r.window.Store(&window{latencies: latency.NewRecorder()})
	ctx, r.stop = context.WithCancel(ctx)
	go r.listen(ctx)
	go r.hiccups(ctx)
	return r, nil
}

// follow reads a topic from its beginning, committed records only.
func follow(broker, topic string) (*kgo.Client, error) {
	begin := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		begin[p] = kgo.NewOffset().At(0)
	}
	return kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: begin}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(250*time.Millisecond))
}

func (r *recorder) listen(ctx context.Context) {
	defer close(r.ended)
	for ctx.Err() == nil {
		fetches := r.client.PollFetches(ctx)
		now := time.Now()
		fetches.EachError(func(topic string, p int32, err error) {
			if ctx.Err() == nil {
				r.fail(fmt.Errorf("%s partition %d: %w", topic, p, err))
			}
		})
		fetches.EachRecord(func(record *kgo.Record) {
			n, ok, err := r.told.Received(record.Value)
			if err != nil {
				r.fail(fmt.Errorf("%s partition %d offset %d: %w", record.Topic, record.Partition, record.Offset, err))
			}
			if w := r.window.Load(); ok && n >= w.from && n < w.to {
				w.latencies.Record(latency.Event, now.Sub(r.plan.Load().At(n)))
			}
		})
		r.changes.Store(r.told.Changes)
	}
}

func (r *recorder) fail(err error) { r.failed.CompareAndSwap(nil, &err) }

// hiccups records how much later than asked an idle goroutine wakes up while a window lasts.
func (r *recorder) hiccups(ctx context.Context) {
	const gap = time.Millisecond
	for ctx.Err() == nil {
		before := time.Now()
		time.Sleep(gap)
		now := time.Now()
		if w := r.window.Load(); now.After(w.start) && now.Before(w.end) {
			w.latencies.Record(latency.Hiccup, max(0, now.Sub(before)-gap))
		}
	}
}

// wait returns when so many changes are there, at the latest when so much time has passed: then the error wraps errBehind.
func (r *recorder) wait(ctx context.Context, changes int64, most time.Duration) error {
	deadline := time.Now().Add(most)
	for r.changes.Load() < changes {
		if err := r.failed.Load(); err != nil {
			return fmt.Errorf("recorder: %w", *err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d tag changes after %v: %w", r.changes.Load(), changes, most, errBehind)
		}
		if err := bench.Pause(ctx, waitPoll); err != nil {
			return err
		}
	}
	return nil
}

// waitPoll is how often wait looks.
const waitPoll = 5 * time.Millisecond

var errBehind = errors.New("not everything came out")

// close ends it, and returns what it took down.
func (r *recorder) close() *traffic.Told {
	r.stop()
	<-r.ended
	r.client.Close()
	return r.told
}
