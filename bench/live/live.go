// Package live drives a running deployment: it sends a generator's plan to portrait.events in open
// loop and listens to portrait.tags. Every record is sent at its planned time whatever the system
// under test does, so a system that falls behind shows it in the latencies and not in fewer samples.
package live

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"portrait/bench/check"
	"portrait/bench/generator"
	"portrait/bench/latency"
	"portrait/bench/ledger"
	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// Sender sends a plan.
type Sender struct {
	Producer   *kafka.Producer
	Topic      string
	Partitions int
	Ledger     *ledger.Ledger
	Handed     func(*generator.Record) // hears of each record before the producer does; nil: nobody listens
	sent       atomic.Int64
	behind     atomic.Int64 // ms that the newest record was sent late
}

// Sent is how many records are acknowledged.
func (s *Sender) Sent() int64 { return s.sent.Load() }

// Behind is how late the newest record was handed to the producer.
func (s *Sender) Behind() time.Duration { return time.Duration(s.behind.Load()) * time.Millisecond }

// Run sends every record of the plan at its time, start being the plan's, and returns when all are
// acknowledged. Records of one key keep their order. The ledger hears of a record when Kafka has it: what waits for
// a broker that is away is not there yet for anybody.
func (s *Sender) Run(ctx context.Context, g *generator.Generator, start time.Time) error {
	for {
		r, _, ok := g.Next(nil)
		if !ok {
			break
		}
		due := start.Add(r.At)
		if wait := time.Until(due); wait > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(wait):
			}
		}
		s.behind.Store(time.Since(due).Milliseconds())
		if s.Handed != nil {
			s.Handed(&r)
		}
		ev := r.Event
		partition := schemas.PartitionOf(string(r.Key), s.Partitions)
		err := s.Producer.Send(ctx, s.Topic, partition, kafka.Record{Key: r.Key, Value: r.Value}, func() {
			s.Ledger.Record(ev, time.Now())
			s.sent.Add(1)
		})
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	return s.Producer.Flush(ctx)
}

// Watcher listens to portrait.tags as a downstream service would.
type Watcher struct {
	Client     *kafka.Client
	Topic      string
	Partitions int
	Run        ledger.Run
	Latency    *latency.Recorder
	Heard      func(at time.Time, s *check.Seen) // hears of each change that is kept, one after the other; nil: nobody listens
	mu         sync.Mutex
	seen       *check.Topic
	moves      map[string]*Moves
	newest     time.Time
}

// Moves counts what happened to one tag.
type Moves struct{ Entered, Left, Changed int64 }

// Watch listens from the topic's start, as a new consumer would, until ctx ends. started is closed when
// it listens. Only changes of this run are measured.
func (w *Watcher) Watch(ctx context.Context, started chan<- struct{}) error {
	w.seen, w.moves = check.NewTopic(), map[string]*Moves{}
	errs := make(chan error, w.Partitions)
	var ready sync.WaitGroup
	for p := range w.Partitions {
		ready.Add(1)
		go func() {
			begin, _, err := w.Client.Offsets(ctx, w.Topic, p)
			ready.Done()
			if err == nil {
				err = w.partition(ctx, p, begin)
			}
			errs <- err
		}()
	}
	ready.Wait()
	close(started)
	var first error
	for range w.Partitions {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

func (w *Watcher) partition(ctx context.Context, p int, offset int64) error {
	f := kafka.NewFetcher(w.Client, w.Topic, p, offset)
	for {
		b, err := f.Next(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		for i := range b.Records {
			if err := w.change(b.Records[i].Value, now); err != nil {
				return fmt.Errorf("%s partition %d offset %d: %w", w.Topic, p, b.Records[i].Offset, err)
			}
		}
	}
}

func (w *Watcher) change(value []byte, now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.seen.Add(value)
	if err != nil || !s.Kept {
		return err
	}
	w.newest = now
	w.count(&s)
	if w.Heard != nil {
		w.Heard(now, &s)
	}
	switch s.Cause.Kind {
	case schemas.CauseEvent, schemas.CauseMerge:
		seq, ok := w.Run.Seq(s.Cause.EventID)
		if !ok {
			return nil // of another run in the same deployment
		}
		as := latency.Event
		if s.Cause.Kind == schemas.CauseMerge {
			as = latency.Merge
		}
		w.Latency.Record(as, now.Sub(w.Run.PlannedAt(seq)))
	case schemas.CauseTimer:
		if s.EventTime.After(w.Run.PlannedAt(0)) {
			w.Latency.Record(latency.Timer, now.Sub(s.EventTime))
		}
	}
	return nil
}

func (w *Watcher) count(s *check.Seen) {
	name := s.Tag
	if s.Change == schemas.Merged {
		return
	}
	m := w.moves[name]
	if m == nil {
		m = new(Moves)
		w.moves[name] = m
	}
	switch s.Change {
	case schemas.Entered:
		m.Entered++
	case schemas.Left:
		m.Left++
	default:
		m.Changed++
	}
}

// Moves returns a copy of what happened to each tag so far.
func (w *Watcher) Moves() map[string]Moves {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make(map[string]Moves, len(w.moves))
	for k, v := range w.moves {
		out[k] = *v
	}
	return out
}

// Received returns a copy of what was received so far.
func (w *Watcher) Received() *check.Topic {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.Clone()
}

// Kept is how many changes were kept so far, and when the newest came.
func (w *Watcher) Kept() (int64, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		return 0, time.Time{}
	}
	return w.seen.Kept(), w.newest
}
