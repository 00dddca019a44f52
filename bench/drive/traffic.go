package drive

import (
	"time"

	"portrait/bench"
	"portrait/bench/traffic"
)

// Traffic is what is sent, numbered: a plan that is computed, or a sample that somebody recorded. It is immutable; more of it
// is another.
type Traffic interface {
	First() int64                            // number of the first event; below 0: preloaded ones
	At(n int64) time.Time                    // planned instant of event n
	Seq(eventID []byte) (n int64, ours bool) // the event whose id this is
	EventPrefix() string                     // begins the ids of all events of this run and of no other
	// Then goes on from event first with a stretch without an end.
	Then(first int64, s traffic.Stretch) (Traffic, error)
	// Writer writes events: one per goroutine.
	Writer() Writer
}

// Writer renders events.
type Writer interface {
	// Append appends the JSON of event n to b, and returns the key of its record, which is valid until the next call.
	Append(b []byte, n int64) (out, key []byte)
}

// Witness is what a consumer of the public topics has seen of a run.
type Witness interface {
	Change(value []byte) error                               // the next record of a partition of portrait.tags
	Document(key, value []byte, version uint64) error        // the next of one of portrait.profiles; a nil value is a tombstone
	Counted() int64                                          // events of this run that have come out
	Verify(t Traffic, sent, now int64) []bench.Check         // against events [First, sent)
	Rows(t Traffic, sent int64, rows [][]string) bench.Check // ClickHouse's events, counted by their first identifier
}

// Load is traffic, and who can tell what must come of it.
type Load struct {
	Traffic Traffic
	Witness Witness
}
