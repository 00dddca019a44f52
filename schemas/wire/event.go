package wire

import (
	"encoding/binary"
	"strconv"

	"portrait/schemas"
)

// Position is where an event stands in portrait.events. Index counts the events of one record from 0.
type Position struct {
	Partition int32
	Offset    int64
	Index     int32
}

// Above reports whether p lies behind q in the same events partition.
func (p Position) Above(q Position) bool {
	return p.Offset > q.Offset || p.Offset == q.Offset && p.Index > q.Index
}

// String writes "partition/offset/index".
func (p Position) String() string {
	b := strconv.AppendInt(nil, int64(p.Partition), 10)
	b = strconv.AppendInt(append(b, '/'), p.Offset, 10)
	return string(strconv.AppendInt(append(b, '/'), int64(p.Index), 10))
}

// PropKind is the JSON type of a property.
type PropKind byte

// The kinds of properties.
const (
	PropNull PropKind = iota
	PropBool
	PropNumber
	PropString
	PropJSON // an object or array, kept as its JSON text
)

// Prop is one property of an event. Text is "true" or "false", the number's JSON text (never
// converted, so amounts stay exact), the string unescaped, or the JSON text of an object or array.
type Prop struct {
	Key  string
	Kind PropKind
	Text string
}

// Event is one event as the router hands it on: valid, normalised, without a phone number in clear.
type Event struct {
	At          Position
	Time        int64 // ms since 1970; never after Kafka
	Kafka       int64 // ms: timestamp of its Kafka record, clamped to wall now (event clock: Time)
	ID          string
	Name        string
	Channel     string
	Identifiers []string // canonical, each once, in order of priority: the first is the anchor
	Props       []Prop   // in ascending order of Key, each once
}

// Encode appends the event. It is most of what the topics hold, so the buffer stays in registers meanwhile.
func (ev *Event) Encode(e *Encoder) {
	b := binary.AppendUvarint(e.B, uint64(ev.At.Partition))
	b = binary.AppendUvarint(b, uint64(ev.At.Offset))
	b = binary.AppendUvarint(b, uint64(ev.At.Index))
	b = binary.AppendVarint(b, ev.Time)
	b = binary.AppendVarint(b, ev.Kafka)
	b = appendText(b, ev.ID)
	b = appendText(b, ev.Name)
	b = appendText(b, ev.Channel)
	b = binary.AppendUvarint(b, uint64(len(ev.Identifiers)))
	for _, id := range ev.Identifiers {
		b = appendText(b, id)
	}
	b = binary.AppendUvarint(b, uint64(len(ev.Props)))
	for i := range ev.Props {
		p := &ev.Props[i]
		b = appendText(b, p.Key)
		b = append(b, byte(p.Kind))
		b = appendText(b, p.Text)
	}
	e.B = b
}

// appendText is Encoder.String.
func appendText(b []byte, s string) []byte {
	if len(s) < 0x80 {
		b = append(b, byte(len(s)))
	} else {
		b = binary.AppendUvarint(b, uint64(len(s)))
	}
	return append(b, s...)
}

// Decode reads an event; texts share the decoder's memory.
func (ev *Event) Decode(d *Decoder) {
	ev.At = Position{int32(d.Uint()), int64(d.Uint()), int32(d.Uint())}
	ev.Time, ev.Kafka = d.Int(), d.Int()
	ev.ID, ev.Name, ev.Channel = d.String(), d.String(), d.String()
	ev.Identifiers = d.Strings()
	ev.Props = nil
	if n := d.Count(); n > 0 {
		ev.Props = d.takeProps(n)
		for i := 0; i < n && d.err == nil; i++ {
			ev.Props = append(ev.Props, Prop{})
			ev.Props[i] = Prop{d.String(), PropKind(d.Byte()), d.String()}
			if ev.Props[i].Kind > PropJSON {
				d.fail("property kind")
			}
		}
	}
}

// Prop returns the property of that key, or nil.
func (ev *Event) Prop(key string) *Prop {
	lo, hi := 0, len(ev.Props)
	for lo < hi {
		m := (lo + hi) / 2
		if ev.Props[m].Key < key {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(ev.Props) && ev.Props[lo].Key == key {
		return &ev.Props[lo]
	}
	return nil
}

// Number returns the amount of a number property, or of a string that is one.
func (p *Prop) Number() (schemas.Decimal, bool) {
	if p == nil || p.Kind != PropNumber && p.Kind != PropString {
		return 0, false
	}
	n, err := schemas.ParseDecimal(p.Text)
	return n, err == nil
}
