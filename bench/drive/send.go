package drive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/pprof"
	"time"

	"portrait/bench"
	"portrait/bench/latency"
	"portrait/bench/stages"
	"portrait/bench/traffic"
	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// sendGap is how long the generator rests when nothing is due: at 1,000 wake-ups a second it costs about
// one per cent of a core, and makes an event late by half of it.
const sendGap = time.Millisecond

// slab is how many bytes of records share one allocation.
const slab = 256 << 10

// send hands over the events up to number end, each when it is due, until the instant over (zero: never) has
// passed. late gets how late the oldest event of each round was.
func (d *Driver) send(ctx context.Context, end int64, over time.Time, late *latency.Recorder) error {
	plan := d.traffic()
	render := plan.Writer()
	buffer := make([]byte, 0, slab)
	for n := d.next.Load(); n < end; {
		now := time.Now()
		due := now.Sub(plan.At(n))
		if due < 0 {
			if err := bench.Pause(ctx, max(sendGap, -due)); err != nil {
				return err
			}
			continue
		}
		if late != nil {
			late.Record(latency.Lateness, due)
		}
		for ; n < end && (n < 0 || !plan.At(n).After(now)); n++ {
			if cap(buffer)-len(buffer) < 1024 {
				buffer = make([]byte, 0, slab)
			}
			from := len(buffer)
			var key []byte
			buffer, key = render.Append(buffer, n)
			mid := len(buffer)
			buffer = append(buffer, key...)
			value, key := buffer[from:mid:mid], buffer[mid:len(buffer):len(buffer)]
			partition := schemas.PartitionOf(string(key), d.dep.Events)
			if err := d.producer.Send(ctx, d.dep.Topics.Events, partition, kafka.Record{Key: key, Value: value}, nil); err != nil {
				return fmt.Errorf("event %d: %w", n, err)
			}
			d.next.Store(n + 1)
			if n&1023 == 0 && !over.IsZero() && time.Now().After(over) {
				return nil
			}
		}
	}
	return nil
}

// Backlog sends n events as fast as the brokers take them, and returns when they have them all. The plan is ahead of
// them, so nothing about latency may be concluded.
func (d *Driver) Backlog(ctx context.Context, n int) error {
	first := max(0, d.next.Load())
	plan, err := d.traffic().Then(first, traffic.Stretch{Start: time.Now(), Rate: backlogRate})
	if err != nil {
		return err
	}
	if d.next.Load() >= 0 {
		d.set(plan)
		d.next.Store(first)
	}
	stages.As(ctx, stages.Generator, func(ctx context.Context) {
		if d.next.Load() < 0 { // preloaded events are a part of it
			err = d.send(ctx, 0, time.Time{}, nil)
			d.set(plan)
		}
		if err == nil {
			err = d.send(ctx, first+int64(n), time.Time{}, nil)
		}
	})
	if err == nil {
		err = d.producer.Flush(ctx)
	}
	return err
}

// backlogRate is faster than any broker here takes records.
const backlogRate = 2_000_000

// Stretch is what to send at one rate.
type Stretch struct {
	Rate     float64
	Burst    traffic.Burst
	Warmup   time.Duration
	Duration time.Duration // of each window
	Windows  int
	Behind   time.Duration // end the last window early once so much of its traffic is behind; 0: never
	Profile  io.Writer     // gets a CPU profile of the windows; nil: none
}

// graceful is how long after its planned end a stretch may still hand over what was held up.
const graceful = time.Second

// Run sends a stretch and returns its windows, when the answers to the last one have had their time to come.
func (d *Driver) Run(ctx context.Context, s Stretch) ([]Window, error) {
	first := max(0, d.next.Load())
	start := time.Now().Add(200 * time.Millisecond).Truncate(time.Millisecond)
	plan, err := d.traffic().Then(first, traffic.Stretch{Start: start, Rate: s.Rate, Burst: s.Burst})
	if err != nil {
		return nil, err
	}
	d.set(plan)
	d.next.Store(first)
	list := windows(first, start, &s)
	d.windows.Store(&list)
	last := list[len(list)-1]
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	sent, late := make(chan error, 1), latency.NewRecorder()
	go stages.As(sending, stages.Generator, func(ctx context.Context) {
		sent <- d.send(ctx, last.to, last.start.Add(s.Duration+graceful), late)
	})
	err = d.measure(ctx, list, &s)
	if err != nil || last.givenUp {
		cancel()
	}
	if failed := <-sent; err == nil && !(last.givenUp && errors.Is(failed, context.Canceled)) {
		err = failed
	}
	if err == nil {
		err = d.settle(ctx)
	}
	if err != nil {
		return nil, err
	}
	out := make([]Window, len(list))
	for k, w := range list {
		out[k] = w.result(late.Total(latency.Lateness))
		out[k].Unanswered = max(0, d.Lag())
		out[k].LagTrend = trend(d.between(w.start, w.after.at))
	}
	return out, d.Err()
}

// The answers to a window's last events are waited for: without them a system that falls behind would show only
// its quick ones. One that is behind by more than settleMost is not waited for; Unanswered says so.
const (
	settleTail = time.Second
	settleMost = 45 * time.Second
)

func (d *Driver) settle(ctx context.Context) error {
	deadline := time.Now().Add(settleMost)
	for d.Lag() > 0 && time.Now().Before(deadline) {
		if err := bench.Pause(ctx, drainPoll); err != nil {
			return err
		}
	}
	return bench.Pause(ctx, settleTail)
}

func windows(first int64, start time.Time, s *Stretch) []*window {
	from, each := first+int64(s.Rate*s.Warmup.Seconds()), int64(s.Rate*s.Duration.Seconds())
	list := make([]*window, max(1, s.Windows))
	for k := range list {
		list[k] = &window{from: from + int64(k)*each, to: from + int64(k+1)*each, recorder: latency.NewRecorder(),
			start: start.Add(s.Warmup + time.Duration(k)*s.Duration), length: s.Duration}
	}
	return list
}

// measure takes the figures at the edges of the windows.
func (d *Driver) measure(ctx context.Context, list []*window, s *Stretch) error {
	for k, w := range list {
		if err := bench.Pause(ctx, time.Until(w.start)); err != nil {
			return err
		}
		if k == 0 && s.Profile != nil {
			if err := pprof.StartCPUProfile(s.Profile); err != nil {
				return fmt.Errorf("CPU profile: %w", err)
			}
			defer pprof.StopCPUProfile()
		}
		w.before = d.edge()
		if k > 0 {
			list[k-1].after = w.before
		}
	}
	last := list[len(list)-1]
	err := last.await(ctx, s, d.Lag)
	last.after = d.edge()
	return err
}
