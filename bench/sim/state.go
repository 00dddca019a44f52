package sim

import (
	"encoding/binary"

	"portrait/profile"
	"portrait/profile/identity"
	"portrait/schemas/wire"
)

// Keys of a machine's state begin with its kind: a node of identity, or a timer.
const (
	nodeKey  = 'n'
	timerKey = 't'
)

// decodeNode reads an entry of the state as far as identity goes.
func decodeNode(key string, value []byte) *identity.Node {
	d := wire.NewDecoder(value)
	d.Byte() // encoding version
	n := identity.Decode(key[1:], d)
	if d.Err() != nil {
		return nil
	}
	return n
}

// checkChanges checks what must hold of every checkpoint, whenever it is made: no cycle, limits, and
// bounds of what a node remembers.
func (w *World) checkChanges(q int, c *profile.Checkpoint) {
	for _, ch := range c.Changes {
		if ch.Key[0] != nodeKey || ch.Value == nil {
			continue
		}
		n := decodeNode(string(ch.Key), ch.Value)
		if n == nil {
			w.fault("inbox %d: the state of %q does not decode", q, ch.Key[1:])
			continue
		}
		w.checkNode(n)
	}
}

func (w *World) checkNode(n *identity.Node) {
	if n.Root == nil {
		if !n.Parent.Less(n.Node) { // a pointer always goes to a smaller rank: there are no cycles
			w.fault("%s points to %s, which is younger", n.ID, n.Parent.ID)
		}
		return
	}
	r := n.Root
	if limits := w.limits(); !w.unruled() {
		for _, c := range r.Counts() {
			if c.Count > limits[c.Type] {
				w.fault("profile at %s has %d identifiers of type %s with those reserved, at most %d", n.ID, c.Count, c.Type, limits[c.Type])
			}
		}
	}
	if len(r.Wants) > w.QueueLimit || len(r.Deferred) > w.QueueLimit || len(r.Linking) > w.Links || len(r.Refused) > w.Links {
		w.fault("profile at %s: %d wants and %d proposals wait, at most %d; %d links and %d refusals, at most %d", n.ID,
			len(r.Wants), len(r.Deferred), w.QueueLimit, len(r.Linking), len(r.Refused), w.Links)
	}
	if !r.Proposing && len(r.Wants)+len(r.Deferred) > 0 {
		w.fault("profile at %s: %d wants and %d proposals wait for nothing", n.ID, len(r.Wants), len(r.Deferred))
	}
}

// checkRest checks that nothing is under way at rest, and no timer is due.
func (w *World) checkRest(refs []*reference) {
	for q, r := range refs {
		if r.watermark != w.now() {
			w.fault("inbox %d: the watermark stands at %d at rest, the clock at %d", q, r.watermark-start, w.now()-start)
		}
		for key, value := range r.end.data {
			switch key[0] {
			case nodeKey:
				n := decodeNode(key, value)
				if n == nil {
					w.fault("inbox %d: the state of %q does not decode", q, key[1:])
					continue
				}
				w.checkNode(n)
				if n.Root != nil && !n.Root.Idle() {
					w.fault("profile at %s is not idle at rest: proposing %v, %d wants, %d deferred, reserved %v", n.ID, n.Root.Proposing, len(n.Root.Wants), len(n.Root.Deferred), n.Root.Reserved)
				}
			case timerKey:
				if due := int64(binary.BigEndian.Uint64([]byte(key[1:9])) ^ 1<<63); due <= r.watermark {
					w.fault("inbox %d: the timer of %s was due at %d, and is there at %d", q, key[9:], due-start, r.watermark-start)
				}
			}
		}
	}
}

func (w *World) limits() map[string]int {
	limits := map[string]int{"phone": 20, "device_id": 20, "anonymous_id": 20}
	if w.MaxPhones > 0 {
		limits["phone"] = w.MaxPhones
	}
	if w.MaxDevices > 0 {
		limits["device_id"] = w.MaxDevices
	}
	return limits
}
