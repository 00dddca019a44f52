package pipeline

import (
	"maps"
	"sync"

	"portrait/pipeline/histogram"
)

// stages times the work of this process and counts its product; all drivers share it, because what
// matters per partition is in their statuses.
type stages struct {
	route, step, tag histogram.Recorder
	moves            moves
}

// Stages says how long each stage took, since the process began.
type Stages struct {
	Route histogram.Snapshot // a fetch of events, from routed until all it caused is acknowledged by the brokers
	Step  histogram.Snapshot // a machine applying one fetch of its inbox
	Tag   histogram.Snapshot // from the Kafka timestamp of an event until a tag change it caused is acknowledged; wall clock only
	Moves map[Move]int64     // tag changes published; those of a replay after a crash once more
}

// Move is what can happen to a tag: schemas.Change by its text. Tag is empty if a profile merged or was erased.
type Move struct{ Tag, Change string }

func (s *stages) snapshot() Stages {
	return Stages{Route: s.route.Snapshot(), Step: s.step.Snapshot(), Tag: s.tag.Snapshot(), Moves: s.moves.snapshot()}
}

// moves counts tag changes. There are as many counters as the catalogues of this process have tags, times
// the kinds of changes.
type moves struct {
	mu     sync.Mutex
	counts map[Move]int64
}

// add counts the tag changes among outputs; a batch without any takes no lock.
func (m *moves) add(tags string, out []Output) {
	locked := false
	for i := range out {
		if out[i].Topic != tags {
			continue
		}
		if !locked {
			m.mu.Lock()
			defer m.mu.Unlock()
			locked = true
		}
		if m.counts == nil {
			m.counts = map[Move]int64{}
		}
		h := out[i].Record.Headers // tag and change: see encoder.outputs
		m.counts[Move{string(h[0].Value), string(h[1].Value)}]++
	}
}

func (m *moves) snapshot() map[Move]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.counts)
}
