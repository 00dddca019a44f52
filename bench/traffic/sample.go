package traffic

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Sample is a user's own events, sent in their order at planned instants, round after round. What changes from the file:
//
//   - event_id is the run's own;
//   - time is the planned instant, so the file's own spacing is not kept: the rate is the run's;
//   - every usable identifier names run and round ("~RUN-ROUND" behind it; before the @ of an email; a phone has its last seven
//     digits shifted, and stays a phone): a round brings the same people again as new ones, so profiles grow, and what is
//     joined within the file is joined within each round only.
//
// Everything else is sent as it stands. It is immutable; more of it is another.
type Sample struct {
	run       string
	lines     []sampleLine
	begin     time.Time
	stretches schedule
}

// sampleLine is one event of the file: texts, with what changes behind each of them.
type sampleLine struct {
	number int // of the file's line
	texts  [][]byte
	holes  []hole
	key    []byte // first identifier, of which the record's key is made
}

// hole is what is written behind a text.
type hole struct {
	kind  holeKind
	phone string // holePhone: as it stood
}

type holeKind uint8

const (
	holeID holeKind = iota
	holeTime
	holeName // of run and round
	holePhone
	holeNothing
)

// SampleLine is one event of a file, a JSON object, and the number of its line.
type SampleLine struct {
	Number int
	Value  []byte
}

// NewSample prepares events. Usable says whether an identifier (its type and value) names anybody: what does not is junk, and
// stays as it is. An error names the line.
func NewSample(run string, begin time.Time, lines []SampleLine, usable func(kind, value string) bool) (*Sample, error) {
	if len(run) != runLength {
		return nil, fmt.Errorf("traffic: run %q; want %d characters", run, runLength)
	}
	if len(lines) == 0 {
		return nil, errors.New("it holds no event; an event is a JSON object with event, identifiers and time, one a line")
	}
	s := &Sample{run: run, begin: begin, lines: make([]sampleLine, len(lines))}
	for i, l := range lines {
		s.lines[i].number = l.Number
		if err := s.lines[i].parse(l.Value, run, usable); err != nil {
			return nil, fmt.Errorf("line %d: %w", l.Number, err)
		}
	}
	return s, nil
}

// parse cuts an event into texts and holes.
func (l *sampleLine) parse(value []byte, run string, usable func(kind, value string) bool) error {
	l.text([]byte(`{"event_id":"`+run+`-`), hole{kind: holeID})
	l.text([]byte(`","time":`), hole{kind: holeTime})
	rest := []byte{}
	err := object(value, func(name string, v jsontext.Value) error {
		if name == "event_id" || name == "time" {
			return nil
		}
		rest = append(quote(append(rest, ','), name), ':')
		if name != "identifiers" || v.Kind() != '{' {
			rest = append(rest, v...)
			return nil
		}
		var err error
		rest, err = l.identifiers(rest, v, usable)
		return err
	})
	l.text(append(rest, '}'), hole{kind: holeNothing})
	return err
}

// text appends a text and what comes behind it.
func (l *sampleLine) text(t []byte, h hole) {
	l.texts, l.holes = append(l.texts, t), append(l.holes, h)
}

// identifiers appends the object of identifiers to rest, with a hole in each that names somebody.
func (l *sampleLine) identifiers(rest []byte, v jsontext.Value, usable func(kind, value string) bool) ([]byte, error) {
	rest = append(rest, '{')
	first := true
	err := object(v, func(kind string, v jsontext.Value) error {
		if !first {
			rest = append(rest, ',')
		}
		first = false
		rest = append(quote(rest, kind), ':')
		if v.Kind() != '[' {
			rest = l.identifier(rest, kind, v, usable)
			return nil
		}
		d := jsontext.NewDecoder(bytes.NewReader(v))
		if _, err := d.ReadToken(); err != nil {
			return err
		}
		rest = append(rest, '[')
		for n := 0; d.PeekKind() != ']'; n++ {
			one, err := d.ReadValue()
			if err != nil {
				return err
			}
			if n > 0 {
				rest = append(rest, ',')
			}
			rest = l.identifier(rest, kind, one, usable)
		}
		rest = append(rest, ']')
		return nil
	})
	return append(rest, '}'), err
}

