package importer

import (
	"regexp"
	"strings"
	"time"

	"portrait/schemas"
)

// Mapping says how the columns of a CSV file become events. It is read by ParseMapping, does not
// change afterwards and may serve several sources.
type Mapping struct {
	delimiter   byte
	columns     []string // names, for a file without a header
	event       eventRule
	eventID     eventID
	channel     valueRule // neither column nor constant: no channel
	identifiers []identifierRule
	time        timeRule
	properties  []propertyRule // in the order of the file
}

// column is a column by name; at is where the mapping names it.
type column struct {
	name string // empty: none
	at   place
}

// valueRule is a constant or what a column holds.
type valueRule struct {
	column   column
	constant string
}

// eventRule gives the event its name: that of the first rule that holds, else fallback, else, if no rule
// stands at all, what column holds.
type eventRule struct {
	column   column
	rules    []nameRule
	fallback string // also a constant name
}

// nameRule holds if the column is equal to, or starts with, a text.
type nameRule struct {
	column column
	equals bool // else prefix
	text   string
	name   string
}

// eventID is a column, or the hash of the line's content, or neither: then the router makes an id of
// the position in the topic.
type eventID struct {
	column column
	hash   bool
}

type identifierRule struct {
	kind       string // identifier type, perhaps with a scope
	at         place  // of kind
	column     column
	trimSuffix string
	fallback   bool // taken only if no identifier before it had a value
}

// timeRule reads a column by Go's layout, or as an epoch if unit is not 0.
type timeRule struct {
	column column
	layout string
	zone   *time.Location // of times that name none
	unit   time.Duration
}

type propertyKind byte

const (
	kindString propertyKind = iota
	kindInteger
	kindDecimal
)

// propertyRule is a column of a kind, or the exact product of columns, or a constant.
type propertyRule struct {
	name       string
	kind       propertyKind
	column     column
	trimSuffix string   // of strings
	multiply   []column // at least two
	constant   []byte   // JSON
}

// Layouts that a mapping may name instead of writing one out.
const (
	layoutRFC3339 = "rfc3339"
	layoutSeconds = "epoch_seconds"
	layoutMillis  = "epoch_milliseconds"
)

var identifierPattern = regexp.MustCompile(`^[a-z][a-z0-9_]*(@[A-Za-z0-9][A-Za-z0-9_.-]{0,63})?$`)

// ParseMapping reads a mapping file (schemas/mapping.schema.json describes it). An error is a
// *MappingError with line, column and remedy, the first that was found; whether the columns exist shows
// only when a file is opened.
func ParseMapping(source []byte) (*Mapping, error) {
	root, err := parseYAML(source)
	if err != nil {
		return nil, err
	}
	list, err := entries(root, "a mapping", "delimiter", "columns", "event", "event_id", "channel", "identifiers", "time", "properties")
	if err != nil {
		return nil, err
	}
	m := &Mapping{delimiter: ','}
	readers := map[string]func(entry) error{
		"delimiter": m.readDelimiter, "columns": m.readColumns, "event": m.readEvent, "event_id": m.readEventID,
		"channel": m.readChannel, "identifiers": m.readIdentifiers, "time": m.readTime, "properties": m.readProperties,
	}
	seen := map[string]bool{}
	for _, e := range list {
		if err := readers[e.key](e); err != nil {
			return nil, err
		}
		seen[e.key] = true
	}
	for _, key := range []string{"event", "identifiers", "time"} {
		if !seen[key] {
			return nil, placeOfNode(root).errorf("add it", "the mapping has no %s", key)
		}
	}
	return m, nil
}

func (m *Mapping) readDelimiter(e entry) error {
	s, err := text(e)
	if err != nil {
		return err
	}
	if len(s) != 1 || s[0] == '"' || s[0] != '\t' && (s[0] < ' ' || s[0] > '~') {
		return e.at.errorf(`write one, for example ";" or "\t"`, "delimiter is not one ASCII character")
	}
	m.delimiter = s[0]
	return nil
}

func (m *Mapping) readColumns(e entry) error {
	nodes, err := items(e)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		name, err := text(entry{"a column's name", placeOfNode(n), n})
		if err != nil {
			return err
		}
		m.columns = append(m.columns, name)
	}
	return nil
}

func (m *Mapping) readChannel(e entry) (err error) {
	if !isMapping(e.value) {
		m.channel.constant, err = text(e)
		return err
	}
	list, err := entries(e.value, "channel", "column")
	if err != nil {
		return err
	}
	m.channel.column, err = columnOf(list, e)
	return err
}

func (m *Mapping) readEventID(e entry) error {
	if !isMapping(e.value) {
		s, err := text(e)
		if err == nil && s != "hash" {
			err = e.at.errorf("write hash, or {column: NAME}", "event_id %q", s)
		}
		m.eventID.hash = true
		return err
	}
	list, err := entries(e.value, "event_id", "column")
	if err != nil {
		return err
	}
	m.eventID.column, err = columnOf(list, e)
	return err
}

func (m *Mapping) readIdentifiers(e entry) error {
	nodes, err := items(e)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		rule := identifierRule{}
		at := entry{"an identifier", placeOfNode(n), n}
		list, err := entries(n, at.key, "type", "column", "trim_suffix", "fallback")
		if err != nil {
			return err
		}
		if rule.column, err = columnOf(list, at); err != nil {
			return err
		}
		for _, f := range list {
			switch f.key {
			case "type":
				rule.at = f.at
				rule.kind, err = text(f)
				if err == nil && !identifierPattern.MatchString(rule.kind) {
					err = f.at.errorf("write a type such as customer_id or openid@wxapp1", "identifier type %q", rule.kind)
				}
			case "trim_suffix":
				rule.trimSuffix, err = text(f)
			case "fallback":
				rule.fallback, err = yesNo(f)
			}
			if err != nil {
				return err
			}
		}
		if rule.kind == "" {
			return at.at.errorf("add type: customer_id, for example", "an identifier has no type")
		}
		m.identifiers = append(m.identifiers, rule)
	}
	return nil
}

// CheckTypes says which identifier type of the mapping the deployment does not have: the router would make a property
// of it, so that lines would name nobody. An error is a *MappingError.
func (m *Mapping) CheckTypes(dep *schemas.Deployment) error {
	for i := range m.identifiers {
		r := &m.identifiers[i]
		if base := schemas.BaseType(r.kind); dep.Priority(base) < 0 {
			names := make([]string, len(dep.Identifiers))
			for k := range dep.Identifiers {
				names[k] = dep.Identifiers[k].Name
			}
			return r.at.errorf("use "+strings.Join(names, ", "), "the deployment has no identifier type %q", base)
		}
	}
	return nil
}
