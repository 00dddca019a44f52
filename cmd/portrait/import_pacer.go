package main

import (
	"context"
	"fmt"
	"time"

	"portrait/pipeline"
	"portrait/pipeline/kafka"
)

// pacer lets the clock of a history keep up with its events. Machines hear what time it is through their own inboxes, behind
// everything that was sent before; an import is sent as fast as it can be read, so an event that ends an absence (a cart
// that is paid after all) would be counted before anybody knew that the absence had begun, and the tag's history would lack it.
// So history goes in slices of event time: between two, everything sent is let through, the clock is brought to the
// next event, and what is due until then is done.
//
// An absence that lasts for a slice or longer is in the history. Only the order of the log depends on slices: machines, and
// what they make of a log, know nothing of them.
type pacer struct {
	node *pipeline.Node
	span time.Duration
	now  int64 // number of the slice that is being sent, from 1970 on; 0: none yet
}

// before is called with each event's time (ms) before it is sent.
func (p *pacer) before(ctx context.Context, producer *kafka.Producer, at int64) error {
	if p == nil {
		return nil
	}
	number := at/p.span.Milliseconds() + 1
	if number <= p.now { // of this slice, or late
		return nil
	}
	first := p.now == 0
	p.now = number
	if first {
		return nil
	}
	if err := producer.Flush(ctx); err != nil {
		return err
	}
	if err := p.node.Rest(ctx); err != nil {
		return err
	}
	if err := p.node.AdvanceClock(ctx, at-1); err != nil {
		return fmt.Errorf("import: between two slices: %w", err)
	}
	return p.node.Rest(ctx)
}
