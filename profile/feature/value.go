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
func (v Value) JSON() string {
	if v.Absent {
		return "null"
	}
	switch v.Kind {
	case KindAmount:
		return schemas.Decimal(v.Int).String()
	case KindText:
		return quote(v.Text)
	case KindBool:
		return strconv.FormatBool(v.Int != 0)
	case KindTime:
		return quote(time.UnixMilli(v.Int).UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	case KindDuration:
		return seconds(v.Int)
	default:
		return strconv.FormatInt(v.Int, 10)
	}
}

// seconds writes milliseconds as a decimal number of seconds. Value holds no duration below 0.
func seconds(ms int64) string {
	b := strconv.AppendInt(nil, ms/1000, 10)
	if ms %= 1000; ms != 0 {
		b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
		b = bytes.TrimRight(b, "0")
	}
	return string(b)
}

// quote writes a JSON string without the escapes of HTML, which would only hide the text.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // a string always encodes
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
