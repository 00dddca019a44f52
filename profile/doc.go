// Package profile is the deterministic side of Portrait: identity, features, tags and the machine
// that runs them over one inbox partition. Nothing below it sees Kafka, the clock, a random source or
// a goroutine; only profile/store does I/O.
//
// The package itself holds the two types that the machine and the store exchange.
package profile

// Change is one key of a partition's state: a value to set, or a deletion if Value is nil.
type Change struct {
	Key   []byte
	Value []byte
}

// Checkpoint is all that changed between two positions of a partition's log, serialised on the
// machine's thread. It may be committed only when every output caused before Position is acknowledged:
// then a crash repeats transitions, and never loses one.
type Checkpoint struct {
	Position int64    // offset of the first inbox record whose effect is not contained
	Meta     []byte   // marks, counters, clocks and the active catalogue, replaced as a whole
	Changes  []Change // each key at most once, in ascending order
}
