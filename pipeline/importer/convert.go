package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"portrait/schemas"
)

var (
	errNoIdentifier = errors.New("no identifier: all its columns are empty")
	errUTF8         = errors.New("not UTF-8")
	errNoName       = errors.New("no rule gives the event a name")
)

// convert writes the row as a native event (schemas/event.schema.json) and returns its time in ms.
func (r row) convert() (value []byte, ms int64, err error) {
	name, err := r.eventName()
	if err != nil {
		return nil, 0, err
	}
	if ms, err = r.timestamp(); err != nil {
		return nil, 0, err
	}
	b := make([]byte, 0, 512)
	b = append(b, '{')
	switch {
	case r.eventID.hash:
		b = append(append(append(b, `"event_id":"`...), r.hash()...), `",`...)
	case r.eventID.column.name != "":
		if b, err = appendMember(b, "event_id", r.get(r.eventID.column)); err != nil {
			return nil, 0, columnError(r.eventID.column, err.Error())
		}
	}
	if b, err = appendMember(b, "event", name); err != nil {
		return nil, 0, columnError(r.event.column, err.Error())
	}
	b = append(appendTime(append(b, `"time":`...), ms), ',')
	channel := []byte(r.channel.constant)
	if r.channel.column.name != "" {
		channel = r.get(r.channel.column)
	}
	if b, err = appendMember(b, "channel", channel); err != nil {
		return nil, 0, columnError(r.channel.column, err.Error())
	}
	if b, err = r.appendIdentifiers(b); err != nil {
		return nil, 0, err
	}
	if b, err = r.appendProperties(b); err != nil {
		return nil, 0, err
	}
	return append(b, '}'), ms, nil
}

// appendMember appends a member of an object and a comma; a member without a value is left out.
func appendMember(b []byte, name string, value []byte) ([]byte, error) {
	if len(value) == 0 {
		return b, nil
	}
	b = append(append(append(b, '"'), name...), `":`...)
	b, err := jsontext.AppendQuote(b, value)
	if err != nil {
		return b, errUTF8
	}
	return append(b, ','), nil
}

func (r row) eventName() ([]byte, error) {
	if c := r.event.column; c.name != "" {
		name := bytes.TrimSpace(r.get(c))
		if len(name) == 0 {
			return nil, columnError(c, "empty, and it names the event")
		}
		return name, nil
	}
	for i := range r.event.rules {
		rule := &r.event.rules[i]
		value := r.get(rule.column)
		if rule.equals && string(value) == rule.text || !rule.equals && bytes.HasPrefix(value, []byte(rule.text)) {
			return []byte(rule.name), nil
		}
	}
	if r.event.fallback == "" {
		return nil, errNoName
	}
	return []byte(r.event.fallback), nil
}

func (r row) timestamp() (int64, error) {
	rule := &r.time
	value := bytes.TrimSpace(r.get(rule.column))
	if rule.unit != 0 {
		return rule.epoch(value)
	}
	at, err := time.ParseInLocation(rule.layout, string(value), rule.zone)
	if err != nil {
		return 0, columnError(rule.column, "not a time of the layout "+strconv.Quote(rule.layout))
	}
	return at.UnixMilli(), nil
}

// epoch reads an epoch of the rule's unit. One of the other unit is refused: it would be a time of the seventies, or of
// the year 30,000. Whether the time is one that an event may have is the router's to judge.
func (r *timeRule) epoch(value []byte) (int64, error) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	switch {
	case r.unit == time.Second && err == nil && n > schemas.MaxEventTime/1000:
		return 0, columnError(r.column, "after the year 9999 in seconds; of milliseconds the mapping says layout: "+layoutMillis)
	case r.unit == time.Second && err == nil && n >= -schemas.MaxEventTime/1000:
		return n * 1000, nil
	case r.unit == time.Second:
		return 0, columnError(r.column, "not an epoch in whole seconds")
	case err != nil || n < -schemas.MaxEventTime || n > schemas.MaxEventTime:
		return 0, columnError(r.column, "not an epoch in whole milliseconds")
	case schemas.IsSeconds(n):
		return 0, columnError(r.column, "looks like seconds; then the mapping says layout: "+layoutSeconds)
	}
	return n, nil
}

