package drive

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"

	"portrait/bench"
	"portrait/bench/traffic"
)

// sampled is a user's sample as Traffic.
type sampled struct{ *traffic.Sample }

// Then implements Traffic.
func (s sampled) Then(first int64, stretch traffic.Stretch) (Traffic, error) {
	next, err := s.Sample.Then(first, stretch)
	return sampled{next}, err
}

// Writer implements Traffic.
func (s sampled) Writer() Writer { return &sampleWriter{sample: s.Sample} }

type sampleWriter struct {
	sample *traffic.Sample
	key    []byte
}

// Append implements Writer.
func (w *sampleWriter) Append(b []byte, n int64) (out, key []byte) {
	b, w.key = w.sample.Append(b, w.key[:0], n)
	return b, w.key
}

// sampleWitness judges a sample as far as that can be done without knowing what the catalogue must make of it: each event is
// counted once, what a dry run takes is not refused, versions follow each other without gaps, and ClickHouse has
// a row for each event, under the identifier that the dry run says.
type sampleWitness struct {
	dry    *DryRun
	facts  *ledger
	chains map[string]uint64 // newest version by profile
	known  int64             // changes that followed another of their profile
	gaps   int64
	first  string // of the gaps

	expected map[string]int64 // accepted events by first identifier
	refused  int64            // by the dry run
}

// Change implements Witness.
func (w *sampleWitness) Change(value []byte) error {
	var c struct {
		Profile  string `json:"profile_id"`
		Version  uint64 `json:"version"`
		Previous uint64 `json:"previous_version"`
	}
	if err := json.Unmarshal(value, &c); err != nil {
		return fmt.Errorf("tag change: %w", err)
	}
	newest, seen := w.chains[c.Profile]
	if seen && c.Version <= newest {
		return nil
	}
	w.known++
	// A profile of others may have changed before anybody looked; from then on its chain is whole, too.
	if seen && c.Previous != newest {
		if w.gaps++; w.first == "" {
			w.first = fmt.Sprintf(": profile %s has a change %d behind %d, which was not seen", c.Profile, c.Version, c.Previous)
		}
	}
	w.chains[c.Profile] = c.Version
	return nil
}

// Document implements Witness: what a document holds is the catalogue's affair.
func (w *sampleWitness) Document([]byte, []byte, uint64) error { return nil }

// Counted implements Witness.
func (w *sampleWitness) Counted() int64 { return w.facts.counted.Load() }

// Verify implements Witness. That each event was counted once is the ledger's to say.
func (w *sampleWitness) Verify(t Traffic, sent, _ int64) []bench.Check {
	w.rehearse(t.(sampled).Sample, sent)
	return []bench.Check{
		{Name: "dry run of the decoder", OK: sent > 0 && w.refused == 0, Detail: fmt.Sprintf("%d events of %d would be refused", w.refused, sent)},
		{Name: "tag topic", OK: w.gaps == 0, Detail: fmt.Sprintf("%d changes of %d profiles, %d gaps in the chains of versions%s", w.known, len(w.chains), w.gaps, w.first)},
	}
}

// rehearse decodes once more everything that was sent.
func (w *sampleWitness) rehearse(s *traffic.Sample, sent int64) {
	w.expected, w.refused = map[string]int64{}, 0
	var key []byte
	for n := range sent {
		var b []byte
		b, key = s.Append(nil, key[:0], n)
		ev, err := w.dry.event(b)
		if err != nil {
			w.refused++
			continue
		}
		w.expected[w.dry.anonymous(ev.Identifiers[0])]++
	}
}

// Rows implements Witness.
func (w *sampleWitness) Rows(_ Traffic, _ int64, rows [][]string) bench.Check {
	have := map[string]int64{}
	for _, row := range rows {
		n, err := strconv.ParseInt(row[1], 10, 64)
		if err != nil {
			return bench.Check{Name: "ClickHouse events", Detail: fmt.Sprintf("a count of %q", row[1])}
		}
		have[w.dry.anonymous(row[0])] += n
	}
	differ, first := 0, ""
	for _, id := range slices.Sorted(maps.Keys(w.expected)) {
		if have[id] != w.expected[id] {
			if differ++; first == "" {
				first = fmt.Sprintf(": %s has %d rows of %d", id, have[id], w.expected[id])
			}
		}
		delete(have, id)
	}
	return bench.Check{Name: "ClickHouse events", OK: len(w.expected) > 0 && differ == 0 && len(have) == 0,
		Detail: fmt.Sprintf("%d identifiers compared, %d differ, %d are not of the sample%s", len(w.expected), differ, len(have), first)}
}
