package schemas

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// field reads the value of one top-level field. null means absent for every field of the contract.
func (d *EventDecoder) field(b []byte, name string) *Rejection {
	kind := d.dec.PeekKind()
	switch {
	case name == "properties" && kind == '{':
		return d.object(b, d.property)
	case name == "identifiers" && kind == '{':
		return d.object(b, d.identifier)
	}
	kind, text, err := d.value(b)
	if err != nil {
		return err
	}
	switch name {
	case "event", "channel":
		switch {
		case kind == 'n':
		case kind != '"':
			return reject(ReasonWrongShape, "%s, at byte %d: want a string", name, d.at())
		case name == "event":
			d.ev.Name = unquote(text)
		default:
			d.ev.Channel = unquote(text)
		}
	case "event_id":
		switch {
		case kind == '"':
			d.ev.ID = unquote(text)
		case kind == '0' && isInteger(text):
			d.ev.ID = text
		case kind != 'n':
			return reject(ReasonWrongShape, "event_id, at byte %d: want a string or an integer", d.at())
		}
	case "time":
		return d.time(kind, text)
	case "properties", "identifiers":
		if kind != 'n' {
			return reject(ReasonWrongShape, "%s, at byte %d: want an object", name, d.at())
		}
	default:
		return d.add(&d.fields, name, kind, text)
	}
	return nil
}

func (d *EventDecoder) time(kind jsontext.Kind, text string) *Rejection {
	want := "an integer of milliseconds since 1970"
	switch kind {
	case 'n':
		return nil
	case '"':
		text, want = unquote(text), "RFC 3339 with a zone, or integer milliseconds"
	case '0':
	default:
		return reject(ReasonWrongShape, "time, at byte %d: want a string or a number", d.at())
	}
	ms, ok := eventTime(kind, text)
	if !ok {
		return reject(ReasonBadTime, "time, at byte %d: want %s", d.at(), want)
	}
	if ms < 0 || ms > MaxEventTime {
		return reject(ReasonBadTime, "time, at byte %d: want 1970 to 9999; a number is milliseconds", d.at())
	}
	if kind == '0' && IsSeconds(ms) {
		return reject(ReasonBadTime, "time, at byte %d: looks like seconds; send milliseconds, or RFC 3339 text", d.at())
	}
	d.ev.TimeMS, d.ev.HasTime = ms, true
	return nil
}

// eventTime reads a time in ms since 1970, of whatever year, from a string, unquoted, or from a number.
func eventTime(kind jsontext.Kind, text string) (ms int64, ok bool) {
	switch kind {
	case '"':
		var t time.Time
		err := t.UnmarshalText([]byte(text))
		return t.UnixMilli(), err == nil
	case '0':
		ms, err := strconv.ParseInt(text, 10, 64)
		return ms, err == nil
	}
	return 0, false
}

// IsSeconds reports whether a number that should be milliseconds since 1970 can only be seconds: those of 1973 to 5138,
// which as milliseconds would be January 1970 to March 1973. A producer that mixes the two up would otherwise see all
// its events counted as half a century old. An event that is as old has its time in text.
func IsSeconds(n int64) bool { return n >= 100_000_000 && n < 100_000_000_000 }

func (d *EventDecoder) property(b []byte, name string) *Rejection {
	kind, text, err := d.value(b)
	if err != nil {
		return err
	}
	return d.add(&d.ev.Props, name, kind, text)
}

func (d *EventDecoder) add(list *[]RawProp, name string, kind jsontext.Kind, text string) *Rejection {
	if len(d.ev.Props)+len(d.fields) == MaxProps {
		return reject(ReasonTooManyProperties, "more than %d properties, at byte %d", MaxProps, d.at())
	}
	p := RawProp{Key: name, Text: text}
	switch kind {
	case 'n':
		p.Kind, p.Text = RawNull, ""
	case 't', 'f':
		p.Kind = RawBool
	case '0':
		p.Kind = RawNumber
	case '"':
		p.Kind, p.Text = RawString, unquote(text)
	default:
		p.Kind = RawJSON
		// "properties" is depth 2 of the event, an unknown field depth 1.
		if depth(text) > MaxDepth-2 {
			return reject(ReasonTooDeep, "nested deeper than %d, before byte %d", MaxDepth, d.at())
		}
	}
	*list = append(*list, p)
	return nil
}

// identifier reads one member of "identifiers": a value, a list of values, or null.
func (d *EventDecoder) identifier(b []byte, name string) *Rejection {
	if d.dec.PeekKind() != '[' {
		return d.identifierValue(b, name)
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return classify(err, b)
	}
	for d.dec.PeekKind() != ']' {
		if err := d.identifierValue(b, name); err != nil {
			return err
		}
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return classify(err, b)
	}
	return nil
}

func (d *EventDecoder) identifierValue(b []byte, name string) *Rejection {
	kind, text, err := d.value(b)
	if err != nil {
		return err
	}
	switch {
	case kind == 'n':
		return nil
	case kind == '"':
		text = unquote(text)
	case kind != '0' || !isInteger(text):
		return reject(ReasonWrongShape, "identifiers, at byte %d: want a string, an integer or a list of them", d.at())
	}
	if len(d.ev.Identifiers) == MaxIdentifiers {
		return reject(ReasonTooManyIdentifiers, "more than %d identifier values, at byte %d", MaxIdentifiers, d.at())
	}
	d.ev.Identifiers = append(d.ev.Identifiers, RawIdentifier{Type: name, Value: text})
	return nil
}

// finish checks what only the whole event can tell, and joins unknown fields to the properties.
func (d *EventDecoder) finish() *Rejection {
	switch {
	case strings.TrimSpace(d.ev.Name) == "":
		return reject(ReasonEmptyName, "event: want the event's name, a string that is not empty")
	case len(d.ev.Name) > MaxNameBytes:
		return reject(ReasonNameTooLong, "event: %d bytes; a name may have %d", len(d.ev.Name), MaxNameBytes)
	case len(d.ev.Channel) > MaxChannelBytes:
		return reject(ReasonChannelTooLong, "channel: %d bytes; it may have %d", len(d.ev.Channel), MaxChannelBytes)
	case len(d.ev.ID) > MaxEventIDBytes:
		return reject(ReasonIDTooLong, "event_id: %d bytes; it may have %d", len(d.ev.ID), MaxEventIDBytes)
	}
	for _, f := range d.fields {
		f.Key = "$" + f.Key
		for hasProp(d.ev.Props, f.Key) {
			f.Key = "$" + f.Key
		}
		d.ev.Props = append(d.ev.Props, f)
	}
	return nil
}

func hasProp(list []RawProp, key string) bool {
	for i := range list {
		if list[i].Key == key {
			return true
		}
	}
	return false
}

func isInteger(s string) bool {
	for i := 0; i < len(s); i++ {
		if (s[i] < '0' || s[i] > '9') && (i > 0 || s[i] != '-') {
			return false
		}
	}
	return true
}
