package pipeline

import (
	"context"
	"fmt"
	"time"

	"portrait/schemas"
)

// A wave of timers goes as fast as its Continue comes back through the log (machine.Machine, afterItems), and that is
// faster than a disk takes what it changes. Cuts would outgrow what one transaction of the store holds, be written
// three times for that, and come further behind, until the machine waits with every event. So while the last checkpoint
// is on its way and the next is due already, what the machine says to itself is sent later: the Continue among it,
// which is all that drives a wave. No output depends on when it is sent, so a replay finds the same.
const (
	// holdMost bounds the wait, which events on their way within the partition share. Without it a checkpoint that waits
	// for the acknowledgement of what is held would wait for ever.
	holdMost = 200 * time.Millisecond
	// holdBytes and holdChanges in the next cut are where it begins.
	holdBytes, holdChanges = cutBytes / 2, cutChanges / 2
)

// hold is what a machine says to itself and what is not sent yet, in order.
type hold struct {
	list  []held
	since time.Time // when the first of them came
}

// held is an output with what its acknowledgement calls.
type held struct {
	out *Output
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
	h.list = append(h.list, held{o, ack})
	return true
}

// due returns what has to go now: nothing, or all of it.
func (h *hold) due(ahead bool, now time.Time) []held {
	if len(h.list) == 0 || ahead && now.Sub(h.since) < holdMost {
		return nil
	}
	return h.all()
}

// all returns what is held, and holds it no longer.
func (h *hold) all() []held {
	list := h.list
	h.list = nil
	return list
}

// ahead reports whether the machine is ahead of its store.
func (d *machineDriver) ahead() bool {
	m := d.step.Machine()
	return d.step.cut != nil && d.trouble == "" && (m.UncutBytes() >= holdBytes || m.UncutChanges() >= holdChanges)
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
	for _, h := range list {
		if err := d.produce(ctx, h.out, h.ack); err != nil {
			return err
		}
	}
	return nil
}
