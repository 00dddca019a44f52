package feature

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"portrait/schemas"
)

// ValueKind is the type of a feature's value.
type ValueKind byte

// The kinds of values, and what Value.Int means for each.
const (
	KindInt      ValueKind = iota + 1 // a number of things
	KindAmount                        // a schemas.Decimal
	KindText                          // Value.Text
	KindBool                          // 0 or 1
	KindTime                          // ms since 1970
	KindDuration                      // ms
)

// Never is the recency, in ms, of what never happened: 100 years of 365 days.
const Never int64 = 100 * 365 * day

// Value is what a feature is worth at an instant. It holds no memory of the state it came from.
type Value struct {
	Kind   ValueKind
	Int    int64
	Text   string
	Absent bool // nothing to tell: then Int is 0 (a duration: Never) and Text is ""
}

// JSON returns the value as JSON: a number (amounts exact, durations in seconds), a string, a bool, a
// time as RFC 3339 with ms in UTC; null if it is absent.
func (v Value) JSON() string { return string(v.AppendJSON(nil)) }

// AppendJSON appends JSON to b.
func (v Value) AppendJSON(b []byte) []byte {
	if v.Absent {
		return append(b, "null"...)
	}
	switch v.Kind {
	case KindAmount:
		return schemas.Decimal(v.Int).Append(b)
	case KindText:
		return appendQuoted(b, v.Text)
	case KindBool:
		return strconv.AppendBool(b, v.Int != 0)
	case KindTime:
		b = append(b, '"')
		b = time.UnixMilli(v.Int).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
		return append(b, '"')
	case KindDuration:
		return appendSeconds(b, v.Int)
	default:
		return strconv.AppendInt(b, v.Int, 10)
	}
}

// appendSeconds writes milliseconds as a decimal number of seconds. Value holds no duration below 0.
func appendSeconds(b []byte, ms int64) []byte {
	b = strconv.AppendInt(b, ms/1000, 10)
	if ms %= 1000; ms != 0 {
		b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
		b = bytes.TrimRight(b, "0")
	}
	return b
}

// appendQuoted writes a JSON string without the escapes of HTML, which would only hide the text.
func appendQuoted(b []byte, s string) []byte {
	if plain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return append(b, `""`...) // a string always encodes
	}
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}

// plain reports whether a JSON string of s is s in quotes: nearly always.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