// identifier appends one value.
func (l *sampleLine) identifier(rest []byte, kind string, v jsontext.Value, usable func(kind, value string) bool) []byte {
	value := string(v)
	if v.Kind() == '"' {
		text, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return append(rest, v...) // the dry run says what is wrong with it
		}
		value = string(text)
	}
	if v.Kind() != '"' && v.Kind() != '0' || !usable(kind, value) {
		return append(rest, v...)
	}
	if l.key == nil {
		l.key = []byte(kind + ":" + value)
	}
	base, _, _ := bytes.Cut([]byte(kind), []byte("@"))
	switch string(base) {
	case "phone":
		l.text(append(rest, '"'), hole{holePhone, value})
		return []byte{'"'}
	case "email":
		name, host, _ := bytes.Cut([]byte(value), []byte("@"))
		open := quote(rest, string(name))
		l.text(open[:len(open)-1], hole{kind: holeName})
		return append([]byte("@"), quote(nil, string(host))[1:]...)
	}
	open := quote(rest, value)
	l.text(open[:len(open)-1], hole{kind: holeName})
	return []byte{'"'}
}

// quote appends a JSON string.
func quote(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text) // complains of bad UTF-8 only, which the dry run refuses
	return b
}

// Events is how many events a round has.
func (s *Sample) Events() int { return len(s.lines) }

// Line is the number of the file's line that event n is of.
func (s *Sample) Line(n int64) int { return s.lines[n%int64(len(s.lines))].number }

// First is the number of the first event: nothing is preloaded.
func (s *Sample) First() int64 { return 0 }

// At is the planned instant of event n.
func (s *Sample) At(n int64) time.Time {
	if len(s.stretches) == 0 {
		return s.begin
	}
	return s.stretches.at(n)
}

// Then returns the sample that goes on from event first with a stretch without an end.
func (s *Sample) Then(first int64, stretch Stretch) (*Sample, error) {
	stretches, err := s.stretches.then(first, stretch)
	next := *s
	next.stretches = stretches
	return &next, err
}

// Seq returns the number of the event whose id this is; ok is false if it is of another run.
func (s *Sample) Seq(eventID []byte) (n int64, ok bool) { return seqOf(s.run, eventID) }

// EventPrefix begins the ids of all events of this run and of no other.
func (s *Sample) EventPrefix() string { return s.run + "-" }

// Append appends the JSON of event n to b, and the key of its record to key.
func (s *Sample) Append(b, key []byte, n int64) (out, outKey []byte) {
	l := &s.lines[n%int64(len(s.lines))]
	round := n / int64(len(s.lines))
	for i, t := range l.texts {
		b = append(b, t...)
		switch h := &l.holes[i]; h.kind {
		case holeID:
			b = append(b, make([]byte, seqDigits)...)
			digits(b[len(b)-seqDigits:], n)
		case holeTime:
			b = strconv.AppendInt(b, s.At(n).UnixMilli(), 10)
		case holeName:
			b = append(append(append(b, '~'), s.run...), '-')
			b = strconv.AppendInt(b, round, 36)
		case holePhone:
			b = s.phone(b, h.phone, round)
		}
	}
	if l.key != nil {
		h := fnv.New64a()
		_, _ = h.Write(l.key) // a hash never fails; no phone stands in a key
		key = strconv.AppendUint(key, mix(h.Sum64()+uint64(round)), 16)
	}
	return b, key
}

// phoneDigits is how many digits of a phone change: what stands before them is country and network.
const phoneDigits = 7

// phone appends a number whose last digits are shifted by run and round: different numbers stay different.
func (s *Sample) phone(b []byte, text string, round int64) []byte {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.run)) // a hash never fails
	shift := (h.Sum64() + uint64(round)*7_368_787) % 10_000_000
	at := len(b)
	b = append(b, text...)
	out := b[at:]
	number, factor := uint64(0), uint64(1)
	var places [phoneDigits]int
	n := 0
	for i := len(out) - 1; i >= 0 && n < phoneDigits; i-- {
		if out[i] >= '0' && out[i] <= '9' {
			number += uint64(out[i]-'0') * factor
			factor *= 10
			places[n] = i
			n++
		}
	}
	number = (number + shift) % factor
	for _, i := range places[:n] {
		out[i] = byte('0' + number%10)
		number /= 10
	}
	return b
}
