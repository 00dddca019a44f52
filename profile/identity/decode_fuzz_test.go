package identity_test

import (
	"bytes"
	"errors"
	"testing"

	"portrait/profile/identity"
	"portrait/schemas/wire"
)

// FuzzDecodeNode: a stored node is refused as malformed, or it says the same when it is written again.
func FuzzDecodeNode(f *testing.F) {
	edges := []identity.Edge{{Via: "phone:1"}, {Via: "device_id:a", Weak: true}}
	counts := []wire.TypeCount{{Type: "phone", Count: 2}}
	child := identity.Node{Node: wire.Node{ID: "phone:2", Born: 9}, Parent: wire.Node{ID: "phone:1", Born: 3}}
	root := identity.NewNode("phone:1", 3)
	busy := identity.NewNode("phone:1", 3)
	busy.Root.Reserved = []identity.Reservation{{Child: "phone:3", Counts: counts}}
	busy.Root.Linking, busy.Root.Refused = edges, edges[:1]
	busy.Root.Proposing = true
	busy.Root.Proposal = identity.Want{Parent: child.Parent, Edge: edges[0], Other: "o", Cause: "e"}
	busy.Root.Deferred = []identity.Proposal{{Child: child.Node, Counts: counts, Edge: edges[1], Other: "o", Cause: "e"}}
	busy.Root.Wants = []identity.Want{busy.Root.Proposal}
	for _, n := range []*identity.Node{&child, root, busy} {
		var e wire.Encoder
		n.Encode(&e)
		f.Add(e.B)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := wire.NewDecoder(b)
		n := identity.Decode("phone:1", d)
		if err := d.Close(); err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		var first, second wire.Encoder
		n.Encode(&first)
		again := wire.NewDecoder(first.B)
		identity.Decode("phone:1", again).Encode(&second)
		if err := again.Close(); err != nil || !bytes.Equal(first.B, second.B) {
			t.Fatalf("two encodings of one node: %v", err)
		}
	})
}
