package identity

import (
	"portrait/schemas/wire"
)

// Encode appends the node without its identifier, which is its key.
func (n *Node) Encode(e *wire.Encoder) {
	e.Int(n.Born)
	e.String(n.Parent.ID)
	if n.Root == nil {
		e.Int(n.Parent.Born)
		return
	}
	n.Root.encode(e)
}

// Decode reads the node of that identifier.
func Decode(id string, d *wire.Decoder) *Node {
	n := &Node{Node: wire.Node{ID: id, Born: d.Int()}}
	n.Parent.ID = d.String()
	if n.Parent.ID != "" {
		n.Parent.Born = d.Int()
		return n
	}
	n.Root = new(Root)
	n.Root.decode(d)
	return n
}

func (r *Root) encode(e *wire.Encoder) {
	e.Strings(r.Members)
	r.encodeReserved(e)
	encodeEdges(e, r.Linking)
	encodeEdges(e, r.Refused)
	e.Bool(r.Proposing)
	if r.Proposing {
		r.Proposal.encode(e)
	}
	e.Uint(uint64(len(r.Wants)))
	for i := range r.Wants {
		r.Wants[i].encode(e)
	}
	e.Uint(uint64(len(r.Deferred)))
	for i := range r.Deferred {
		r.Deferred[i].encode(e)
	}
}

func (r *Root) decode(d *wire.Decoder) {
	r.Members = d.Strings()
	r.Reserved = decodeReserved(d)
	r.Linking, r.Refused = decodeEdges(d), decodeEdges(d)
	if r.Proposing = d.Bool(); r.Proposing {
		r.Proposal.decode(d)
	}
	if n := d.Count(); n > 0 {
		r.Wants = make([]Want, n)
		for i := range r.Wants {
			r.Wants[i].decode(d)
		}
	}
	if n := d.Count(); n > 0 {
		r.Deferred = make([]Proposal, n)
		for i := range r.Deferred {
			r.Deferred[i].decode(d)
		}
	}
}

// encodeMoving appends what an Absorb carries of identity: what waits goes as messages of its own.
func (r *Root) encodeMoving(e *wire.Encoder) {
	e.Strings(r.Members)
	r.encodeReserved(e)
	encodeEdges(e, r.Refused)
}

func (r *Root) decodeMoving(d *wire.Decoder) {
	r.Members, r.Reserved, r.Refused = d.Strings(), decodeReserved(d), decodeEdges(d)
}

func (r *Root) encodeReserved(e *wire.Encoder) {
	e.Uint(uint64(len(r.Reserved)))
	for _, x := range r.Reserved {
		e.String(x.Child)
		encodeCounts(e, x.Counts)
	}
}

func decodeReserved(d *wire.Decoder) []Reservation {
	n := d.Count()
	if n == 0 {
		return nil
	}
	list := make([]Reservation, n)
	for i := range list {
		list[i] = Reservation{d.String(), decodeCounts(d)}
	}
	return list
}

func (w *Want) encode(e *wire.Encoder) {
	e.String(w.Parent.ID)
	e.Int(w.Parent.Born)
	encodeEdge(e, w.Edge)
	e.String(w.Other)
	e.String(w.Cause)
}

func (w *Want) decode(d *wire.Decoder) {
	w.Parent = wire.Node{ID: d.String(), Born: d.Int()}
	w.Edge = decodeEdge(d)
	w.Other, w.Cause = d.String(), d.String()
}

func (p *Proposal) encode(e *wire.Encoder) {
	e.String(p.Child.ID)
	e.Int(p.Child.Born)
	encodeCounts(e, p.Counts)
	encodeEdge(e, p.Edge)
	e.String(p.Other)
	e.String(p.Cause)
}

func (p *Proposal) decode(d *wire.Decoder) {
	p.Child = wire.Node{ID: d.String(), Born: d.Int()}
	p.Counts = decodeCounts(d)
	p.Edge = decodeEdge(d)
	p.Other, p.Cause = d.String(), d.String()
}

func encodeEdge(e *wire.Encoder, x Edge) {
	e.String(x.Via)
	e.Bool(x.Weak)
}

func decodeEdge(d *wire.Decoder) Edge { return Edge{d.String(), d.Bool()} }

func encodeEdges(e *wire.Encoder, list []Edge) {
	e.Uint(uint64(len(list)))
	for _, x := range list {
		encodeEdge(e, x)
	}
}

func decodeEdges(d *wire.Decoder) []Edge {
	n := d.Count()
	if n == 0 {
		return nil
	}
	list := make([]Edge, n)
	for i := range list {
		list[i] = decodeEdge(d)
	}
	return list
}

func encodeCounts(e *wire.Encoder, counts []wire.TypeCount) {
	e.Uint(uint64(len(counts)))
	for _, c := range counts {
		e.String(c.Type)
		e.Uint(uint64(c.Count))
	}
}

func decodeCounts(d *wire.Decoder) []wire.TypeCount {
	n := d.Count()
	if n == 0 {
		return nil
	}
	counts := make([]wire.TypeCount, n)
	for i := range counts {
		counts[i] = wire.TypeCount{Type: d.String(), Count: int(d.Uint())}
	}
	return counts
}
