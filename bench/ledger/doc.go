// Package ledger records what the generator sent and says, by rules of its own, what must come out.
//
// Vocabulary. A run is one demo: its number is part of every event id and identifier, so that runs
// that share a data directory do not meet. A person is a number from 0; a slot is one kind of
// identifier that a person may own (first phone, second device, …), and the value in it follows from
// run and person by arithmetic: nothing is stored. An event's sequence number is its place in the plan;
// its planned time is start + seq/rate, whatever happened before (open loop), so a latency can be
// computed from the event id alone.
//
// Truth. A person's events, in the order of their `time`, decide features, funnel and tags
// (rules.go). The rules are those of schemas/catalog/demo.yaml, written a second time in Go on purpose:
// compiling the catalogue here would repeat the mistakes of the compiler. Tags that move with time are
// evaluated at an instant of the caller's; a tag that could flip within a margin of that instant is
// undetermined, because the machine's clock, the watermark, trails the wall.
//
// The owner of a shared tablet is the first of its household; guests send its device_id too, but it is
// not theirs: the protocol refuses that edge (see package generator for why that is unambiguous).
package ledger
