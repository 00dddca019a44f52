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
	list  []parcel
	since time.Time // when the first of them was held
}

// parcel is an output with what its acknowledgement calls.
type parcel struct {
	out *Output
	ack func()
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
	if o.Topic == d.node.topics.Inbox && o.Partition == d.partition && (len(d.hold.list) > 0 || d.ahead()) {
		if len(d.hold.list) == 0 {
			d.hold.since = time.Now()
		}
		d.hold.list = append(d.hold.list, parcel{o, ack})
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

// release sends what is held if the store has caught up, or it was held for long enough.
func (d *machineDriver) release(ctx context.Context) error {
	if len(d.hold.list) == 0 || d.ahead() && time.Since(d.hold.since) < holdMost {
		return nil
	}
	return d.letGo(ctx)
}

func (d *machineDriver) letGo(ctx context.Context) error {
	for _, p := range d.hold.list {
		if err := d.produce(ctx, p.out, p.ack); err != nil {
			return err
		}
	}
	clear(d.hold.list)
	d.hold.list = d.hold.list[:0]
	return nil
}
