package drive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"portrait/bench"
	"portrait/bench/latency"
	"portrait/bench/stages"
	"portrait/pipeline"
	"portrait/pipeline/kafka"
)

// Deployment is what is driven.
type Deployment struct {
	Kafka         kafka.Config
	Topics        pipeline.Topics
	Events, Inbox int                   // partitions
	Processes     map[string]int        // pids whose CPU and memory are told, by name
	Changing      func() map[string]int // those of processes that come and go, beside them; nil: none do
	Disk          map[string]string     // directories whose size is told, by name
	Facts         int                   // partitions of the facts topic, of which is learnt what was counted if nobody else tells
	Shared        bool                  // others use it, too: both public topics never rest
	DocInterval   time.Duration         // how late a profile's document may be; 0: the default
	Counted       func() int64          // events in profiles, repeats at the source too; nil: see Facts
	Behind        func() time.Duration  // how far ClickHouse is behind; nil: nobody knows
	// Query asks ClickHouse; nil: there is none.
	Query func(ctx context.Context, sql string) ([][]string, error)
}

// Driver drives one deployment.
type Driver struct {
	dep      Deployment
	client   *kafka.Client
	producer *kafka.Producer
	plan     atomic.Pointer[Traffic]
	windows  atomic.Pointer[[]*window]
	recent   *latency.Recorder // for the series
	next     atomic.Int64      // number of the next event; all before it are handed over
	base     int64             // counted before the driver began
	changes  atomic.Int64      // tag changes received
	begin    time.Time
	watched  atomic.Pointer[timerWave]
	arrivals arrivals

	topics  []*reading // what is public, for the verification
	seen    Witness
	letters int64   // dead letters of this run
	facts   *ledger // what the facts topic says was counted; nil: it is not followed

	stop    context.CancelFunc
	workers sync.WaitGroup
	failed  atomic.Pointer[error]
	mu      sync.Mutex // guards series
	series  []Sample
}

// reading is how far a partition of a public topic was read for the verification.
type reading struct {
	topic     string
	partition int
	take      func(*kafka.Record) error // what becomes of a record
	fetcher   *kafka.Fetcher
	next      int64
}

// producerConfig lets a second of a fast plan wait: what waits there is late, and says so.
func producerConfig() kafka.ProducerConfig {
	c := kafka.DefaultProducerConfig()
	c.QueueRecords, c.QueueBytes, c.BatchRecords = 50_000, 32<<20, 4000
	return c
}

// Open connects, and listens to the tag topic from now on.
func Open(ctx context.Context, dep Deployment, load *Load) (_ *Driver, err error) {
	d := &Driver{dep: dep, recent: latency.NewRecorder(), begin: time.Now(), seen: load.Witness}
	d.plan.Store(&load.Traffic)
	d.next.Store(load.Traffic.First())
	d.windows.Store(&[]*window{})
	// A client of its own: the goroutines of its connections then carry the bench's label.
	stages.As(ctx, stages.Generator, func(ctx context.Context) {
		if d.client, err = kafka.NewClient(dep.Kafka); err == nil {
			d.producer, err = kafka.NewProducer(context.WithoutCancel(ctx), d.client, producerConfig())
		}
	})
	if err == nil {
		err = d.places(ctx)
	}
	sample, isSample := load.Witness.(*sampleWitness)
	if err == nil && d.dep.Facts > 0 && (d.dep.Counted == nil || isSample) {
		d.facts, err = newLedger(ctx, d)
	}
	if isSample {
		if sample.facts = d.facts; d.facts == nil && err == nil {
			err = errors.New("a sample can be judged by the facts topic only, and the deployment has none")
		}
	}
	if err != nil {
		return nil, err
	}
	if dep.Counted != nil {
		d.base = dep.Counted()
	}
	ctx, d.stop = context.WithCancel(ctx)
	stages.As(ctx, stages.Recorder, d.listen)
	if d.facts != nil {
		stages.As(ctx, stages.Recorder, d.facts.follow)
	}
	d.work(ctx, d.hiccups)
	d.work(ctx, d.sample)
	return d, nil
}

// places notes where the public topics end: what comes behind is looked at.
func (d *Driver) places(ctx context.Context) error {
	t := &d.dep.Topics
	for _, of := range []struct {
		topic      string
		partitions int
		take       func(*kafka.Record) error
	}{{t.Tags, d.dep.Inbox, d.takeChange}, {t.Profiles, d.dep.Inbox, d.takeDocument}, {t.Rejected, d.dep.Events, d.takeLetter}} {
		for p := range of.partitions {
			_, end, err := d.client.Offsets(ctx, of.topic, p)
			if err != nil {
				return err
			}
			d.topics = append(d.topics, &reading{of.topic, p, of.take, kafka.NewFetcher(d.client, of.topic, p, end), end})
		}
	}
	return nil
}

// work runs f until Close.
func (d *Driver) work(ctx context.Context, f func(context.Context) error) {
	d.workers.Go(func() {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			d.failed.CompareAndSwap(nil, &err)
		}
	})
}

// Close lets go of everything.
func (d *Driver) Close() {
	d.stop()
	d.producer.Close()
	d.workers.Wait()
	d.client.Close()
}

// Err is why the recorder or the sampler stopped, if one did: then nothing may be believed.
func (d *Driver) Err() error {
	if err := d.failed.Load(); err != nil {
		return fmt.Errorf("recorder: %w", *err)
	}
	return nil
}

// Sent is how many events are handed over, preloaded ones too.
func (d *Driver) Sent() int64 { return d.next.Load() - d.traffic().First() }

// Acked is how many of them the brokers have.
func (d *Driver) Acked() int64 { return d.producer.Stats().Records }

// Lag is how many acknowledged events are in no profile yet; -1 if nobody knows.
func (d *Driver) Lag() int64 {
	if !d.tells() {
		return -1
	}
	acked := d.Acked() // first: what is acknowledged in between would make it too large
	return max(0, acked-d.counted())
}

// tells reports whether anybody knows what was counted.
func (d *Driver) tells() bool { return d.dep.Counted != nil || d.facts != nil }

// counted is how many events were counted since Open.
func (d *Driver) counted() int64 {
	if d.dep.Counted != nil {
		return d.dep.Counted() - d.base
	}
	return d.facts.counted.Load()
}

// traffic is what is sent, as far as it was decided.
func (d *Driver) traffic() Traffic { return *d.plan.Load() }

// set decides what comes next.
func (d *Driver) set(t Traffic) { d.plan.Store(&t) }

// Preload sends each person's first event as fast as the deployment takes them, and waits until all are counted.
func (d *Driver) Preload(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if d.next.Load() >= 0 {
		return 0, nil
	}
	var err error
	stages.As(ctx, stages.Generator, func(ctx context.Context) { err = d.send(ctx, 0, time.Time{}, nil) })
	if err == nil {
		err = d.Drain(ctx, 10*time.Minute)
	}
	if err != nil {
		return 0, fmt.Errorf("preload: %w", err)
	}
	return time.Since(began), nil
}

// drainPoll is how often Drain looks.
const drainPoll = 50 * time.Millisecond

// Drain waits until everything sent is counted.
func (d *Driver) Drain(ctx context.Context, most time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("not everything was counted within %v", most))
	defer cancel()
	if err := d.producer.Flush(ctx); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	if !d.tells() {
		return d.observe(ctx)
	}
	for d.Lag() > 0 {
		if err := bench.Pause(ctx, drainPoll); err != nil {
			return fmt.Errorf("%d events of %d are missing: %w", d.Lag(), d.Acked(), err)
		}
	}
	return d.Err()
}
