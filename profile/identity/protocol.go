package identity

import (
	"fmt"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// Host is the machine as the protocol sees it. Its methods are called on the machine's thread while a
// message is handled, in the order in which effects must leave.
type Host interface {
	// Send appends a message to the channel of the partition that owns m.To.
	Send(m wire.Message)
	// Limit is the most identifiers of a base type that a profile may hold.
	Limit(baseType string) int
	// Weak reports whether edges through the base type are weak.
	Weak(baseType string) bool
	// Blocked reports whether an identifier may neither anchor nor link.
	Blocked(id string) bool
	// Refused records an edge that must not join profiles, and why: limit, weak or blocked.
	Refused(edge Edge, other, cause, reason string)
	// Surrender takes the profile out of the node, which is about to become a child of winner, and
	// returns its state for the Absorb. What it publishes leaves before the Absorb.
	Surrender(winner wire.Node, cause string) []byte
	// Absorbed adds a profile state that arrived at a root; its identifiers are members by now.
	Absorbed(m *wire.Message, state []byte) error
}

// Bounds are the sizes that the deployment record fixes.
type Bounds struct {
	Queue int // wants, and proposals, that wait at a node
	Links int // newest links, and refusals, that a profile remembers
}

// Protocol handles the messages of identity for the nodes of one partition.
type Protocol struct {
	Host   Host
	Bounds Bounds
}

// Event looks at the edges of an event that was counted at root n: whatever of its identifiers is
// neither a member, nor linking, nor refused here is asked to link.
func (p *Protocol) Event(n *Node, ids []string, anchor int, cause string) {
	r := n.Root
	weakAnchor := p.Host.Weak(schemas.BaseType(ids[anchor]))
	for _, y := range ids {
		edge := Edge{y, weakAnchor || p.Host.Weak(schemas.BaseType(y))}
		if r.Has(y) || contains(r.Linking, edge) || contains(r.Refused, edge) {
			continue
		}
		if p.Host.Blocked(y) {
			r.Refused = remember(r.Refused, edge, p.Bounds.Links)
			p.Host.Refused(edge, ids[anchor], cause, "blocked")
			continue
		}
		r.Linking = remember(r.Linking, edge, p.Bounds.Links)
		p.Host.Send(wire.Message{Kind: wire.MsgLink, To: y, From: n.Node,
			Via: y, Weak: edge.Weak, Other: ids[anchor], Cause: cause})
	}
}

// Handle applies one message to the node it is addressed to. It fails only on a kind that is not
// identity's, or on an Absorb that does not decode.
func (p *Protocol) Handle(n *Node, m *wire.Message) error {
	edge := Edge{m.Via, m.Weak}
	switch m.Kind {
	case wire.MsgCompress:
		if n.Root == nil && m.From.Less(n.Parent) {
			n.Parent = keep(m.From)
		}
	case wire.MsgLink:
		p.link(n, m)
	case wire.MsgPropose:
		p.propose(n, Proposal{m.From, m.Counts, edge, m.Other, m.Cause})
	case wire.MsgAccept:
		p.accept(n, m.From, m.Cause)
	case wire.MsgRefuse:
		if n.Root != nil {
			n.Root.Refused = remember(n.Root.Refused, edge, p.Bounds.Links)
			n.Root.Linking = forget(n.Root.Linking, edge)
			p.thaw(n)
		}
	case wire.MsgLater:
		if n.Root != nil {
			n.Root.Linking = forget(n.Root.Linking, edge)
			p.thaw(n)
		}
	case wire.MsgForget:
		if n.Root != nil {
			n.Root.Linking = forget(n.Root.Linking, edge)
		}
	case wire.MsgAbsorb:
		return p.absorb(n, m)
	default:
		return fmt.Errorf("identity: message kind %d is not of the protocol", m.Kind)
	}
	return nil
}

// link says that n's profile and m.From's belong together; the younger will attach to the older.
func (p *Protocol) link(n *Node, m *wire.Message) {
	switch {
	case m.Via == n.ID && p.Host.Blocked(n.ID):
		// Blocked after the asker sent it: an address may not link any more.
		p.Host.Refused(Edge{m.Via, m.Weak}, m.Other, m.Cause, "blocked")
		p.reply(m.From.ID, wire.MsgForget, Edge{m.Via, m.Weak})
	case n.Root == nil:
		pass := *m
		pass.To = n.Parent.ID
		p.Host.Send(pass)
	case m.From.ID == n.ID:
		n.Root.Linking = forget(n.Root.Linking, Edge{m.Via, m.Weak})
	case m.From.Less(n.Node):
		p.want(n, Want{m.From, Edge{m.Via, m.Weak}, m.Other, m.Cause})
	default:
		pass := *m
		pass.To, pass.From = m.From.ID, n.Node
		p.Host.Send(pass)
	}
}

// want proposes n to an older root, one proposal at a time.
func (p *Protocol) want(n *Node, w Want) {
	r := n.Root
	switch {
	case r.Proposing && p.Bounds.fits(len(r.Wants), wantBytes(r.Wants)):
		r.Wants = append(r.Wants, w.keep())
	case r.Proposing:
		r.Linking = forget(r.Linking, w.Edge)
		p.reply(w.Parent.ID, wire.MsgForget, w.Edge)
	default:
		r.Proposing, r.Proposal = true, w.keep()
		p.Host.Send(wire.Message{Kind: wire.MsgPropose, To: w.Parent.ID, From: n.Node,
			Counts: r.Counts(), Via: w.Via, Weak: w.Weak, Other: w.Other, Cause: w.Cause})
	}
}

// propose answers a root that wants to become n's child.
func (p *Protocol) propose(n *Node, q Proposal) {
	r := n.Root
	switch {
	case r == nil:
		p.forwardProposal(n.Parent.ID, q)
	case r.Proposing: // frozen: the counts it proposed with must stay true until the answer
		if p.Bounds.fits(len(r.Deferred), proposalBytes(r.Deferred)) {
			r.Deferred = append(r.Deferred, q.keep())
			return
		}
		r.Linking = forget(r.Linking, q.Edge)
		p.reply(q.Child.ID, wire.MsgLater, q.Edge)
	default:
		if reason := p.misfit(r, q); reason != "" {
			r.Refused = remember(r.Refused, q.Edge, p.Bounds.Links)
			r.Linking = forget(r.Linking, q.Edge)
			p.Host.Refused(q.Edge, q.Other, q.Cause, reason)
			p.reply(q.Child.ID, wire.MsgRefuse, q.Edge)
			return
		}
		r.reserve(q.Child.ID, q.Counts)
		p.Host.Send(wire.Message{Kind: wire.MsgAccept, To: q.Child.ID, ToBorn: q.Child.Born,
			From: n.Node, Via: q.Via, Weak: q.Weak, Other: q.Other, Cause: q.Cause})
	}
}

// misfit says why a profile may not join r: "weak", "limit", or "" if it fits.
func (p *Protocol) misfit(r *Root, q Proposal) string {
	mine := r.Counts()
	if q.Weak && p.strong(mine) && p.strong(q.Counts) {
		return "weak"
	}
	// Only types that the join adds to: a profile above a limit that was lowered may still get others.
	for _, c := range q.Counts {
		if c.Count > 0 && countOf(mine, c.Type)+c.Count > p.Host.Limit(c.Type) {
			return "limit"
		}
	}
	return ""
}

func (p *Protocol) strong(counts []wire.TypeCount) bool {
	for _, c := range counts {
		if c.Count > 0 && !p.Host.Weak(c.Type) {
			return true
		}
	}
	return false
}

// accept makes n a child: its profile leaves for the parent, and what waited here follows it there.
func (p *Protocol) accept(n *Node, parent wire.Node, cause string) {
	r := n.Root
	if r == nil {
		return // only a root proposes, once at a time: a second answer has no addressee
	}
	via := r.Proposal
	state := p.Host.Surrender(parent, cause)
	n.Root, n.Parent = nil, keep(parent)
	var e wire.Encoder
	r.encodeMoving(&e)
	e.Bytes(state)
	p.Host.Send(wire.Message{Kind: wire.MsgAbsorb, To: parent.ID, ToBorn: parent.Born, From: n.Node,
		Via: via.Via, Weak: via.Weak, Other: via.Other, Cause: via.Cause, State: e.B})
	for _, w := range r.Wants {
		p.Host.Send(wire.Message{Kind: wire.MsgLink, To: parent.ID, From: w.Parent,
			Via: w.Via, Weak: w.Weak, Other: w.Other, Cause: w.Cause})
	}
	for _, q := range r.Deferred {
		p.forwardProposal(parent.ID, q)
	}
}

// thaw ends n's own proposal and answers what waited for it.
func (p *Protocol) thaw(n *Node) {
	r := n.Root
	r.Proposing, r.Proposal = false, Want{}
	deferred := r.Deferred
	r.Deferred = nil
	for _, q := range deferred {
		p.propose(n, q)
	}
	if len(r.Wants) > 0 {
		next := r.Wants[0]
		r.Wants = append([]Want(nil), r.Wants[1:]...)
		p.want(n, next)
	}
}

// absorb adds a child's profile to the root, or passes it on if n is no root any more.
func (p *Protocol) absorb(n *Node, m *wire.Message) error {
	if n.Root == nil {
		pass := *m
		pass.To, pass.ToBorn = n.Parent.ID, n.Parent.Born
		p.Host.Send(pass)
		return nil
	}
	d := wire.NewDecoder(m.State)
	var moving Root
	moving.decodeMoving(d)
	state := d.Bytes()
	if err := d.Close(); err != nil {
		return fmt.Errorf("identity: absorb of %d bytes: %w", len(m.State), err)
	}
	r := n.Root
	r.release(m.From.ID)
	r.Members = addMembers(r.Members, moving.Members)
	for _, x := range moving.Reserved {
		// The child's Absorb may have been here already, by a path that Compress made shorter: reserving
		// then would hold its places for ever.
		if !r.Has(x.Child) {
			r.reserve(x.Child, x.Counts)
		}
	}
	for _, e := range moving.Refused {
		r.Refused = remember(r.Refused, e, p.Bounds.Links)
	}
	kept := r.Linking[:0]
	for _, e := range r.Linking {
		if !r.Has(e.Via) {
			kept = append(kept, e)
		}
	}
	r.Linking = kept
	return p.Host.Absorbed(m, state)
}

func (p *Protocol) forwardProposal(to string, q Proposal) {
	p.Host.Send(wire.Message{Kind: wire.MsgPropose, To: to, From: q.Child, Counts: q.Counts,
		Via: q.Via, Weak: q.Weak, Other: q.Other, Cause: q.Cause})
}

func (p *Protocol) reply(to string, kind wire.MessageKind, e Edge) {
	p.Host.Send(wire.Message{Kind: kind, To: to, Via: e.Via, Weak: e.Weak})
}

func contains(list []Edge, e Edge) bool {
	for i := range list {
		if list[i] == e {
			return true
		}
	}
	return false
}
