package pipeline

import (
	"context"
	"fmt"
	"time"
)

// tail is what the driver owes the sink behind the last facts: records without rows, written a while
// later, so that the sink can end its last block. The machine's own markers follow stamps; while it
// catches up, they are written in the same second as the facts, and end nothing. A machine that was just
// opened owes them, too: its predecessor may have died before it sent any.
type tail struct {
	open  bool  // facts were said that may not be acknowledged yet
	since int64 // ms: from when on the delays count
	sent  int   // markers behind the last facts
}

// tailDelays are how long, in ms of the wall, a tail has been acknowledged when a marker follows. The later
// ones are for writers whose clocks differ.
var tailDelays = [...]int64{2_000, 10_000, 60_000}

// Marker returns a record for the facts topic when one is due at now, ms of the wall. It is not an output of
// the machine: it has no number, nobody waits for its acknowledgement, and it may be lost.
func (p *Partition) Marker(now int64) (Output, bool) {
	if p.tail.open {
		p.tail.since = now
		p.tail.open = p.Owed() > 0
	}
	if p.tail.open || p.tail.sent == len(tailDelays) || now-p.tail.since < tailDelays[p.tail.sent] {
		return Output{}, false
	}
	p.tail.sent++
	return p.enc.marker(p.m.FactsNext()), true
}

// marker lets the sink end its last block, when it is time.
func (d *machineDriver) marker(ctx context.Context) error {
	out, due := d.step.Marker(time.Now().UnixMilli())
	if !due {
		return nil
	}
	if err := d.node.producer.Send(ctx, out.Topic, out.Partition, out.Record, nil); err != nil {
		return fmt.Errorf("inbox %d: marker: %w", d.partition, err)
	}
	return nil
}
