package drive

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"portrait/bench/latency"
	"portrait/pipeline/kafka"
)

// listen follows every partition of the tag topic from where it ended at Open.
func (d *Driver) listen(ctx context.Context) {
	for _, r := range d.topics {
		if !r.changes {
			continue
		}
		d.work(ctx, func(ctx context.Context) error {
			f := kafka.NewFetcher(d.client, r.topic, r.partition, r.next)
			for {
				b, err := f.Next(ctx)
				if err != nil {
					return fmt.Errorf("%s: %w", r.topic, err)
				}
				now := time.Now()
				for i := range b.Records {
					d.change(b.Records[i].Value, now)
				}
			}
		})
	}
}

var (
	eventField = []byte(`"event_id":"`)
	mergeField = []byte(`"kind":"merge"`)
)

// change records how long a tag change took since its event's planned instant. Changes by timers and those
// of other runs have no such event.
func (d *Driver) change(value []byte, now time.Time) {
	d.changes.Add(1)
	k := bytes.Index(value, eventField)
	if k < 0 {
		return
	}
	id := value[k+len(eventField):]
	if k = bytes.IndexByte(id, '"'); k < 0 {
		return
	}
	plan := d.plan.Load()
	n, ok := plan.Seq(id[:k])
	if !ok || n < 0 {
		return
	}
	took, cause := now.Sub(plan.At(n)), latency.Event
	if bytes.Contains(value, mergeField) {
		cause = latency.Merge
	}
	d.recent.Record(cause, took)
	for _, w := range *d.windows.Load() {
		if n >= w.from && n < w.to {
			w.recorder.Record(cause, took)
		}
	}
}

// hiccupGap is what the idle ticker asks for.
const hiccupGap = time.Millisecond

// hiccups records how much later than asked an idle goroutine wakes up.
func (d *Driver) hiccups(ctx context.Context) error {
	for ctx.Err() == nil {
		before := time.Now()
		time.Sleep(hiccupGap)
		now := time.Now()
		late := max(0, now.Sub(before)-hiccupGap)
		d.recent.Record(latency.Hiccup, late)
		for _, w := range *d.windows.Load() {
			if !now.Before(w.start) && now.Before(w.start.Add(w.length)) {
				w.recorder.Record(latency.Hiccup, late)
			}
		}
	}
	return ctx.Err()
}
