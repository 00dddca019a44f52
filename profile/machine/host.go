package machine

import (
	"fmt"

	"portrait/schemas"
	"portrait/schemas/wire"

	"portrait/profile/identity"
)

// host is the machine as identity sees it, at the entry that is being handled.
type host struct {
	m  *Machine
	at *entry
}

// Send implements identity.Host.
func (h *host) Send(msg wire.Message) {
	h.m.send(schemas.PartitionOf(msg.To, h.m.dep.InboxPartitions), msg)
}

// Limit implements identity.Host.
func (h *host) Limit(baseType string) int { return h.m.cat.Limit(baseType) }

// Weak implements identity.Host.
func (h *host) Weak(baseType string) bool { return h.m.weak[baseType] }

// Blocked implements identity.Host.
func (h *host) Blocked(id string) bool { return h.m.cat.Blocked(id) }

// Refused implements identity.Host: the conflict becomes a fact.
func (h *host) Refused(edge identity.Edge, other, cause, reason string) {
	h.m.Counters.Refusals++
	h.edge(edge.Via, other, cause, reason, false)
}

func (h *host) edge(via, other, cause, reason string, accepted bool) {
	h.m.fact(wire.Fact{Kind: wire.FactEdge, Version: h.m.version(), Profile: h.m.profileOf(h.at),
		Edge: &wire.Edge{A: other, B: via, Accepted: accepted, Reason: reason, Cause: cause, At: h.m.meta.decided}})
}

// Surrender implements identity.Host. The old home says goodbye to what it published: each tag that
// was on is left, then one record names the winner, and the document becomes a tombstone. All of it
// leaves before the Absorb, so the winner's changes come later in the log of facts.
func (h *host) Surrender(winner wire.Node, causeID string) []byte {
	m, e := h.m, h.at
	p := e.profile
	m.setDue(e, never)
	m.setDoc(e, 0)
	id := m.profileOf(e)
	why := cause{kind: schemas.CauseMerge, event: causeID, at: m.meta.decided}
	// An address without events is known to consumers too, if it accepted a child that is on its way here:
	// the child has named it as its winner.
	if p.changeVersion != 0 || p.docVersion != 0 || len(e.Root.Reserved) > 0 {
		to := uuidText(m.profileID(winner))
		for len(p.tags) > 0 {
			t := p.tags[0]
			m.change(e, t.name, nil, t.value, "", why, "{}")
		}
		m.publish(e, schemas.TagChange{Change: schemas.Merged, Winner: to}, why, "{}")
		version := m.version()
		m.out.Docs = append(m.out.Docs, Doc{Key: uuidText(id), Version: version})
		m.fact(wire.Fact{Kind: wire.FactProfile, Version: version, Profile: id, Doc: &wire.Doc{
			AsOf: m.meta.decided, FirstSeen: p.firstSeen, LastSeen: p.lastSeen, Deleted: true, Winner: to, Events: p.events}})
	}
	if p.events > 0 {
		p.absorbed = append(p.absorbed, former{id, e.ID})
	}
	var enc wire.Encoder
	p.encode(&enc)
	e.profile = nil
	return enc.B
}

// Absorbed implements identity.Host: features add, the relation of merges is closed, and the winner is
// decided once, as a whole.
func (h *host) Absorbed(msg *wire.Message, text []byte) error {
	m, e := h.m, h.at
	d := wire.NewDecoder(text)
	q := newState(m.cat)
	q.decode(d, m.cat)
	if err := d.Close(); err != nil {
		return fmt.Errorf("absorbed profile of %d bytes: %w", len(text), err)
	}
	m.Counters.Merges++
	q.align(m.cat)
	p := e.profile
	id := m.profileOf(e)
	version := m.version() // one for the whole relation: its rows differ by their losers
	for _, f := range q.absorbed {
		m.fact(wire.Fact{Kind: wire.FactMerge, Version: version, Profile: id, Merge: &wire.Merge{
			Loser: f.profile, Rank: e.Born, At: m.meta.decided, Direct: f.root == msg.From.ID,
			Root: f.root, Via: msg.Via, Cause: msg.Cause}})
	}
	h.edge(msg.Via, msg.Other, msg.Cause, "", true)
	p.merge(q, m.cat, m.dep.DedupeIDs)
	if p.events == 0 {
		return nil // two addresses that no event was counted at yet
	}
	m.evaluate(e, m.cat.allTags, m.watermark(), cause{kind: schemas.CauseMerge, event: msg.Cause, at: m.meta.decided})
	m.document(e)
	m.schedule(e)
	return nil
}
