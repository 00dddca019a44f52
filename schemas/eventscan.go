package schemas

import "github.com/go-json-experiment/json/jsontext"

// plain reads an event with the scanner, and reports false if that does not go: then nothing is known of it. It is
// event, field and their like once more, without words for what is wrong: with both readers behind one interface an
// event took three times as long.
func (d *EventDecoder) plain(text string) bool {
	s := &d.scan
	s.reset(text)
	d.ev = RawEvent{Identifiers: d.ev.Identifiers[:0], Props: d.ev.Props[:0]}
	d.fields = d.fields[:0]
	s.open('{')
	for n := 0; s.more('}', n); n++ {
		if !d.plainField(s.name(0)) {
			return false
		}
	}
	return s.done() && len(d.ev.Props)+len(d.fields) <= MaxProps && d.finish() == nil
}

func (d *EventDecoder) plainField(name string) bool {
	s := &d.scan
	kind := s.next()
	switch {
	case name == "properties" && kind == '{':
		return d.plainProperties()
	case name == "identifiers" && kind == '{':
		return d.plainIdentifiers()
	}
	k, text := s.value(0)
	switch name {
	case "event", "channel", "event_id", "time", "properties", "identifiers":
		if k == 'n' {
			return true
		}
	default:
		d.fields = append(d.fields, plainProp(name, k, text))
		return true
	}
	switch {
	case name == "time":
		var ok bool
		d.ev.TimeMS, ok = eventTime(k, text)
		d.ev.HasTime = true
		return ok && d.ev.TimeMS >= 0 && d.ev.TimeMS <= MaxEventTime && (k != '0' || !IsSeconds(d.ev.TimeMS))
	case name == "event_id" && (k == '"' || k == '0' && isInteger(text)):
		d.ev.ID = text
	case name == "event" && k == '"':
		d.ev.Name = text
	case name == "channel" && k == '"':
		d.ev.Channel = text
	default:
		return false
	}
	return true
}

func (d *EventDecoder) plainProperties() bool {
	s := &d.scan
	base := len(s.names)
	s.open('{')
	for n := 0; s.more('}', n); n++ {
		name := s.name(base)
		kind, text := s.value(0)
		d.ev.Props = append(d.ev.Props, plainProp(name, kind, text))
	}
	s.names = s.names[:base]
	return !s.bad
}

func plainProp(name string, kind jsontext.Kind, text string) RawProp {
	p := RawProp{Key: name, Text: text}
	switch kind {
	case 'n':
		p.Text = "" // RawNull
	case 't', 'f':
		p.Kind = RawBool
	case '0':
		p.Kind = RawNumber
	case '"':
		p.Kind = RawString
	default:
		p.Kind = RawJSON
	}
	return p
}

func (d *EventDecoder) plainIdentifiers() bool {
	s := &d.scan
	base := len(s.names)
	s.open('{')
	for n := 0; s.more('}', n); n++ {
		name := s.name(base)
		if s.next() != '[' {
			if !d.plainIdentifier(name) {
				return false
			}
			continue
		}
		s.open('[')
		for k := 0; s.more(']', k); k++ {
			if !d.plainIdentifier(name) {
				return false
			}
		}
	}
	s.names = s.names[:base]
	return !s.bad
}

func (d *EventDecoder) plainIdentifier(name string) bool {
	kind, text := d.scan.value(0)
	switch {
	case kind == 'n':
		return true
	case kind == '"', kind == '0' && isInteger(text):
		d.ev.Identifiers = append(d.ev.Identifiers, RawIdentifier{Type: name, Value: text})
		return len(d.ev.Identifiers) <= MaxIdentifiers
	}
	return false
}
