package identity_test

import (
	"fmt"
	"reflect"
	"testing"

	"portrait/profile/identity"
	"portrait/schemas/wire"
)

// host is a machine that writes down what the protocol says.
type host struct {
	limit   int
	sent    []wire.Message
	refused []string
}

func (h *host) Send(m wire.Message)                { h.sent = append(h.sent, m) }
func (h *host) Limit(string) int                   { return h.limit }
func (h *host) Weak(t string) bool                 { return t == "device_id" }
func (h *host) Blocked(id string) bool             { return id == "phone:blocked" }
func (h *host) Surrender(wire.Node, string) []byte { return []byte("profile") }

func (h *host) Refused(edge identity.Edge, other, _, reason string) {
	h.refused = append(h.refused, fmt.Sprintf("%s-%s %s", other, edge.Via, reason))
}

func (h *host) Absorbed(_ *wire.Message, state []byte) error {
	if string(state) != "profile" {
		return fmt.Errorf("state %q", state)
	}
	return nil
}

func newProtocol(limit, queue int) (*identity.Protocol, *host) {
	h := &host{limit: limit}
	return &identity.Protocol{Host: h, Bounds: identity.Bounds{Queue: queue, Links: 4}}, h
}

// handle applies messages to a node, and returns what was sent.
func handle(t *testing.T, p *identity.Protocol, h *host, n *identity.Node, list ...wire.Message) []wire.Message {
	t.Helper()
	h.sent = nil
	for i := range list {
		if err := p.Handle(n, &list[i]); err != nil {
			t.Fatal(err)
		}
	}
	return h.sent
}

func older(k int) wire.Node { return wire.Node{ID: fmt.Sprintf("phone:old%d", k), Born: int64(k)} }

func link(k int) wire.Message {
	return wire.Message{Kind: wire.MsgLink, To: "phone:u", From: older(k), Via: fmt.Sprintf("phone:v%d", k), Other: "phone:x", Cause: "e"}
}

func proposal(k int) wire.Message {
	return wire.Message{Kind: wire.MsgPropose, To: "phone:u", From: wire.Node{ID: fmt.Sprintf("phone:young%d", k), Born: int64(1000 + k)},
		Counts: []wire.TypeCount{{Type: "phone", Count: 1}}, Via: fmt.Sprintf("phone:w%d", k), Other: "phone:u", Cause: "e"}
}

func kinds(list []wire.Message) map[wire.MessageKind]int {
	by := map[wire.MessageKind]int{}
	for i := range list {
		by[list[i].Kind]++
	}
	return by
}

// TestQueuesAreBounded freezes a root and sees what more than its queue holds be sent away, and the rest answered
// or passed on when its own proposal ends.
func TestQueuesAreBounded(t *testing.T) {
	const queue = 3
	frozen := func() (*identity.Protocol, *host, *identity.Node) {
		p, h := newProtocol(99, queue)
		n := identity.NewNode("phone:u", 500)
		if got := kinds(handle(t, p, h, n, link(1))); got[wire.MsgPropose] != 1 || !n.Root.Proposing {
			t.Fatalf("messages %v: want a proposal", got)
		}
		if got := kinds(handle(t, p, h, n, link(2), link(3), link(4), link(5))); len(n.Root.Wants) != queue || got[wire.MsgForget] != 1 || len(got) != 1 {
			t.Fatalf("%d wants, messages %v: want one to be forgotten", len(n.Root.Wants), got)
		}
		if got := kinds(handle(t, p, h, n, proposal(1), proposal(2), proposal(3), proposal(4), proposal(5))); len(n.Root.Deferred) != queue || got[wire.MsgLater] != 2 || len(got) != 1 {
			t.Fatalf("%d proposals wait, messages %v: want two to come later", len(n.Root.Deferred), got)
		}
		return p, h, n
	}
	t.Run("accepted", func(t *testing.T) {
		p, h, n := frozen()
		sent := handle(t, p, h, n, wire.Message{Kind: wire.MsgAccept, To: "phone:u", From: older(1)})
		if sent[0].Kind != wire.MsgAbsorb {
			t.Errorf("the first message is of kind %d: Absorb must go before what waited", sent[0].Kind)
		}
		if got := kinds(sent); got[wire.MsgAbsorb] != 1 || got[wire.MsgLink] != queue || got[wire.MsgPropose] != queue || n.Root != nil || n.Parent != older(1) {
			t.Errorf("messages %v, parent %v", got, n.Parent)
		}
		for _, m := range sent {
			if m.To != older(1).ID {
				t.Errorf("a message of kind %d goes to %s, not to the parent", m.Kind, m.To)
			}
		}
	})
	for name, kind := range map[string]wire.MessageKind{"refused": wire.MsgRefuse, "later": wire.MsgLater} {
		t.Run(name, func(t *testing.T) {
			p, h, n := frozen()
			got := kinds(handle(t, p, h, n, wire.Message{Kind: kind, To: "phone:u", Via: "phone:v1"}))
			if got[wire.MsgAccept] != queue || got[wire.MsgPropose] != 1 || len(n.Root.Deferred) != 0 || len(n.Root.Wants) != queue-1 || len(n.Root.Reserved) != queue {
				t.Errorf("messages %v, %d waiting, %d wants, %d reserved", got, len(n.Root.Deferred), len(n.Root.Wants), len(n.Root.Reserved))
			}
			if remembered := len(n.Root.Refused) == 1; remembered != (kind == wire.MsgRefuse) {
				t.Errorf("refusals %v", n.Root.Refused)
			}
		})
	}
}

