package schemas

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// EventDecoder reads records of portrait.events and keeps its memory between them. It is for one
// goroutine. It is the only place that knows who reads the JSON of events: our scanner what is plain,
// jsontext everything else.
type EventDecoder struct {
	scan   scanner
	dec    *jsontext.Decoder
	in     bytes.Buffer
	text   string // the event under the decoder as a string: texts without escapes are slices of it
	ranges [][2]int
	ev     RawEvent
	fields []RawProp // unknown top-level fields of ev
}

// NewEventDecoder returns a decoder ready to use.
func NewEventDecoder() *EventDecoder {
	return &EventDecoder{dec: jsontext.NewDecoder(new(bytes.Buffer))}
}

// Each calls f for each event of the record's value, in order and at least once. The item's Event is
// valid until f returns; its texts share the memory of value, which must not change any more.
func (d *EventDecoder) Each(value []byte, f func(Item)) {
	b := trimSpace(value)
	switch {
	case len(b) == 0:
		f(Item{Raw: value, Err: reject(ReasonNotJSON, "the record is empty")})
	case b[0] == '[':
		d.array(value, b, f)
	default:
		ev, err := d.one(b)
		f(Item{Event: ev, Raw: value, Err: err})
	}
}

// array decodes in two passes: the first, lenient, finds where each event begins and ends, so that a
// duplicate key or bad UTF-8 inside of one does not take the others along.
func (d *EventDecoder) array(value, b []byte, f func(Item)) {
	if err := d.split(b); err != nil {
		f(Item{Raw: value, Err: err})
		return
	}
	for i, r := range d.ranges {
		raw := b[r[0]:r[1]:r[1]]
		ev, err := d.one(raw)
		f(Item{Index: i, Event: ev, Raw: raw, Err: err})
	}
}

func (d *EventDecoder) split(b []byte) *Rejection {
	d.reset(b, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	d.ranges = d.ranges[:0]
	if _, err := d.dec.ReadToken(); err != nil {
		return classify(err, b)
	}
	for d.dec.PeekKind() != ']' {
		v, err := d.dec.ReadValue()
		if err != nil {
			return classify(err, b)
		}
		if len(d.ranges) == MaxEventsPerRecord {
			return reject(ReasonTooManyEvents, "an array may hold %d events", MaxEventsPerRecord)
		}
		end := int(d.dec.InputOffset())
		d.ranges = append(d.ranges, [2]int{end - len(v), end})
	}
	if err := d.close(b); err != nil {
		return err
	}
	if len(d.ranges) == 0 {
		return reject(ReasonWrongShape, "an array without events")
	}
	return nil
}

// one decodes one event. Size is checked first, so that a huge one costs nothing.
func (d *EventDecoder) one(b []byte) (*RawEvent, *Rejection) {
	if len(b) > MaxEventBytes {
		return nil, reject(ReasonEventTooLarge, "%d bytes; an event may have %d", len(b), MaxEventBytes)
	}
	d.text = unsafe.String(unsafe.SliceData(b), len(b))
	if d.plain(d.text) {
		return &d.ev, nil
	}
	d.reset(b)
	return d.event(b) // jsontext has the last word, and the words for it
}

// event reads an event with jsontext.
func (d *EventDecoder) event(b []byte) (*RawEvent, *Rejection) {
	d.ev = RawEvent{Identifiers: d.ev.Identifiers[:0], Props: d.ev.Props[:0]}
	d.fields = d.fields[:0]
	if b[0] != '{' {
		if _, err := d.dec.ReadValue(); err != nil {
			return nil, classify(err, b)
		}
		if err := d.trailing(b); err != nil {
			return nil, err
		}
		return nil, reject(ReasonWrongShape, "want an object or an array of objects")
	}
	if err := d.object(b, d.field); err != nil {
		return nil, err
	}
	if err := d.trailing(b); err != nil {
		return nil, err
	}
	if err := d.finish(); err != nil {
		return nil, err
	}
	return &d.ev, nil
}

func (d *EventDecoder) reset(b []byte, o ...jsontext.Options) {
	d.in = *bytes.NewBuffer(b)
	d.dec.Reset(&d.in, o...)
}

// object reads an object from its opening brace and calls member for each name, with the value next.
func (d *EventDecoder) object(b []byte, member func(b []byte, name string) *Rejection) *Rejection {
	if _, err := d.dec.ReadToken(); err != nil {
		return classify(err, b)
	}
	for {
		switch d.dec.PeekKind() {
		case '}':
			if _, err := d.dec.ReadToken(); err != nil {
				return classify(err, b)
			}
			return nil
		default:
			_, name, err := d.value(b)
			if err != nil {
				return err
			}
			if err := member(b, unquote(name)); err != nil {
				return err
			}
		}
	}
}

// value reads the next value; its text shares the event's memory.
func (d *EventDecoder) value(b []byte) (jsontext.Kind, string, *Rejection) {
	v, err := d.dec.ReadValue()
	if err != nil {
		return 0, "", classify(err, b)
	}
	end := int(d.dec.InputOffset())
	return v.Kind(), d.text[end-len(v) : end], nil
}

// at names the place that the decoder has reached.
func (d *EventDecoder) at() int64 { return d.dec.InputOffset() }

// close reads the end of the array and of the input.
func (d *EventDecoder) close(b []byte) *Rejection {
	if _, err := d.dec.ReadToken(); err != nil {
		return classify(err, b)
	}
	return d.trailing(b)
}

func (d *EventDecoder) trailing(b []byte) *Rejection {
	_, err := d.dec.ReadToken()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return classify(err, b)
	}
	return reject(ReasonNotJSON, "bytes behind the end of the value, at byte %d", d.at())
}

// classify names the reason of a syntax error. It may be slow: it runs once per dead letter.
func classify(err error, b []byte) *Rejection {
	at := offsetOf(err, b)
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return reject(ReasonDuplicateKey, "an object has a name twice, near byte %d", at)
	}
	if depth(b) > MaxDepth+1 {
		return reject(ReasonTooDeep, "nested deeper than %d", MaxDepth)
	}
	lenient := jsontext.NewDecoder(bytes.NewBuffer(b), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if _, again := lenient.ReadValue(); again == nil || offsetOf(again, b) > at {
		if _, more := lenient.ReadToken(); again != nil || errors.Is(more, io.EOF) || offsetOf(more, b) > at {
			return reject(ReasonInvalidUTF8, "invalid UTF-8 or half a surrogate pair in a string, near byte %d", at)
		}
	}
	return reject(ReasonNotJSON, "syntax error near byte %d", at)
}

func offsetOf(err error, b []byte) int64 {
	var s *jsontext.SyntacticError
	if errors.As(err, &s) {
		return s.ByteOffset
	}
	return int64(len(b))
}

func reject(r Reason, format string, args ...any) *Rejection {
	return &Rejection{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

// unquote returns the text of a valid JSON string.
func unquote(s string) string {
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' {
			out, err := jsontext.AppendUnquote(nil, s)
			if err != nil { // the decoder has checked it: cannot happen
				return s
			}
			return string(out)
		}
	}
	return s[1 : len(s)-1]
}

func trimSpace(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }

// depth returns how deep the brackets of a JSON text nest, valid or not.
func depth[T string | []byte](s T) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted:
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}
