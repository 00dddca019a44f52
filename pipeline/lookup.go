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

// ElsewhereError says that the rest of a lookup is somebody else's. It wraps ErrNotHere.
type ElsewhereError struct {
	Partition  int
	Identifier string // to ask for there, as stored
	Owner      string // host:port of the node that owns the partition; empty: nobody, or it is not known just now
}

// Error implements error. It does not tell the identifier.
func (e *ElsewhereError) Error() string {
	owner := e.Owner
	if owner == "" {
		owner = "nobody known"
	}
	return fmt.Sprintf("inbox %d: %v; its owner is %s", e.Partition, ErrNotHere, owner)
}

// Unwrap returns ErrNotHere.
func (e *ElsewhereError) Unwrap() error { return ErrNotHere }

// maxHops bounds how many parents a lookup follows: pointers have no cycles, but they move meanwhile.
const maxHops = 32

// Lookup returns the profile that an identifier leads to, as it is in memory right now. The identifier
// may be given in clear ("phone:139 0000 1234") or as stored. What another node has to answer is an
// *ElsewhereError that names it.
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
		return nil, "", &ElsewhereError{Partition: q, Identifier: id, Owner: n.owner(ctx, q)}
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
	Machines  []MachineStatus // of the partitions it owns
	Assigned  int             // partitions that the group gave it last; -1: it has not joined yet
	Routers   []RouterStatus
	Snapshots SnapshotStatus
	Producer  kafka.Stats
	Stages    Stages
	Troubles  int64
	Fenced    string // why this node must believe that its partitions are others'; empty: it need not
	Clock     string // why this process does not tick; empty: it does
	Joining   string // why the last attempt to join a group failed; empty: this process is a member, or asks for the first time
}

// Status returns a snapshot.
func (n *Node) Status() Status {
	s := Status{Producer: n.producer.Stats(), Stages: n.stages.snapshot(), Troubles: n.troubles.Load(),
		Assigned: int(n.assigned.Load())}
	if n.routers.suspect.Load() {
		s.Clock = errClock.Error()
	}
	if n.keeper != nil {
		s.Snapshots = n.keeper.status()
	}
	if s.Assigned >= 0 && n.fenced() {
		s.Fenced = fencedText
	}
	for _, g := range []*kafka.Group{n.machines, n.routerGroup} {
		if why := g.Trouble(); why != nil {
			s.Joining = why.Error()
			break
		}
	}
	for q := range n.drivers {
		if d := n.drivers[q].Load(); d != nil {
			if st := d.status.Load(); st != nil {
				m := *st
				m.Snapshot = max(0, n.keeper.parts[q].newest.Load())
				s.Machines = append(s.Machines, m)
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