// TestReservationsCount fills a profile by reservations only: what is on its way has its place.
func TestReservationsCount(t *testing.T) {
	p, h := newProtocol(3, 64)
	n := identity.NewNode("phone:u", 500)
	got := kinds(handle(t, p, h, n, proposal(1), proposal(2), proposal(3)))
	if got[wire.MsgAccept] != 2 || got[wire.MsgRefuse] != 1 || len(h.refused) != 1 || h.refused[0] != "phone:u-phone:w3 limit" {
		t.Errorf("messages %v, refused %v: want the third to be one too many", got, h.refused)
	}
}

// TestLinksAreBounded sees the newest links and refusals remembered, not all.
func TestLinksAreBounded(t *testing.T) {
	p, h := newProtocol(99, 64)
	n := identity.NewNode("phone:u", 500)
	ids := []string{"phone:u", "phone:1", "phone:2", "phone:3", "phone:4", "phone:5", "phone:blocked"}
	p.Event(n, ids, 0, "e")
	if len(h.sent) != 5 || len(n.Root.Linking) != 4 || n.Root.Linking[0].Via != "phone:2" || len(n.Root.Refused) != 1 {
		t.Errorf("%d links sent, %v remembered, %v refused", len(h.sent), n.Root.Linking, n.Root.Refused)
	}
	h.sent = nil
	p.Event(n, ids[2:], 0, "e2")
	if len(h.sent) != 0 {
		t.Errorf("%d links sent again", len(h.sent))
	}
}

// TestEncode sees that every part of a node survives its encoding.
func TestEncode(t *testing.T) {
	edge := identity.Edge{Via: "phone:v", Weak: true}
	want := identity.Want{Parent: older(7), Edge: edge, Other: "o", Cause: "c"}
	counts := []wire.TypeCount{{Type: "device_id", Count: 3}, {Type: "phone", Count: 2}}
	nodes := map[string]*identity.Node{
		"new":   identity.NewNode("phone:u", -5),
		"child": {Node: wire.Node{ID: "phone:u", Born: 1 << 60}, Parent: older(3)},
		"root": {Node: wire.Node{ID: "phone:u", Born: 9}, Root: &identity.Root{Members: []string{"device_id:1", "phone:u"},
			Reserved: []identity.Reservation{{Child: "phone:y", Counts: counts}}, Linking: []identity.Edge{edge}, Refused: []identity.Edge{{Via: "x"}, edge},
			Proposing: true, Proposal: want, Wants: []identity.Want{want, want},
			Deferred: []identity.Proposal{{Child: older(8), Counts: counts, Edge: edge, Other: "o", Cause: "c"}}}},
	}
	for name, n := range nodes {
		t.Run(name, func(t *testing.T) {
			var e wire.Encoder
			n.Encode(&e)
			for cut := range e.B {
				d := wire.NewDecoder(e.B[:cut])
				if identity.Decode(n.ID, d); d.Close() == nil {
					t.Fatalf("the first %d of %d bytes decode", cut, len(e.B))
				}
			}
			d := wire.NewDecoder(e.B)
			if got := identity.Decode(n.ID, d); d.Close() != nil || !reflect.DeepEqual(got, n) {
				t.Errorf("got %+v, %v; want %+v", got, d.Err(), n)
			}
		})
	}
}

// TestHandleRefuses has what is not of the protocol.
func TestHandleRefuses(t *testing.T) {
	p, _ := newProtocol(9, 9)
	if err := p.Handle(identity.NewNode("phone:u", 5), &wire.Message{Kind: wire.MsgForward}); err == nil {
		t.Error("a forward was handled")
	}
	if err := p.Handle(identity.NewNode("phone:u", 5), &wire.Message{Kind: wire.MsgAbsorb, State: []byte{9}}); err == nil {
		t.Error("an absorb that does not decode was handled")
	}
}
