package machine

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// Documents and tag changes are written by hand, in the very bytes of encoding/json: reflection and
// maps were a tenth of the machine's time. Tests hold both against encoding/json.

// writer appends JSON.
type writer struct {
	b     []byte
	comma bool // a value stands before, in this object or array
}

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

func (w *writer) open(c byte) {
	w.b = append(w.b, c)
	w.comma = false
}

func (w *writer) close(c byte) {
	w.b = append(w.b, c)
	w.comma = true
}

func (w *writer) next() {
	if w.comma {
		w.b = append(w.b, ',')
	}
	w.comma = true
}

func (w *writer) key(name string) {
	w.next()
	w.string(name)
	w.b = append(w.b, ':')
}

// string appends a JSON string; what is plain ASCII is copied, the rest goes through encoding/json.
func (w *writer) string(s string) {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			w.b = append(w.b, mustJSON(s)...)
			return
		}
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"')
}

func (w *writer) text(name, value string) {
	w.key(name)
	w.string(value)
}

func (w *writer) optional(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *writer) uint(name string, v uint64) {
	w.key(name)
	w.b = strconv.AppendUint(w.b, v, 10)
}

func (w *writer) time(name string, ms int64) {
	w.key(name)
	w.b = append(w.b, '"')
	w.b = appendTime(w.b, ms)
	w.b = append(w.b, '"')
}

// tagValue appends one side of a change, or a tag of a document.
func (w *writer) tagValue(name string, v any) {
	w.key(name)
	switch x := v.(type) {
	case nil:
		w.raw("null")
	case bool:
		w.b = strconv.AppendBool(w.b, x)
	case string:
		w.string(x)
	}
}

// identifiers appends canonical identifiers, ascending, as an object of lists by type.
func (w *writer) identifiers(members []string) {
	w.key("identifiers")
	w.open('{')
	groups := members
	if !slices.IsSortedFunc(members, byTypeFirst) { // one type's name begins with another's
		groups = slices.SortedStableFunc(slices.Values(members), byTypeFirst)
	}
	before := ""
	for _, id := range groups {
		t, v, _ := strings.Cut(id, ":")
		if t != before {
			if before != "" {
				w.close(']')
			}
			w.key(t)
			w.open('[')
			before = t
		}
		w.next()
		w.string(v)
	}
	if before != "" {
		w.close(']')
	}
	w.close('}')
}

func byTypeFirst(a, b string) int {
	ta, va, _ := strings.Cut(a, ":")
	tb, vb, _ := strings.Cut(b, ":")
	if c := strings.Compare(ta, tb); c != 0 {
		return c
	}
	return strings.Compare(va, vb)
}

// tagChangeJSON is schemas.TagChange as JSON; c's Identifiers, EventTime and DecidedAt are left out of c
// and given as members and instants.
func tagChangeJSON(c *schemas.TagChange, members []string, eventTime, decidedAt int64) []byte {
	w := writer{b: make([]byte, 0, 640)}
	w.open('{')
	w.text("id", c.ID)
	w.text("profile_id", c.ProfileID)
	w.optional("tag", c.Tag)
	w.text("change", string(c.Change))
	w.tagValue("value", c.Value)
	w.tagValue("previous", c.Previous)
	if c.Weight != nil {
		w.key("weight")
		w.b = append(w.b, mustJSON(*c.Weight)...)
	}
	w.optional("winner", c.Winner)
	w.uint("epoch", uint64(c.Epoch))
	w.uint("version", c.Version)
	w.uint("previous_version", c.PreviousVersion)
	w.text("catalog", c.Catalog)
	w.key("cause")
	w.open('{')
	w.text("kind", string(c.Cause.Kind))
	w.optional("event_id", c.Cause.EventID)
	w.close('}')
	w.time("event_time", eventTime)
	w.time("decided_at", decidedAt)
	w.identifiers(members)
	w.close('}')
	return w.b
}

// profileDocJSON is schemas.ProfileDoc as JSON; d's times, identifiers, tags and features are left out
// of d and given beside it.
func profileDocJSON(d *schemas.ProfileDoc, members []string, asOf, first, last int64, tags, features []wire.NamedValue) []byte {
	size := 512 // of what is not in a list
	for _, id := range members {
		size += len(id) + 8
	}
	for _, list := range [...][]wire.NamedValue{tags, features} {
		for _, v := range list {
			size += len(v.Name) + len(v.Value) + 4
		}
	}
	w := writer{b: make([]byte, 0, size)}
	w.open('{')
	w.text("profile_id", d.ProfileID)
	w.uint("epoch", uint64(d.Epoch))
	w.uint("version", d.Version)
	w.uint("tag_version", d.TagVersion)
	w.text("catalog", d.Catalog)
	w.time("as_of", asOf)
	w.time("first_seen", first)
	w.time("last_seen", last)
	w.key("events")
	w.b = strconv.AppendInt(w.b, d.Events, 10)
	w.identifiers(members)
	w.object("tags", tags)
	w.object("features", features)
	w.close('}')
	return w.b
}

// object appends values that are JSON already, ascending by name.
func (w *writer) object(name string, list []wire.NamedValue) {
	w.key(name)
	w.open('{')
	for _, v := range list {
		w.next()
		w.b = append(w.b, '"')
		w.b = append(w.b, v.Name...) // of a feature or tag: a-z, 0-9 and _ only
		w.b = append(w.b, '"', ':')
		w.raw(v.Value)
	}
	w.close('}')
}

// appendTime appends an instant as RFC 3339 in UTC with milliseconds.
func appendTime(b []byte, ms int64) []byte {
	t := time.UnixMilli(ms).UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	}
	hour, minute, second := t.Clock()
	b = appendDigits(b, year, 4)
	b = appendDigits(append(b, '-'), int(month), 2)
	b = appendDigits(append(b, '-'), day, 2)
	b = appendDigits(append(b, 'T'), hour, 2)
	b = appendDigits(append(b, ':'), minute, 2)
	b = appendDigits(append(b, ':'), second, 2)
	b = appendDigits(append(b, '.'), t.Nanosecond()/1_000_000, 3)
	return append(b, 'Z')
}

func appendDigits(b []byte, v, n int) []byte {
	for div := [...]int{0, 1, 10, 100, 1000}[n]; div > 0; div /= 10 {
		b = append(b, byte('0'+v/div%10))
	}
	return b
}

// mustJSON marshals plain data, which cannot fail.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
