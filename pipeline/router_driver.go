package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/pipeline/router"
	"portrait/schemas"
)

// errClock is why a router process has stopped ticking.
var errClock = errors.New("the wall clock runs more than a second ahead of the brokers', or has parted from the monotonic one (a suspended " +
	"machine, or a step of the wall): no ticks, so timers wait; set the wall right: the next event shows it, or a restart of the process")

// RouterStatus is what an events partition's driver tells metrics and readiness.
type RouterStatus struct {
	Partition      int
	Position, High int64
	Counts         router.Counts // since the start of this process
	RouteSeconds   float64
}

// routers runs the routers of this process: one per events partition it owns, and one ticker for all.
type routers struct {
	node    *Node
	mu      sync.Mutex // guards ticker and guard, and that a tick is queued behind what it speaks of
	ticker  *router.Ticker
	guard   router.ClockGuard
	wall    func() int64 // ms since 1970
	mono    func() int64 // ms of the monotonic clock
	suspect atomic.Bool
	status  []atomic.Pointer[RouterStatus]
}

func newRouters(n *Node) *routers {
	start := time.Now()
	return &routers{node: n, ticker: router.NewTicker(n.dep), wall: func() int64 { return time.Now().UnixMilli() },
		mono:   func() int64 { return time.Since(start).Milliseconds() },
		status: make([]atomic.Pointer[RouterStatus], n.dep.EventsPartitions)}
}

// run owns the assigned events partitions until ctx ends or one of them fails.
func (r *routers) run(ctx context.Context, assigned []int) error {
	tasks := []func(context.Context) error{r.tick}
	r.mu.Lock()
	for _, p := range assigned {
		r.ticker.Assign(int32(p))
	}
	r.mu.Unlock()
	for _, p := range assigned {
		tasks = append(tasks, func(ctx context.Context) error { return r.partition(ctx, p) })
	}
	err := together(ctx, tasks)
	r.mu.Lock()
	for _, p := range assigned {
		r.ticker.Revoke(int32(p))
		r.status[p].Store(nil) // whoever has it next reports it
	}
	r.mu.Unlock()
	return err
}

// tick queues the ticks that are due.
func (r *routers) tick(ctx context.Context) error {
	for sleep(ctx, 50*time.Millisecond) {
		if err := r.tickOnce(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (r *routers) tickOnce(ctx context.Context) error {
	r.mu.Lock()
	suspect := r.guard.Suspect(r.wall(), r.mono())
	due := r.ticker.Due(r.mono(), suspect)
	r.mu.Unlock()
	switch changed := suspect != r.suspect.Swap(suspect); {
	case changed && suspect:
		r.node.trouble("clock", errClock)
	case changed:
		r.node.log.Info("the wall clock is right again: ticks go on")
	}
	for i := range due {
		o := InboxOutput(r.node.topics, &due[i])
		if err := r.node.producer.Send(ctx, o.Topic, o.Partition, o.Record, nil); err != nil {
			return fmt.Errorf("inbox %d: tick: %w", o.Partition, err)
		}
	}
	return nil
}

// begin returns where to begin: the committed offset, or where none is (a new deployment, or one that
// stood so long that the group was forgotten) the start of the log. What the machines had already is
// dropped by number. Brokers that are away are waited for.
func (r *routers) begin(ctx context.Context, p int) (int64, error) {
	for {
		at, err := r.node.routerGroup.Committed(ctx, p)
		if err == nil && at < 0 {
			at, _, err = r.node.client.Offsets(ctx, r.node.topics.Events, p)
			if err == nil && at > 0 {
				r.node.log.Warn("no committed offset: events before the start of the log are gone", "partition", p, "start", at)
			}
		}
		if err == nil {
			return at, nil
		}
		r.node.trouble(fmt.Sprintf("events %d: where to begin", p), err)
		if !sleep(ctx, 500*time.Millisecond) {
			return 0, ctx.Err()
		}
	}
}

// partition routes one events partition. It keeps nothing: it begins at the committed offset, which is that
// behind a record and never runs ahead of acknowledgements; what is sent twice after a crash has the same numbers.
func (r *routers) partition(ctx context.Context, p int) error {
	at, err := r.begin(ctx, p)
	if err != nil {
		return err
	}
	norm, err := normalize.New(r.node.dep, r.node.keys)
	if err != nil {
		return err
	}
	step := NewRouting(r.node.dep, norm, r.node.topics, p, func(offset int64) { r.node.routerGroup.Commit(p, offset) })
	f := kafka.NewFetcher(r.node.client, r.node.topics.Events, p, at)
	status := RouterStatus{Partition: p, Position: at, Counts: router.Counts{Rejected: map[schemas.Reason]int{}}}
	for {
		before := r.clocks()
		b, err := f.Next(ctx)
		if err != nil {
			return err
		}
		if b.Err != nil {
			r.node.trouble("events fetch", b.Err)
			if !sleep(ctx, 100*time.Millisecond) {
				return ctx.Err()
			}
			continue
		}
		start, got := time.Now(), r.clocks()
		if err := r.handle(ctx, step, p, &b, &status); err != nil {
			return err
		}
		r.mu.Lock()
		step.Hear(&b, before, got, &r.guard, r.ticker)
		r.mu.Unlock()
		status.Position, status.High = b.Next, b.High
		b.Release()
		status.RouteSeconds += time.Since(start).Seconds()
		snapshot := status
		r.status[p].Store(&snapshot)
	}
}

func (r *routers) clocks() Clocks { return Clocks{r.wall(), r.mono()} }

// handle routes one fetch and queues what comes of it.
func (r *routers) handle(ctx context.Context, step *Routing, p int, b *kafka.Batch, status *RouterStatus) error {
	if len(b.Records) == 0 && len(b.Voids) == 0 {
		return nil
	}
	start := time.Now()
	out := step.Step(r.wall(), b, func() { r.node.stages.route.Observe(time.Since(start)) })
	addCounts(&status.Counts, &out.Counts)
	for i := range out.Outputs {
		o := &out.Outputs[i]
		if err := r.node.producer.Send(ctx, o.Topic, o.Partition, o.Record, out.Ack); err != nil {
			return fmt.Errorf("events %d: produce: %w", p, err)
		}
	}
	r.mu.Lock()
	out.Tell(r.ticker, r.mono())
	r.mu.Unlock()
	return nil
}

func addCounts(sum, c *router.Counts) {
	sum.Records += c.Records
	sum.Events += c.Events
	sum.Repairs.Add(&c.Repairs)
	sum.EventClamped += c.EventClamped
	sum.KafkaClamped += c.KafkaClamped
	sum.WithoutEvent += c.WithoutEvent
	if len(c.Rejected) > 0 {
		next := make(map[schemas.Reason]int, len(sum.Rejected)+1) // snapshots share the old one
		for k, v := range sum.Rejected {
			next[k] = v
		}
		for k, v := range c.Rejected {
			next[k] += v
		}
		sum.Rejected = next
	}
}
