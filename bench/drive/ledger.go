package drive

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"portrait/bench"
	"portrait/pipeline/kafka"
	"portrait/schemas/wire"
)

// ledger learns from the facts topic which events of this run were counted: exactly, whoever owns the partitions, and
// whatever else goes through the deployment. It costs the recorder a microsecond or two per event.
type ledger struct {
	driver  *Driver
	places  []*kafka.Fetcher
	counted atomic.Int64 // events of this run in a profile, and repeats of them

	mu      sync.Mutex
	newest  map[int32]uint64 // number of the next fact by machine: what lies below is said again
	times   []uint8          // how often each event was counted, up to 255
	repeats int64            // events of ours that the machines took for repeats
}

// newLedger notes where the facts topic ends.
func newLedger(ctx context.Context, d *Driver) (*ledger, error) {
	l := &ledger{driver: d, newest: map[int32]uint64{}}
	for p := range d.dep.Facts {
		_, end, err := d.client.Offsets(ctx, d.dep.Topics.Facts, p)
		if err != nil {
			return nil, err
		}
		l.places = append(l.places, kafka.NewFetcher(d.client, d.dep.Topics.Facts, p, end))
	}
	return l, nil
}

// follow reads every partition until the driver is closed.
func (l *ledger) follow(ctx context.Context) {
	for p, f := range l.places {
		l.driver.work(ctx, func(ctx context.Context) error {
			for {
				b, err := f.Next(ctx)
				if err != nil {
					return err
				}
				for i := range b.Records {
					if err := l.record(b.Records[i].Value); err != nil {
						return fmt.Errorf("facts partition %d offset %d: %w; the bench must be of the deployment's version", p, b.Records[i].Offset, err)
					}
				}
			}
		})
	}
}

// record takes the next record of a partition; a machine's facts stand in one partition, in order.
func (l *ledger) record(value []byte) error {
	r, err := wire.DecodeFacts(value)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	plan := l.driver.traffic()
	for i := range r.Facts {
		f := &r.Facts[i]
		if f.Event == nil || r.Seq+uint64(i) < l.newest[r.From] {
			continue
		}
		if n, ours := plan.Seq([]byte(f.Event.ID)); ours {
			l.note(n-plan.First(), f.Kind == wire.FactDuplicate)
		}
	}
	l.newest[r.From] = max(l.newest[r.From], r.Seq+uint64(len(r.Facts)))
	return nil
}

// note counts an event, by its place among those of the run.
func (l *ledger) note(at int64, repeat bool) {
	l.counted.Add(1)
	if repeat {
		l.repeats++
		return
	}
	if at < 0 {
		return
	}
	for int64(len(l.times)) <= at {
		l.times = append(l.times, make([]uint8, at+1-int64(len(l.times)))...)
	}
	if l.times[at] < 255 {
		l.times[at]++
	}
}

// check compares with the first n events of the run.
func (l *ledger) check(n int64) bench.Check {
	never, twice, repeats := l.once(n)
	return bench.Check{Name: "each event counted once", OK: n > 0 && never == 0 && twice == 0 && repeats == 0,
		Detail: fmt.Sprintf("%d sent: %d never counted, %d more than once, %d taken for repeats", n, never, twice, repeats)}
}

// once reports how many of the first n events were counted never, and how many more than once, and how many
// repeats there were.
func (l *ledger) once(n int64) (never, twice, repeats int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := range n {
		switch {
		case at >= int64(len(l.times)) || l.times[at] == 0:
			never++
		case l.times[at] > 1:
			twice++
		}
	}
	return never, twice, l.repeats
}
