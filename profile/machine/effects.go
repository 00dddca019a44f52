package machine

import (
	"portrait/schemas/wire"
)

// Effects are what one or several inbox records cause, in order. A caller collects those of a batch
// and must produce all of them before it commits a checkpoint behind it.
type Effects struct {
	Messages [][]wire.Message // per inbox partition, in channel order
	FirstSeq []uint64         // per inbox partition: number of Messages[q][0]
	Facts    []wire.Fact
	FactsSeq uint64 // number of Facts[0], or the next number if there are none
	Markers  int    // facts records without facts that should follow, so that the sink's tail never waits
	Tags     []Change
	Docs     []Doc
	Dead     []Dead
	Catalog  int64 // version active when the last record was applied

	memory wire.Memory // of the records that caused them
}

// Change is one record of portrait.tags.
type Change struct {
	Key       string // the profile's UUID as text
	Value     []byte // JSON, schemas.TagChange
	Tag, Kind string // headers
	Kafka     int64  // ms: Kafka timestamp of the causing event, for latency; 0 if no event caused it
}

// Doc is one record of portrait.profiles; a nil Value is a tombstone.
type Doc struct {
	Key     string
	Value   []byte
	Version uint64
}

// Dead is an event that no identifier is left for, because the catalogue blocks them all.
type Dead struct {
	Event  *wire.Event
	Reason string
}

// NewEffects returns effects for a machine among n.
func NewEffects(n int) *Effects {
	return &Effects{Messages: make([][]wire.Message, n), FirstSeq: make([]uint64, n)}
}

// Empty reports whether there is nothing to produce.
func (f *Effects) Empty() bool {
	for _, m := range f.Messages {
		if len(m) > 0 {
			return false
		}
	}
	return len(f.Facts)+len(f.Tags)+len(f.Docs)+len(f.Dead)+f.Markers == 0
}

// Mark is a place in effects to go back to.
type Mark struct {
	messages                         []int
	facts, tags, docs, dead, markers int
}

// Mark notes in m where f ends now.
func (f *Effects) Mark(m *Mark) {
	m.messages = m.messages[:0]
	for _, list := range f.Messages {
		m.messages = append(m.messages, len(list))
	}
	m.facts, m.tags, m.docs, m.dead, m.markers = len(f.Facts), len(f.Tags), len(f.Docs), len(f.Dead), f.Markers
}

// Rewind drops what was appended since m: the part of a record whose Apply failed.
func (f *Effects) Rewind(m *Mark) {
	for q, n := range m.messages {
		f.Messages[q] = f.Messages[q][:n]
	}
	f.Facts, f.Tags, f.Docs, f.Dead, f.Markers = f.Facts[:m.facts], f.Tags[:m.tags], f.Docs[:m.docs], f.Dead[:m.dead], m.markers
}

// Reset empties f for the next batch. What was in it must not be referred to any more.
func (f *Effects) Reset() {
	for q := range f.Messages {
		clear(f.Messages[q])
		f.Messages[q] = f.Messages[q][:0]
	}
	clear(f.Facts)
	clear(f.Tags)
	clear(f.Docs)
	clear(f.Dead)
	f.Facts, f.Tags, f.Docs, f.Dead = f.Facts[:0], f.Tags[:0], f.Docs[:0], f.Dead[:0]
	f.Markers = 0
	f.memory.Reset()
}

// Counters are what a machine has done since it was opened; for metrics only, never in an effect.
type Counters struct {
	Records, Foreign             int64 // inbox records; of them with another deployment's hash
	Events, Duplicates, Repeats  int64 // counted; repeats at the source; items at or below a mark
	Forwards, Merges, Timers     int64
	TagErrors, ColdReads, Swept  int64
	Refusals, Blocked, Documents int64
	Skipped                      int64 // records, items, timers and gaps that an operator passed over
}