// appendTime appends a time as a JSON value: as text if the number would be taken for one of seconds.
func appendTime(b []byte, ms int64) []byte {
	if !schemas.IsSeconds(ms) {
		return strconv.AppendInt(b, ms, 10)
	}
	return append(time.UnixMilli(ms).UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// hash names the line by its content: lines with equal fields, whatever their quoting, get equal ids.
// Each field goes in with its length, so that "ab","c" and "a","bc" differ. 128 bits of SHA-256.
func (r row) hash() []byte {
	content := make([]byte, 0, 256)
	for _, field := range r.fields {
		content = append(binary.AppendUvarint(content, uint64(len(field))), field...)
	}
	sum := sha256.Sum256(content)
	return hex.AppendEncode(nil, sum[:16])
}

// appendIdentifiers writes {type: value | [values]}: several columns may be of one type.
func (r row) appendIdentifiers(b []byte) ([]byte, error) {
	values := make([][]byte, len(r.identifiers))
	found := false
	for i := range r.identifiers {
		rule := &r.identifiers[i]
		if rule.fallback && found {
			continue
		}
		values[i] = bytes.TrimSuffix(bytes.TrimSpace(r.get(rule.column)), []byte(rule.trimSuffix))
		found = found || len(values[i]) > 0
	}
	if !found {
		return nil, errNoIdentifier
	}
	b = append(b, `"identifiers":{`...)
	for i := range r.identifiers {
		if len(values[i]) == 0 {
			continue
		}
		b = append(append(append(b, '"'), r.identifiers[i].kind...), `":[`...)
		for k := i; k < len(values); k++ {
			if len(values[k]) == 0 || r.identifiers[k].kind != r.identifiers[i].kind {
				continue
			}
			next, err := jsontext.AppendQuote(b, values[k])
			if err != nil {
				return nil, columnError(r.identifiers[k].column, errUTF8.Error())
			}
			b = append(next, ',')
			values[k] = values[k][:0]
		}
		b = append(b[:len(b)-1], `],`...)
	}
	b[len(b)-1] = '}' // over the last comma
	return b, nil
}

func (r row) appendProperties(b []byte) ([]byte, error) {
	b = append(b, `,"properties":{`...)
	empty := len(b)
	for i := range r.properties {
		rule := &r.properties[i]
		start := len(b)
		next, err := jsontext.AppendQuote(b, rule.name)
		if err != nil {
			return nil, err
		}
		next = append(next, ':')
		value := len(next)
		if next, err = r.appendProperty(next, rule); err != nil {
			return nil, err
		}
		if b = append(next, ','); len(next) == value { // no value, no property
			b = b[:start]
		}
	}
	if len(b) == empty {
		return append(b, '}'), nil
	}
	b[len(b)-1] = '}'
	return b, nil
}

// appendProperty appends the JSON value of a property, or nothing if a column of it is empty.
func (r row) appendProperty(b []byte, rule *propertyRule) ([]byte, error) {
	switch {
	case rule.constant != nil:
		return append(b, rule.constant...), nil
	case rule.multiply != nil:
		return r.appendProduct(b, rule.multiply)
	case rule.kind == kindString:
		value := bytes.TrimSuffix(r.get(rule.column), []byte(rule.trimSuffix))
		if len(value) == 0 {
			return b, nil
		}
		b, err := jsontext.AppendQuote(b, value)
		if err != nil {
			return nil, columnError(rule.column, errUTF8.Error())
		}
		return b, nil
	}
	n, err := r.number(rule.column)
	if n == nil || err != nil {
		return b, err
	}
	if rule.kind == kindInteger && !n.integral() {
		return nil, columnError(rule.column, "not an integer")
	}
	return n.appendJSON(b), nil
}

func (r row) appendProduct(b []byte, factors []column) ([]byte, error) {
	var product *number
	for _, c := range factors {
		n, err := r.number(c)
		if n == nil || err != nil {
			return b, err
		}
		if product == nil {
			product = n
		} else {
			product.multiply(n)
		}
	}
	return product.appendJSON(b), nil
}

// number reads a column; nil if it is empty.
func (r row) number(c column) (*number, error) {
	value := bytes.TrimSpace(r.get(c))
	if len(value) == 0 {
		return nil, nil
	}
	n, err := parseNumber(value)
	if err != nil {
		return nil, columnError(c, err.Error())
	}
	return n, nil
}
