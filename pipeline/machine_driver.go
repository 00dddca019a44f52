package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"portrait/pipeline/kafka"
	"portrait/profile/machine"
	"portrait/profile/store"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// MachineStatus is what a partition's driver tells metrics, readiness and the console.
type MachineStatus struct {
	Partition                    int
	Position, High               int64 // next offset to apply; end of the inbox as last seen
	Snapshot                     int64 // where the newest snapshot leads
	Watermark                    int64 // ms
	Decided                      int64
	Cached, Uncut, Timers, Owed  int
	CachedBytes                  int64
	Held                         int64     // outputs to itself that waited for the store, ever
	Checkpointed                 time.Time // of the newest commit
	CheckpointError              string    // why checkpoints stand still; empty: they do not
	Stopped                      string    // why the partition stands, and the command that lets it go on; empty: it does not
	Counters                     machine.Counters
	Catalog                      string
	ApplySeconds, PublishSeconds float64 // time spent in Step, and in handing outputs to the producer
}

// machineDriver runs one Partition on Kafka and Badger: fetch, apply, produce, checkpoint.
type machineDriver struct {
	node      *Node
	partition int
	step      *Partition
	db        *store.Partition
	asks      chan ask
	skips     []wire.Skip // answers of operators to stops of this partition
	status    atomic.Pointer[MachineStatus]

	acked      [2]atomic.Int64 // acknowledged outputs of even and odd tickets, not yet told to the step
	wake       chan struct{}   // an ack or a commit has come
	commits    chan error
	cutAt      time.Time
	hold       hold
	committing bool      // a commit goroutine runs, and will send on commits
	retryAt    time.Time // no commit before
	committed  time.Time
	trouble    string
	high       int64
	apply      time.Duration
	publish    time.Duration
	barrier    int        // logic version that goes on behind everything applied; 0: the log goes on under ours
	based      chan error // the base at the barrier is in the snapshot store, or not; nil: it is not being made
}

// ask is a lookup on its way to the partition's goroutine.
type ask struct {
	id     string
	answer chan<- answer
}

type answer struct {
	doc    *schemas.ProfileDoc
	parent string
	err    error
}

// run owns the partition until ctx ends or it fails.
//
//	fetcher goroutine ──batches──> this goroutine ──outputs──> producer ──acks──┐
//	                                   │  ▲                                     │
//	                        checkpoint ▼  └────────────────wake─────────────────┘
//	                           commit goroutine (at most one)
func (d *machineDriver) run(ctx context.Context) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	if err := d.checkMarks(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	batches := make(chan kafka.Batch, 2)
	fetched := make(chan error, 1)
	go func() { fetched <- d.fetch(ctx, d.step.Machine().Position(), batches) }()
	err := d.loop(ctx, batches, fetched)
	asked := ctx.Err() != nil && errors.Is(err, ctx.Err())
	cancel()
	for range batches { // closed by fetch when it ends
	}
	if asked { // nothing went wrong: leave everything in order
		d.rest()
	}
	if d.committing {
		if last := <-d.commits; last != nil && err == nil { // a commit under way uses the store
			err = last
		}
	}
	d.node.keeper.closed(d.partition)
	return err
}

// open takes the partition in the store and restores its machine.
func (d *machineDriver) open(ctx context.Context) error {
	trusted := !d.node.distrusted[d.partition].Load()
	if err := d.node.keeper.restore(ctx, d.partition, trusted); err != nil {
		return err
	}
	d.node.distrusted[d.partition].Store(false)
	db, err := d.node.store.Acquire(d.partition)
	if err != nil {
		return fmt.Errorf("inbox %d: %w", d.partition, err)
	}
	position, meta, err := db.Position()
	if err != nil {
		return fmt.Errorf("inbox %d: %w", d.partition, err)
	}
	config := machine.Config{Deployment: d.node.dep, Partition: d.partition, ProfileKey: d.node.profileKey, CacheBytes: d.node.cacheShare(),
		Compile: d.node.catalogs.compile, Skips: d.skips}
	m, err := machine.Open(config, db, position, meta)
	if err != nil {
		return err
	}
	d.node.keeper.opened(d.partition, db, position)
	go d.node.keeper.sweep(d.partition)
	d.db, d.step = db, NewPartition(config, d.node.topics, m)
	d.wake, d.commits = make(chan struct{}, 1), make(chan error, 1)
	d.cutAt, d.committed = time.Now(), time.Now()
	d.report()
	return nil
}

