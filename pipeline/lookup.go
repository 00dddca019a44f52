package pipeline

import (
	"context"
	"errors"
	"fmt"

	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/schemas"
)

// Errors of Lookup.
var (
	ErrNotFound = errors.New("no such identifier")
	ErrNotHere  = errors.New("the partition is not owned by this node")
)

// maxHops bounds how many parents a lookup follows: pointers have no cycles, but they move meanwhile.
const maxHops = 32

// Lookup returns the profile that an identifier leads to, as it is in memory right now. The identifier
// may be given in clear ("phone:139 0000 1234") or as stored.
func (n *Node) Lookup(ctx context.Context, identifier string) (*schemas.ProfileDoc, error) {
	norm, err := normalize.New(n.dep, n.keys)
	if err != nil {
		return nil, err
	}
	id, err := norm.Hash(identifier)
	if err != nil {
		id = identifier // as stored: a hash is no phone number
	}
	for range maxHops {
		doc, parent, err := n.ask(ctx, id)
		if err != nil {
			return nil, err
		}
		if doc != nil {
			return doc, nil
		}
		if parent == "" {
			return nil, ErrNotFound
		}
		id = parent
	}
	return nil, fmt.Errorf("lookup: more than %d hops", maxHops)
}

func (n *Node) ask(ctx context.Context, id string) (*schemas.ProfileDoc, string, error) {
	q := schemas.PartitionOf(id, n.dep.InboxPartitions)
	if n.drivers[q].Load() == nil {
		return nil, "", fmt.Errorf("inbox %d: %w", q, ErrNotHere)
	}
	reply := make(chan answer, 1)
	select {
	case n.asks[q] <- ask{id, reply}:
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	select {
	case a := <-reply:
		return a.doc, a.parent, a.err
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
}

// Status is what a node tells metrics, readiness and the terminal view.
type Status struct {
	Machines []MachineStatus // of the partitions it owns
	Routers  []RouterStatus
	Producer kafka.Stats
	Stages   Stages
	Troubles int64
	Clock    string // why this process does not tick; empty: it does
}

// Status returns a snapshot.
func (n *Node) Status() Status {
	s := Status{Producer: n.producer.Stats(), Stages: n.stages.snapshot(), Troubles: n.troubles.Load()}
	if n.routers.suspect.Load() {
		s.Clock = errClock.Error()
	}
	for q := range n.drivers {
		if d := n.drivers[q].Load(); d != nil {
			if st := d.status.Load(); st != nil {
				s.Machines = append(s.Machines, *st)
			}
		}
	}
	for p := range n.routers.status {
		if st := n.routers.status[p].Load(); st != nil {
			s.Routers = append(s.Routers, *st)
		}
	}
	return s
}
