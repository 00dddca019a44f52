package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portrait/bench/generator"
	"portrait/bench/ledger"
	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// parcel is one record of the plan on its way to portrait.events.
type parcel struct {
	generator.Record
	acked  atomic.Bool
	doubts int // how often the broker died before we heard that it has it: so often may it stand in the topic besides
}

// feeder sends a plan as a careful producer does: each record at its time, the records of a key in order, and what
// was not acknowledged when the broker went away again to the one that comes back.
type feeder struct {
	plan       *generator.Generator
	begin      time.Time
	ledger     *ledger.Ledger
	topic      string
	partitions int

	ctx      context.Context // of the test
	finished chan error      // holds what ended the sending
	others   int             // records in the topic that are not of the plan
	mu       sync.Mutex      // guards what follows, and the order of records
	all      []*parcel
	pending  []*parcel // in the plan's order; the acknowledged among them go at each disconnect
	producer *kafka.Producer
	client   *kafka.Client
}

// newFeeder plans so many events a second for so long, beginning now, for a topic of so many partitions.
func newFeeder(ctx context.Context, t *testing.T, partitions, rate int, duration time.Duration, seed uint64) *feeder {
	t.Helper()
	begin := time.Now().Truncate(time.Millisecond)
	plan, err := generator.New(generator.Config{Seed: seed, Rate: rate, Duration: duration, Start: begin})
	if err != nil {
		t.Fatal(err)
	}
	return &feeder{plan: plan, begin: begin, ledger: ledger.New(plan.Run()), topic: "portrait.events",
		partitions: partitions, ctx: ctx, finished: make(chan error, 1)}
}

// start begins to send; records wait until connect.
func (f *feeder) start() {
	go func() { f.finished <- f.run() }()
}

func (f *feeder) run() error {
	for {
		r, _, ok := f.plan.Next(nil)
		if !ok {
			return nil
		}
		if err := pause(f.ctx, time.Until(f.begin.Add(r.At))); err != nil {
			return err
		}
		p := &parcel{Record: r}
		f.mu.Lock()
		f.all, f.pending = append(f.all, p), append(f.pending, p)
		err := f.send(p)
		f.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// send hands a parcel to the producer, if there is one. The ledger hears of it when Kafka has acknowledged, and is told
// that instant: from then on the event was there.
func (f *feeder) send(p *parcel) error {
	if f.producer == nil {
		return nil
	}
	err := f.producer.Send(f.ctx, f.topic, schemas.PartitionOf(string(p.Key), f.partitions), kafka.Record{Key: p.Key, Value: p.Value}, func() {
		if !p.acked.Swap(true) {
			f.ledger.Record(p.Event, time.Now())
		}
	})
	if errors.Is(err, kafka.ErrProducerStopped) {
		return nil // disconnect is under way: it goes to the next broker
	}
	return err
}

// connect sends what waits to a broker, and from now on everything.
func (f *feeder) connect(t *testing.T, brokers []string) {
	t.Helper()
	client, err := kafka.NewClient(kafka.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	producer, err := kafka.NewProducer(f.ctx, client, kafka.DefaultProducerConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { producer.Close(); client.Close() })
	f.mu.Lock()
	defer f.mu.Unlock()
	f.producer, f.client = producer, client
	for _, p := range f.pending {
		if err := f.send(p); err != nil {
			t.Fatal(err)
		}
	}
}

// lostAcks is how many acknowledgements count as lost when a broker dies. A record that the broker has and we do not know
// of is what matters most, and a kill hits that instant rarely by itself.
const lostAcks = 20

// disconnect gives up a broker that has died. What it had not acknowledged, and the newest that it had, is sent again.
func (f *feeder) disconnect() {
	f.producer.Close() // from here on nothing is acknowledged
	f.mu.Lock()
	defer f.mu.Unlock()
	f.producer = nil
	var acked, waiting []*parcel
	for _, p := range f.pending {
		if p.acked.Load() {
			acked = append(acked, p)
		} else {
			waiting = append(waiting, p)
		}
	}
	f.pending = append(acked[max(0, len(acked)-lostAcks):], waiting...)
	for _, p := range f.pending {
		p.doubts++
	}
}

// wait returns when everything planned is acknowledged.
func (f *feeder) wait(t *testing.T) {
	t.Helper()
	err := <-f.finished
	if err == nil {
		err = f.producer.Flush(f.ctx)
	}
	if err != nil {
		t.Fatalf("sending: %v", err)
	}
	for _, p := range f.all {
		if !p.acked.Load() {
			t.Fatalf("%s was never acknowledged", f.plan.Run().EventID(p.Event.Seq))
		}
	}
}

// count looks up how often each record stands in portrait.events. None may be missing; one that stands there more often
// than it was planned must have been in doubt, and is noted in the ledger: the same event id from the source again.
func (f *feeder) count(t *testing.T) (repeats int) {
	t.Helper()
	copies := map[string]int{}
	for p := range f.partitions {
		records, err := kafka.ReadAll(f.ctx, f.client, f.topic, p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range records {
			copies[string(records[i].Value)]++
		}
	}
	type expected struct {
		planned, doubts int
		compared        bool
	}
	want := map[string]*expected{} // a planned duplicate has the bytes of its original
	for _, p := range f.all {
		e := want[string(p.Value)]
		if e == nil {
			e = new(expected)
			want[string(p.Value)] = e
		}
		e.planned++
		e.doubts += p.doubts
	}
	next := int32(f.plan.Planned())
	for _, p := range f.all {
		e, have := want[string(p.Value)], copies[string(p.Value)]
		if e.compared {
			continue
		}
		e.compared = true
		if id := f.plan.Run().EventID(p.Event.Seq); have < e.planned {
			t.Errorf("%s was acknowledged %d times and stands in the topic %d times", id, e.planned, have)
		} else if have > e.planned+e.doubts {
			t.Errorf("%s stands in the topic %d times, but was sent at most %d times", id, have, e.planned+e.doubts)
		}
		for range have - e.planned {
			again := p.Event
			if again.Kind == ledger.Counted {
				again.Kind = ledger.Duplicate
			}
			again.Seq = next // a place behind the plan: the ledger keeps the original's
			next++
			repeats++
			f.ledger.Record(again, time.UnixMilli(again.Time))
		}
	}
	if strangers := len(copies) - len(want); strangers != f.others {
		t.Errorf("%d records in the topic are not of the plan, want %d", strangers, f.others)
	}
	return repeats
}

// String says how far the sending is.
func (f *feeder) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("%d of %d records, %d pending", len(f.all), f.plan.Planned(), len(f.pending))
}
