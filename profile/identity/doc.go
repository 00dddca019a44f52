// Package identity is the streaming union-find that stitches identifiers into profiles by messages
// (DESIGN.md section 3). It decides; it keeps no log, no state and no clock: a Host carries what it
// says, and the machine stores the nodes.
//
// Vocabulary. Every identifier is a Node, owned by the partition its text hashes to. A node is a root,
// where a profile lives, or it points to a parent of smaller rank; ranks order by (birth, text), so
// pointers have no cycles and the older profile wins. An edge says that two identifiers were seen in
// one event; Via is the end that is not the event's anchor.
//
// Invariants, each with a test that removes the guard and sees the suite fail:
//
//   - Freezing. While a root's own proposal is in flight, proposals to it wait: what it said of its
//     counts must stay true until the answer. Waiting goes strictly to smaller ranks: no deadlock.
//   - Reservation. A root that accepts counts the child's identifiers at once, before its Absorb comes.
//   - Absorb is passed on. Its root may have become a child while it was on its way.
//   - What waits is bounded: beyond the queue's limit the answer is Later, both sides forget the edge,
//     and the next event with it tries again.
//
// Channels between two partitions are first-in first-out; nothing else is assumed of their order.
package identity