// checkMarks looks once more when the state is the one we go on with: it may have come from a snapshot.
func (d *machineDriver) checkMarks(ctx context.Context) error {
	ends := NewEnds(d.node.dep)
	for p := range ends.Events {
		for {
			var err error
			if _, ends.Events[p], err = d.node.client.Offsets(ctx, d.node.topics.Events, p); err == nil {
				break
			}
			d.node.trouble(fmt.Sprintf("inbox %d: end of events %d", d.partition, p), err)
			if !sleep(ctx, 500*time.Millisecond) {
				return ctx.Err()
			}
		}
	}
	return ends.CheckMarks(d.node.topics, d.partition, d.step.Machine().Marks())
}

// fetch reads the inbox from the machine's own position: Kafka's committed offset is a hint only.
func (d *machineDriver) fetch(ctx context.Context, position int64, batches chan<- kafka.Batch) error {
	defer close(batches)
	f := kafka.NewFetcher(d.node.client, d.node.topics.Inbox, d.partition, position)
	for {
		b, err := f.Next(ctx)
		if err != nil {
			return err
		}
		if b.Err != nil {
			d.node.trouble("inbox fetch", b.Err)
			if !sleep(ctx, 100*time.Millisecond) {
				return ctx.Err()
			}
		}
		select {
		case batches <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *machineDriver) loop(ctx context.Context, batches <-chan kafka.Batch, fetched <-chan error) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		in := batches
		if d.step.Machine().Uncut() > maxUncut || d.step.Owed() > maxOwed {
			in = nil // let checkpoints and acknowledgements catch up
		}
		if d.node.fenced() {
			in = nil // somebody else may have the partition: say nothing more
		}
		if d.barrier > 0 {
			in = nil // the log is another version's; lookups go on until it has taken over
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b, ok := <-in:
			if !ok {
				return <-fetched
			}
			if err := d.applied(ctx, b); err != nil {
				return err
			}
		case q := <-d.asks:
			doc, parent, err := d.step.Machine().Lookup(q.id)
			q.answer <- answer{doc, parent, err}
		case err := <-d.commits:
			if err := d.commitDone(err); err != nil {
				return err
			}
		case err := <-d.based:
			d.handedOver(err)
		case <-d.wake:
		case <-ticker.C:
			if err := d.marker(ctx); err != nil {
				return err
			}
		}
		if d.barrier > 0 {
			d.atBarrier(ctx)
		}
		d.checkpoint()
		if err := d.release(ctx, d.hold.due(d.ahead(), time.Now())); err != nil {
			return err
		}
	}
}

// applied runs the step over a batch and hands its outputs to the producer.
func (d *machineDriver) applied(ctx context.Context, b kafka.Batch) error {
	d.high = b.High
	if len(b.Records) == 0 {
		d.report()
		return nil
	}
	start := time.Now()
	out, ticket, failed := d.step.Step(b.Records)
	if failed == nil {
		b.Release()
	}
	mid := time.Now()
	d.apply += mid.Sub(start)
	d.node.stages.step.Observe(mid.Sub(start))
	d.node.stages.moves.add(d.node.topics.Tags, out)
	acked := d.ack(&d.acked[ticket&1])
	for i := range out {
		if err := d.send(ctx, &out[i], acked); err != nil {
			return err
		}
	}
	if failed != nil { // what is said does not depend on where a batch ends
		if err := d.release(ctx, d.hold.all()); err != nil {
			return err
		}
	}
	d.publish += time.Since(mid)
	d.report()
	return d.met(failed)
}

// ack returns what the producer calls for each acknowledged output of a ticket.
func (d *machineDriver) ack(sum *atomic.Int64) func() {
	return func() {
		sum.Add(1)
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

func (d *machineDriver) report() {
	m := d.step.Machine()
	m.SetCacheBytes(d.node.cacheShare()) // another when partitions came or went
	d.status.Store(&MachineStatus{Partition: d.partition, Position: m.Position(), High: d.high, Watermark: m.Watermark(),
		Decided: m.Decided(), Cached: m.Cached(), CachedBytes: m.CachedBytes(), Held: d.hold.total, Uncut: m.Uncut(), Timers: m.Timers(), Owed: d.step.Owed(),
		Checkpointed: d.committed, CheckpointError: d.trouble, Counters: m.Counters, Catalog: m.Catalog().Label(),
		ApplySeconds: d.apply.Seconds(), PublishSeconds: d.publish.Seconds()})
}

// sleep waits, and reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
