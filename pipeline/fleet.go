package pipeline

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"portrait/pipeline/kafka"
)

// fleet runs the machines of the inbox partitions that this node owns. They outlive generations of the
// group: while partitions are divided anew a machine goes on, and stops only when its partition was given
// to somebody else. Until it hears of that it is a zombie, which is harmless; stopping it for every
// member that comes or goes would cost everybody a pause and a cold cache.
type fleet struct {
	node   *Node
	failed chan error // of the first machine that failed

	mu     sync.Mutex
	berths map[int]*berth // by partition; one that has ended stays until it is needed again
}

// berth is the place of one machine.
type berth struct {
	stop  context.CancelFunc
	live  func() bool // it was not told to stop, and has not ended
	ended chan struct{}
}

func newFleet(n *Node) *fleet {
	return &fleet{node: n, failed: make(chan error, 1), berths: map[int]*berth{}}
}

// run owns what the group assigns until ctx ends or a machine fails. Then all machines have stopped, each
// with a last checkpoint, before the group is left: who owns their partitions next repeats little.
func (f *fleet) run(ctx context.Context, group *kafka.Group) error {
	ctx, cancel := context.WithCancel(ctx)
	defer f.wait() // however it ends, nothing uses the store any more
	defer cancel()
	return group.Run(ctx, func(generation context.Context, assigned []int) error {
		f.own(ctx, assigned)
		f.node.assigned.Store(int64(len(assigned)))
		select {
		case err := <-f.failed:
			f.own(ctx, nil)
			f.wait()
			return err
		case <-generation.Done():
		}
		if ctx.Err() != nil {
			f.own(ctx, nil)
			f.wait()
		}
		return nil
	})
}

// own starts the machines that are missing and stops those that are too many. It waits for neither.
func (f *fleet) own(ctx context.Context, assigned []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for q, b := range f.berths {
		if !slices.Contains(assigned, q) {
			b.stop()
		}
	}
	for _, q := range assigned {
		before := f.berths[q]
		if before != nil && before.live() {
			continue
		}
		machine, stop := context.WithCancel(ctx)
		b := &berth{stop: stop, live: func() bool { return machine.Err() == nil }, ended: make(chan struct{})}
		f.berths[q] = b
		f.node.producer.Echo() // its last owner may not know yet
		go f.machine(machine, q, before, b)
	}
}

// machine runs one partition's machine behind the one that had the partition here before.
func (f *fleet) machine(ctx context.Context, q int, before, b *berth) {
	defer close(b.ended)
	defer b.stop()
	if before != nil {
		<-before.ended
	}
	err := f.node.runMachine(ctx, q)
	if err != nil && ctx.Err() == nil {
		select {
		case f.failed <- err:
		default: // the first failure counts
		}
	}
}

// wait waits until all machines have stopped.
func (f *fleet) wait() {
	f.mu.Lock()
	var ended []chan struct{}
	for _, b := range f.berths {
		ended = append(ended, b.ended)
	}
	f.mu.Unlock()
	for _, c := range ended {
		<-c
	}
}

// fenced reports that this node must believe that its partitions were given to others: the coordinator
// has been silent for a session. It then applies nothing and publishes no document until it hears
// again. Everything else it might say is dropped by number; a compacted topic has no receiver that drops.
func (n *Node) fenced() bool { return n.machines.Silent() > kafka.Session }

// fencedText is what readiness says then.
var fencedText = fmt.Sprintf("the group's coordinator has not been heard for more than %v: nothing is applied until it is", kafka.Session)
