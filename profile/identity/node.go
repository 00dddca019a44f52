package identity

import (
	"slices"
	"strings"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// Node is one identifier. Parent is zero at a root, Root is nil at a child.
type Node struct {
	wire.Node
	Parent wire.Node
	Root   *Root
}

// NewNode returns a root that is alone in its profile.
func NewNode(id string, born int64) *Node {
	return &Node{Node: wire.Node{ID: id, Born: born}, Root: &Root{Members: []string{id}}}
}

// Root is what a profile knows of identity.
type Root struct {
	Members   []string      // ascending; the identifiers of this profile
	Reserved  []Reservation // ascending by child: accepted, their Absorb is on its way
	Linking   []Edge        // Link sent, answer not yet seen; oldest first, bounded
	Refused   []Edge        // edges refused here; oldest first, bounded
	Proposing bool
	Proposal  Want       // in flight, if Proposing
	Wants     []Want     // further parents wanted, oldest first, bounded
	Deferred  []Proposal // proposals that came while frozen, oldest first, bounded
}

// Edge is remembered by the identifier that caused it. A weak and a strong edge through the same
// identifier are different edges: only the weak one is refused between two strong profiles.
type Edge struct {
	Via  string
	Weak bool
}

// Reservation holds places for a child whose Absorb is on its way.
type Reservation struct {
	Child  string
	Counts []wire.TypeCount
}

// Want is a parent to attach to, because of an edge between Other and Via seen in event Cause.
type Want struct {
	Parent wire.Node
	Edge
	Other, Cause string
}

// Proposal is a root that asked to become a child.
type Proposal struct {
	Child  wire.Node
	Counts []wire.TypeCount
	Edge
	Other, Cause string
}

// Has reports whether the identifier is a member.
func (r *Root) Has(id string) bool {
	_, ok := slices.BinarySearch(r.Members, id)
	return ok
}

// Idle reports whether nothing is under way at the root: what must hold of every root at rest.
func (r *Root) Idle() bool {
	return !r.Proposing && len(r.Wants) == 0 && len(r.Deferred) == 0 && len(r.Reserved) == 0
}

// Counts returns the identifiers per base type, reserved ones included, ascending by type.
func (r *Root) Counts() []wire.TypeCount {
	var counts []wire.TypeCount
	for _, id := range r.Members {
		counts = addCount(counts, schemas.BaseType(id), 1)
	}
	for _, reserved := range r.Reserved {
		for _, c := range reserved.Counts {
			counts = addCount(counts, c.Type, c.Count)
		}
	}
	return counts
}

// countOf returns the count of a type, 0 if the list does not have it.
func countOf(counts []wire.TypeCount, t string) int {
	for _, c := range counts {
		if c.Type == t {
			return c.Count
		}
	}
	return 0
}

// addCount keeps the list ascending by type; there are as many entries as types, so a few.
func addCount(counts []wire.TypeCount, t string, n int) []wire.TypeCount {
	k, ok := slices.BinarySearchFunc(counts, t, func(c wire.TypeCount, t string) int {
		if c.Type < t {
			return -1
		} else if c.Type > t {
			return 1
		}
		return 0
	})
	if !ok {
		counts = slices.Insert(counts, k, wire.TypeCount{Type: t})
	}
	counts[k].Count += n
	return counts
}

// reserve sets the child's reservation.
func (r *Root) reserve(child string, counts []wire.TypeCount) {
	k, ok := r.reservation(child)
	if !ok {
		r.Reserved = slices.Insert(r.Reserved, k, Reservation{Child: strings.Clone(child)})
	}
	r.Reserved[k].Counts = keepCounts(counts)
}

// release drops the child's reservation, if there is one.
func (r *Root) release(child string) {
	if k, ok := r.reservation(child); ok {
		r.Reserved = slices.Delete(r.Reserved, k, k+1)
	}
}

func (r *Root) reservation(child string) (int, bool) {
	return slices.BinarySearchFunc(r.Reserved, child, func(x Reservation, child string) int {
		if x.Child < child {
			return -1
		} else if x.Child > child {
			return 1
		}
		return 0
	})
}

// Bounds in bytes beside those in numbers: an identifier may have 256 bytes and more, and a profile has
// to fit its limit whatever it is offered. Usual identifiers never reach them.
const (
	edgeBytes  = 16 << 10 // of links, and of refusals, that a profile remembers
	queueBytes = 32 << 10 // of wants, and of proposals, that wait
)

// Bytes is the most that identity can add to a profile besides its members: two lists of edges, two
// queues, and what was proposed.
const Bytes = 2*edgeBytes + 2*queueBytes + 4<<10

// remember appends an edge to a bounded list, newest last; the oldest give way.
func remember(list []Edge, e Edge, limit int) []Edge {
	if slices.Contains(list, e) {
		return list
	}
	list = append(list, e.keep())
	size, keep := 0, len(list)
	for keep > 0 && len(list)-keep < limit {
		if size += len(list[keep-1].Via) + 3; size > edgeBytes {
			break
		}
		keep--
	}
	return slices.Delete(list, 0, keep)
}

// keep returns a node that does not keep the record it came in, whose memory is used again for other records.
func keep(n wire.Node) wire.Node { return wire.Node{ID: strings.Clone(n.ID), Born: n.Born} }

// keep is keep for what waits at a root.
func (w Want) keep() Want {
	return Want{keep(w.Parent), w.Edge.keep(), strings.Clone(w.Other), strings.Clone(w.Cause)}
}

func (p Proposal) keep() Proposal {
	return Proposal{keep(p.Child), keepCounts(p.Counts), p.Edge.keep(), strings.Clone(p.Other), strings.Clone(p.Cause)}
}

func (e Edge) keep() Edge { return Edge{strings.Clone(e.Via), e.Weak} }

func keepCounts(counts []wire.TypeCount) []wire.TypeCount {
	counts = slices.Clone(counts)
	for i := range counts {
		counts[i].Type = strings.Clone(counts[i].Type)
	}
	return counts
}

// fits reports whether one more entry may wait in a queue of so many entries and bytes.
func (b Bounds) fits(entries, bytes int) bool { return entries < b.Queue && bytes < queueBytes-4<<10 }

func wantBytes(list []Want) (n int) {
	for i := range list {
		n += 32 + len(list[i].Parent.ID) + len(list[i].Via) + len(list[i].Other) + len(list[i].Cause)
	}
	return n
}

func proposalBytes(list []Proposal) (n int) {
	for i := range list {
		n += 32 + len(list[i].Child.ID) + len(list[i].Via) + len(list[i].Other) + len(list[i].Cause) + 48*len(list[i].Counts)
	}
	return n
}

// forget removes an edge from a list.
func forget(list []Edge, e Edge) []Edge {
	if k := slices.Index(list, e); k >= 0 {
		return slices.Delete(list, k, k+1)
	}
	return list
}

// addMembers merges two ascending lists into a new one: the old one may stand in effects that are not
// encoded yet.
func addMembers(old, more []string) []string {
	all := make([]string, 0, len(old)+len(more))
	all = append(append(all, old...), more...)
	slices.Sort(all)
	return slices.Compact(all)
}
