package identity_test

import (
	"testing"

	"portrait/profile/identity"
	"portrait/schemas/wire"
)

// TestLateReservation is an interleaving that Compress makes possible: p holds a reservation of n and
// becomes a child; its Absorb is slow, while that of n reaches the root first by a shorter path. What
// p's Absorb says of n is then over, and must not be reserved for ever.
func TestLateReservation(t *testing.T) {
	p, h := newProtocol(9, 64)
	child := identity.NewNode("phone:p", 20)
	sent := handle(t, p, h, child,
		wire.Message{Kind: wire.MsgPropose, To: "phone:p", From: wire.Node{ID: "phone:n", Born: 30}, Via: "phone:n",
			Counts: []wire.TypeCount{{Type: "phone", Count: 1}}}, // accepted: n is reserved at p
		wire.Message{Kind: wire.MsgLink, To: "phone:p", From: wire.Node{ID: "phone:r", Born: 10}, Via: "phone:p"},
		wire.Message{Kind: wire.MsgAccept, To: "phone:p", From: wire.Node{ID: "phone:r", Born: 10}})
	absorbP := sent[len(sent)-1]
	if absorbP.Kind != wire.MsgAbsorb {
		t.Fatalf("last message is of kind %d, want an Absorb", absorbP.Kind)
	}
	grandchild := identity.NewNode("phone:n", 30)
	sent = handle(t, p, h, grandchild,
		wire.Message{Kind: wire.MsgLink, To: "phone:n", From: wire.Node{ID: "phone:p", Born: 20}, Via: "phone:n"},
		wire.Message{Kind: wire.MsgAccept, To: "phone:n", From: wire.Node{ID: "phone:p", Born: 20}})
	absorbN := sent[len(sent)-1]

	for name, order := range map[string][]wire.Message{"overtaken": {absorbN, absorbP}, "in order": {absorbP, absorbN}} {
		root := identity.NewNode("phone:r", 10)
		handle(t, p, h, root, order...)
		if !root.Root.Idle() {
			t.Errorf("%s: reservations %v are left at rest", name, root.Root.Reserved)
		}
		if len(root.Root.Members) != 3 {
			t.Errorf("%s: members %v, want three", name, root.Root.Members)
		}
	}
}

// TestLoweredLimit joins an identifier of another type to a profile that is above a limit since the
// catalogue lowered it.
func TestLoweredLimit(t *testing.T) {
	p, h := newProtocol(1, 64)
	root := identity.NewNode("phone:a", 1)
	root.Root.Members = []string{"phone:a", "phone:b"}
	for _, c := range []struct {
		typ  string
		want wire.MessageKind
	}{{"openid", wire.MsgAccept}, {"phone", wire.MsgRefuse}} {
		sent := handle(t, p, h, root, wire.Message{Kind: wire.MsgPropose, To: "phone:a", From: wire.Node{ID: c.typ + ":x", Born: 9},
			Via: c.typ + ":x", Counts: []wire.TypeCount{{Type: c.typ, Count: 1}}})
		if len(sent) != 1 || sent[0].Kind != c.want {
			t.Errorf("%s: answers %v, want kind %d", c.typ, sent, c.want)
		}
	}
}
