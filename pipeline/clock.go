package pipeline

import (
	"context"
	"fmt"
	"time"

	"portrait/schemas/wire"
)

// AdvanceClock tells every machine that event time has reached stamp (ms), behind everything that was
// produced so far: what runs an import calls it when the history is read to its end. It is for
// deployments with the event clock only; under the wall clock routers say what time it is.
func (n *Node) AdvanceClock(ctx context.Context, stamp int64) error {
	c := &coordinator{client: n.client, producer: n.producer, topics: n.topics}
	for q := range n.dep.InboxPartitions {
		if err := c.control(ctx, n.dep, q, wire.Control{Kind: wire.CtlClock, Stamp: stamp}); err != nil {
			return fmt.Errorf("clock: %w", err)
		}
	}
	return nil
}

// Rest waits until nothing is on its way: every events record routed, every inbox record applied,
// every output acknowledged. It looks twice, because a record applied may cause the next.
func (n *Node) Rest(ctx context.Context) error {
	calm, wait := 0, restPoll
	for calm < 2 {
		before := n.applied()
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
		wait = min(wait*5/4, restPollMost)
		busy, err := n.busy(ctx)
		if err != nil {
			return err
		}
		if busy || n.applied() != before {
			calm = 0
		} else {
			calm++
		}
	}
	return nil
}

// Rest looks soon, because what is on its way takes some milliseconds, and seldom once that was wrong.
const (
	restPoll     = 4 * time.Millisecond
	restPollMost = 100 * time.Millisecond
)

func (n *Node) applied() (sum int64) {
	for _, m := range n.Status().Machines {
		sum += m.Position
	}
	return sum
}

// busy reports whether a record is read by nobody yet, or an output is not acknowledged.
func (n *Node) busy(ctx context.Context) (bool, error) {
	st := n.Status()
	if len(st.Machines) < n.dep.InboxPartitions || len(st.Routers) < n.dep.EventsPartitions || st.Producer.QueuedRecords > 0 {
		return true, nil
	}
	for _, r := range st.Routers {
		_, end, err := n.client.Offsets(ctx, n.topics.Events, r.Partition)
		if err != nil || r.Position < end {
			return true, err
		}
	}
	for _, m := range st.Machines {
		_, end, err := n.client.Offsets(ctx, n.topics.Inbox, m.Partition)
		if err != nil || m.Position < end {
			return true, err
		}
	}
	return false, nil
}
