// Package pipeline runs routers and machines on Kafka. Its steps (router.Router, Partition) have no
// goroutine, clock or I/O; the drivers here give them both: fetch, apply, produce, checkpoint.
//
// Vocabulary. A node is one process. A driver owns one partition of events or of the inbox while the
// consumer group assigns it. The coordinator writes the deployment record and brings catalogues to
// the machines in two rounds. A ticket stands for the outputs between two cuts. A fleet is the machines of
// a node across generations of the group. The keeper makes and restores snapshots (pipeline/snapshot). A
// barrier is the record of an inbox at which another version of the logic takes over (barrier.go).
//
// Invariants.
//   - Outputs of one driver reach an output partition in order, one request in flight, repeated
//     unchanged until acknowledged.
//   - Checkpoint position ≤ acknowledged outputs, and the router's committed offset ≤ acknowledged
//     items: what a crash leaves is said again under the same numbers, never lost.
//   - Reading the inbox starts at the machine's own position, never at the group's offset.
//   - What waits is bounded: producers' queues, uncut entries, outputs not acknowledged.
//   - A partition goes on from a state that is complete: the newest checkpoint here, or verified snapshots,
//     whichever leads further. What the inbox does not have any more is an error, never a skip.
//   - Two owners at a time are harmless but for compacted topics: a node without word from its coordinator
//     for a session says nothing there, and what was said around a change of owner is said again.
package pipeline
