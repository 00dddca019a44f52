// Package machine is Portrait's core: one inbox partition as a deterministic function of its log.
//
// Apply takes the records of the inbox in order and returns Effects: messages to other machines, tag
// changes, profile documents and facts, all numbered. Cut serialises what changed since the last cut
// as a profile.Checkpoint. The machine sees no clock, no random source, no batch boundary and no
// configuration that did not come through the log; a View gives it cold state, and how much of it is
// in memory never shows in an effect.
//
// Why no output is lost, and none is doubled: the caller commits a checkpoint only when all effects
// before its position are acknowledged, so after a crash the machine applies the rest of the log again
// and says the same things under the same numbers (Seq of a channel, Version of a change); every
// receiver keeps the highest number it has seen and drops what is not above.
//
// Time is the watermark: the smallest stamp over all machines, each of which tells the smallest over
// all events partitions it has heard of, behind its forwards. Timers fire when due at or before it,
// and are evaluated at their due time, so the grain of ticks does not show.
//
// A Stop is where a log cannot be applied as it is. An operator's answer, a skip, is a record of the same
// log: the machine is opened again with it, and every replay passes over the same place.
//
// Vocabulary. An entry is a node of identity with, at a root, its profile. A mark is the highest number
// seen of one source. A stamp is a promise that nothing older will come from one events partition.
package machine
