package pipeline

import (
	"context"
	"fmt"
	"time"

	"portrait/schemas"
)

// A wave of timers goes as fast as its Continue comes back through the log (machine.Machine, afterItems), and that is
// faster than a disk takes what it changes. Cuts would outgrow what one transaction of the store holds, be written
// three times for that, and come further behind, until the machine waits with every event. So while a wave is under way,
// the last checkpoint on its way and the next one half full, what the machine says to itself is sent later, the Continue
// among it. When it is sent decides no more than where in the log it lies; whoever replays that log reads the same.
const (
	// holdMost bounds the wait, which events on their way within the partition share: a store that is slow must not
	// hold them up. A loop that has nothing else to do looks every 100 ms.
	holdMost = 200 * time.Millisecond
	// holdRoom bounds what waits, in bytes.
	holdRoom = 4 << 20
)

// pace is when a machine's state is cut, and when what drives a wave is held.
type pace struct {
	interval             time.Duration // between cuts, unless CutDue
	holdBytes, holdCount int           // bytes and changes in the next cut from which on it is held
}

// production is every node's pace but that of tests.
var production = pace{interval: cutInterval, holdBytes: cutBytes / 2, holdCount: cutChanges / 2}

// hold is what a machine says to itself and what is not sent yet, in order.
type hold struct {
	list  []held
	bytes int
	since time.Time // when the first of them came
	total int64     // ever held
}

// held is an output with what its acknowledgement calls.
type held struct {
	out Output
	ack func()
}

// keep takes an output of a machine to itself that must wait: because the machine is ahead of its store, or because
// earlier ones wait. It reports whether it did.
func (h *hold) keep(o *Output, ack func(), ahead bool, now time.Time) bool {
	if !ahead && len(h.list) == 0 {
		return false
	}
	if len(h.list) == 0 {
		h.since = now
	}
	h.list = append(h.list, held{*o, ack})
	h.bytes += len(o.Record.Value)
	h.total++
	return true
}

// due returns what has to go now: nothing, or all of it.
func (h *hold) due(ahead bool, now time.Time) []held {
	if len(h.list) == 0 || ahead && h.bytes < holdRoom && now.Sub(h.since) < holdMost {
		return nil
	}
	return h.all()
}

// all returns what is held, and holds it no longer.
func (h *hold) all() []held {
	list := h.list
	h.list, h.bytes = nil, 0
	return list
}

// ahead reports whether a wave is ahead of the store.
func (d *machineDriver) ahead() bool {
	m, p := d.step.Machine(), &d.node.pace
	return d.step.cut != nil && m.Continuing() && d.trouble == "" && (m.UncutBytes() >= p.holdBytes || m.UncutChanges() >= p.holdCount)
}

// send hands an output to the producer, or holds it.
func (d *machineDriver) send(ctx context.Context, o *Output, ack func()) error {
	if at := o.Caused; at > 0 && d.node.dep.Clock == schemas.ClockWall {
		acked := ack
		ack = func() {
			d.node.stages.tag.Observe(time.Since(time.UnixMilli(at)))
			acked()
		}
	}
	if o.Topic == d.node.topics.Inbox && o.Partition == d.partition && d.hold.keep(o, ack, d.ahead(), time.Now()) {
		return nil
	}
	return d.produce(ctx, o, ack)
}

func (d *machineDriver) produce(ctx context.Context, o *Output, ack func()) error {
	if err := d.node.producer.Send(ctx, o.Topic, o.Partition, o.Record, ack); err != nil {
		return fmt.Errorf("inbox %d: produce: %w", d.partition, err)
	}
	return nil
}

// release sends what was held.
func (d *machineDriver) release(ctx context.Context, list []held) error {
	for i := range list {
		if err := d.produce(ctx, &list[i].out, list[i].ack); err != nil {
			return err
		}
	}
	return nil
}
