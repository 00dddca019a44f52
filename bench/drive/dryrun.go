package drive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"portrait/bench/traffic"
	"portrait/pipeline/importer"
	"portrait/pipeline/normalize"
	"portrait/pipeline/router"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// DryRun decodes events as a router of a deployment does, and sends nothing: it says which would be refused, and who the
// others are of. It is used by one goroutine.
type DryRun struct {
	norm      *normalize.Normalizer
	router    *router.Router
	sensitive []string // types of identifiers of which only hashes are stored
	offset    int64
}

// NewDryRun returns that of a deployment. With other keys than the deployment's only the hashes differ.
func NewDryRun(dep *schemas.Deployment, keys normalize.Keys) (*DryRun, error) {
	norm, err := normalize.New(dep, keys)
	if err != nil {
		return nil, err
	}
	d := &DryRun{norm: norm, router: router.New(dep, norm, "dry run", 0)}
	for _, t := range dep.Identifiers {
		if t.Sensitive {
			d.sensitive = append(d.sensitive, t.Name)
		}
	}
	return d, nil
}

// event returns the event of a record as the machines get it, or why there is none.
func (d *DryRun) event(value []byte) (*wire.Event, error) {
	d.offset++
	out := d.router.Route(router.Fetch{Records: []router.Record{{Offset: d.offset, Value: value}}, Now: time.Now().UnixMilli()})
	if len(out.Rejected) > 0 {
		return nil, &schemas.Rejection{Reason: out.Rejected[0].Reason, Detail: out.Rejected[0].Detail}
	}
	return out.Inbox[0].Record.Routed[0].Event, nil
}

// usable says whether an identifier names anybody. One of a sensitive type that is hashed already does not: nothing may be
// changed about it.
func (d *DryRun) usable(kind, value string) bool {
	canonical, err := d.norm.Hash(kind + ":" + value)
	return err == nil && (canonical != kind+":"+value || !slices.Contains(d.sensitive, schemas.BaseType(kind)))
}

// anonymous is an identifier without what a hash depends on: with other keys it would be another one.
func (d *DryRun) anonymous(canonical string) string {
	if base := schemas.BaseType(canonical); slices.Contains(d.sensitive, base) {
		return base + ":*"
	}
	return canonical
}

// sampleMost bounds the text of a sample, which is held in memory.
const sampleMost = 512 << 20

// rehearsed is how many rounds of a sample are tried before anything is sent.
const rehearsed = 3

// ReadSample reads a file of events as `portrait import` and the events topic take them (JSONL, an event or an array of
// them a line; .gz and .zst are read directly), and tries three rounds of it without sending. A line that would be
// refused is an error which names it.
func ReadSample(path, run string, dry *DryRun) (*Load, error) {
	lines, err := sampleLines(path, dry)
	if err == nil {
		var sample *traffic.Sample
		if sample, err = traffic.NewSample(run, time.Now(), lines, dry.usable); err == nil {
			if err = rehearse(sample, lines, dry); err == nil {
				return &Load{sampled{sample}, &sampleWitness{dry: dry, chains: map[string]uint64{}}}, nil
			}
		}
	}
	return nil, fmt.Errorf("events %s: %w", path, err)
}

// badLines gathers what cannot be sent.
type badLines struct {
	count int
	first []string
}

func (b *badLines) add(line int, why error) {
	if b.count++; len(b.first) < 5 {
		b.first = append(b.first, fmt.Sprintf("line %d: %v", line, why))
	}
}

func (b *badLines) err() error {
	if b.count == 0 {
		return nil
	}
	more := ""
	if b.count > len(b.first) {
		more = fmt.Sprintf("; and %d more", b.count-len(b.first))
	}
	return fmt.Errorf("%s%s; correct or remove what is refused: a measurement of dead letters says nothing (schemas/event.schema.json has the contract)",
		strings.Join(b.first, "; "), more)
}

// sampleLines reads events one by one.
func sampleLines(path string, dry *DryRun) ([]traffic.SampleLine, error) {
	source, err := importer.Open(path, nil)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	var list []traffic.SampleLine
	var bad badLines
	size := 0
	for {
		ev, wrong, err := source.Next()
		switch {
		case errors.Is(err, io.EOF):
			return list, bad.err()
		case err != nil:
			return nil, err
		case wrong != nil:
			bad.add(wrong.Line, errors.New(wrong.Reason))
			continue
		}
		if size += len(ev.Value); size > sampleMost {
			return nil, fmt.Errorf("line %d: more than %d MB of events; take a part of the file (head -n), it is sent round after round", ev.Line, sampleMost>>20)
		}
		for _, value := range eventsOf(ev.Value) {
			if _, err := dry.event(value); err != nil {
				bad.add(ev.Line, err)
				continue
			}
			list = append(list, traffic.SampleLine{Number: ev.Line, Value: value})
		}
	}
}

// eventsOf splits an array; the importer has checked the syntax.
func eventsOf(value []byte) [][]byte {
	if value = bytes.TrimSpace(value); value[0] != '[' {
		return [][]byte{value}
	}
	var list []jsontext.Value
	if err := json.Unmarshal(value, &list); err != nil {
		return [][]byte{value} // refused whole, with the reason
	}
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = list[i]
	}
	return out
}

// rehearse tries the first rounds: renaming people must neither refuse an event nor lose an identifier.
func rehearse(s *traffic.Sample, lines []traffic.SampleLine, dry *DryRun) error {
	var bad badLines
	var b, key []byte
	for n := range int64(rehearsed * s.Events()) {
		as, err := dry.event(lines[n%int64(len(lines))].Value)
		if err != nil {
			return err
		}
		b, key = s.Append(b[:0], key[:0], n)
		got, err := dry.event(bytes.Clone(b))
		switch {
		case err != nil:
			bad.add(s.Line(n), fmt.Errorf("with the identifiers of another round: %w", err))
		case len(got.Identifiers) != len(as.Identifiers):
			bad.add(s.Line(n), fmt.Errorf("%d of its %d identifiers are usable with the name of run and round behind them; shorten them",
				len(got.Identifiers), len(as.Identifiers)))
		}
	}
	return bad.err()
}
