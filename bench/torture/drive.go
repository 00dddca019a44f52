package torture

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"portrait/bench/check"
	"portrait/bench/generator"
	"portrait/bench/latency"
	"portrait/bench/ledger"
	"portrait/bench/live"
	"portrait/pipeline/kafka"
)

// stall is how long a part of the pipeline may stand still without making the truth of a load ambiguous: a freeze, a session that
// runs out, a rebalance, and a backlog on a busy machine; faults overlap, too.
func stall(load time.Duration) time.Duration { return min(90*time.Second, load/3) }

// load is everything that presses and listens while things break.
type load struct {
	world   *World
	plan    *generator.Generator
	begin   time.Time
	ledger  *ledger.Ledger
	sender  *live.Sender
	watcher *live.Watcher
	latency *latency.Recorder
	copies  *copies
	watch   *watch
	retries func() int64
}

// prepare connects to what runs and plans the load.
func (t *torturer) prepare(ctx context.Context) (*load, error) {
	w, err := OpenWorld(ctx, t.addr, t.engine.kept.DSN(), t.key)
	if err != nil {
		return nil, err
	}
	l := &load{world: w, begin: time.Now().Add(500 * time.Millisecond).Truncate(time.Millisecond), copies: newCopies(), latency: latency.NewRecorder()}
	l.plan, err = generator.New(generator.Config{Seed: t.Seed, Run: uint32(l.begin.Unix()), Rate: t.Rate, Duration: t.Duration,
		Start: l.begin, Stall: stall(t.Duration)})
	if err != nil {
		return nil, err
	}
	l.ledger = ledger.New(l.plan.Run())
	config := kafka.DefaultProducerConfig()
	config.QueueRecords, config.QueueBytes = 60*t.Rate, 256<<20 // a minute without a broker: the load stays open
	producer, err := kafka.NewProducer(context.WithoutCancel(ctx), w.client, config)
	if err != nil {
		return nil, err
	}
	l.retries = func() int64 { return producer.Stats().Retries }
	l.sender = &live.Sender{Producer: producer, Topic: w.topics.Events, Partitions: w.dep.EventsPartitions, Ledger: l.ledger, Handed: l.copies.handed}
	l.watch = newWatch(w.dep.InboxPartitions, l.begin.Add(5*time.Second), l.begin.Add(t.Duration))
	l.watcher = &live.Watcher{Client: w.client, Topic: w.topics.Tags, Partitions: w.dep.InboxPartitions, Run: l.plan.Run(),
		Latency: l.latency, Heard: l.heard}
	return l, nil
}

// heard tells the watch of a change.
func (l *load) heard(at time.Time, s *check.Seen) {
	var sent time.Time
	if seq, ok := l.plan.Run().Seq(s.Cause.EventID); ok {
		sent = l.plan.Run().PlannedAt(seq)
	}
	l.watch.change(at, s.ID, sent, s.DecidedAt.Sub(s.EventTime))
}

// drive presses, breaks and judges.
func (t *torturer) drive(ctx context.Context) (*Verdict, error) {
	l, err := t.prepare(ctx)
	if err != nil {
		return nil, err
	}
	defer l.sender.Producer.Close()
	defer l.world.Close()
	listening, stop := context.WithCancel(ctx)
	listeners, listenCtx := errgroup.WithContext(listening)
	started := make(chan struct{})
	listeners.Go(func() error { return l.watcher.Watch(listenCtx, started) })
	listeners.Go(func() error { return l.followStore(listenCtx) })
	defer func() { stop(); _ = listeners.Wait() }() // what they return after a cancel says nothing new
	<-started
	plan := Plan(t.Seed, t.Faults, t.Nodes, t.Duration, t.Broker)
	t.say("seed %d: %d faults in %v of %d records per second", t.Seed, len(plan), t.Duration, t.Rate)
	for _, f := range plan {
		t.say("planned  %v", f)
	}
	work, workCtx := errgroup.WithContext(listenCtx) // a listener that fails ends the run
	work.Go(func() error { return l.sender.Run(workCtx, l.plan, l.begin) })
	work.Go(func() error { return t.execute(workCtx, l, plan) })
	done := make(chan struct{})
	go t.progress(l, done)
	err = work.Wait()
	close(done)
	if err != nil {
		stop()
		if cause := listeners.Wait(); cause != nil && ctx.Err() == nil {
			err = fmt.Errorf("listening: %w", cause)
		}
		return nil, err
	}
	t.say("all sent; settling")
	return t.judge(ctx, l, plan)
}

// execute strikes each part when its time has come; faults of different parts may overlap.
func (t *torturer) execute(ctx context.Context, l *load, plan []Fault) error {
	byPart := map[string][]Fault{}
	for _, f := range plan {
		byPart[f.Part()] = append(byPart[f.Part()], f)
	}
	group, ctx := errgroup.WithContext(ctx)
	for name, faults := range byPart {
		group.Go(func() error {
			var whole time.Time // at the earliest: a part that took long to come back gets a third of its rest all the same
			for _, f := range faults {
				if err := pause(ctx, max(time.Until(l.begin.Add(f.At)), time.Until(whole))); err != nil {
					return err
				}
				if err := t.strike(ctx, l, t.parts[name], f); err != nil {
					return fmt.Errorf("%v: %w", f, err)
				}
				whole = time.Now().Add(rest(f.Class, t.Broker, t.Duration) / 3)
			}
			return nil
		})
	}
	return group.Wait()
}

func (t *torturer) strike(ctx context.Context, l *load, v *victim, f Fault) error {
	s := &Strike{Fault: f}
	err := v.strike(ctx, f, func(at time.Time) {
		t.say("%s %s for %.1f s", f.Kind, f.Part(), f.Away.Seconds())
		s.Struck = at
		l.watch.struck(s)
	})
	if err != nil {
		return err
	}
	l.watch.back(s, time.Now())
	t.say("%s is back after %.1f s", f.Part(), time.Since(s.Struck).Seconds())
	return nil
}

// followStore asks ClickHouse again and again how far it is.
func (l *load) followStore(ctx context.Context) error {
	for pause(ctx, 250*time.Millisecond) == nil {
		if at, err := l.world.storedUntil(ctx); err == nil { // else it is away: that is what this is about
			l.watch.stored(time.Now(), at)
		}
	}
	return ctx.Err()
}

// progress says how it goes every ten seconds, and when this process itself stood still: what it then measures is the machine's.
func (t *torturer) progress(l *load, done <-chan struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	last := time.Now()
	for n := 1; ; n++ {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		now := time.Now()
		if stood := now.Sub(last) - time.Second; stood > 2*time.Second {
			t.say("this process itself stood still for %.1f s", stood.Seconds())
			t.stood(stood)
		}
		if last = now; n%10 == 0 {
			recent := l.latency.Recent(latency.Event)
			kept, _ := l.watcher.Kept()
			t.say("%d of %d sent, %d tag changes, event→tag p50 %.0f p99 %.0f ms", l.sender.Sent(), l.plan.Planned(), kept, recent.P50, recent.P99)
		}
	}
}

// countCopies reads portrait.events.
func (l *load) countCopies(ctx context.Context) (strangers int64, err error) {
	for p := range l.world.dep.EventsPartitions {
		n, err := l.copies.read(ctx, l.world.client, l.world.topics.Events, p)
		if err != nil {
			return 0, err
		}
		strangers += n
	}
	return strangers, nil
}
