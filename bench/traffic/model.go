package traffic

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// all stands for every kind, or every category.
const all = -1

// feature is a feature of a model: what the YAML says of it.
type feature struct {
	name     string
	kind     string // count | sum | min | max | distinct | recency | first | last
	on       Kind   // with any: of no use
	any      bool   // every kind of event
	category int    // or all
	large    bool   // only events with a large amount
	property string // amount | city | category | @day, or "" if the kind takes none
	window   string // "30d"; "" without
	bucket   string
	days     int
}

// condition compares a feature with a constant, or a time with another feature's.
type condition struct {
	feature int
	op      string
	value   string  // as CEL writes it
	number  float64 // what value means: a count, an amount, or ms
	text    string
	other   int // feature whose time is compared with, if value is ""
}

// tag is a tag of a model: boolean if it has no values.
type tag struct {
	name    string
	when    []condition // all must hold; none: see devices
	devices int         // boolean: at least so many devices are known
	cases   []tagCase
	rest    string // the enum's default
	weight  float64
}

type tagCase struct {
	value string
	when  []condition
}

// Model is a catalogue as data.
type Model struct {
	name     string
	comment  string
	features []feature
	tags     []tag
	zone     *time.Location // of calendar days; nil: Asia/Shanghai
}

// InZone returns the model for a deployment whose calendar days are those of a zone.
func (m *Model) InZone(zone *time.Location) *Model {
	other := *m
	other.zone = zone
	return &other
}

// Name is the catalogue's.
func (m *Model) Name() string { return m.name }

// Tags is how many tags the model has.
func (m *Model) Tags() int { return len(m.tags) }

// YAML writes the model as a catalogue.
func (m *Model) YAML() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\nname: %s\n\nfeatures:\n", m.comment, m.name)
	for i := range m.features {
		m.features[i].write(&b)
	}
	b.WriteString("\ntags:\n")
	for i := range m.tags {
		m.tags[i].write(&b, m)
	}
	return []byte(b.String())
}

func (f *feature) write(b *strings.Builder) {
	event := `"*"`
	if !f.any {
		event = f.on.String()
	}
	fmt.Fprintf(b, "  %s: {kind: %s, event: %s", f.name, f.kind, event)
	if f.property != "" {
		fmt.Fprintf(b, ", property: %s", quoted(f.property))
	}
	if f.kind == "first" || f.kind == "last" {
		switch f.property {
		case "amount":
			b.WriteString(", type: number")
		case "city":
			b.WriteString(", type: string")
		}
	}
	var where []string
	if f.category != all {
		where = append(where, "category: "+categories[f.category])
	}
	if f.large {
		where = append(where, fmt.Sprintf("amount: {gte: %d}", large/10))
	}
	if len(where) > 0 {
		fmt.Fprintf(b, ", where: {%s}", strings.Join(where, ", "))
	}
	if f.window != "" {
		fmt.Fprintf(b, ", window: %s", f.window)
	}
	if f.bucket != "" {
		fmt.Fprintf(b, ", bucket: %s", f.bucket)
	}
	if f.days > 0 {
		fmt.Fprintf(b, ", days: %d", f.days)
	}
	b.WriteString("}\n")
}

func quoted(property string) string {
	if strings.HasPrefix(property, "@") {
		return strconv.Quote(property)
	}
	return property
}

func (t *tag) write(b *strings.Builder, m *Model) {
	fmt.Fprintf(b, "  %s:\n", t.name)
	if t.weight != 0 {
		fmt.Fprintf(b, "    weight: %s\n", strconv.FormatFloat(t.weight, 'g', -1, 64))
	}
	switch {
	case t.devices > 0:
		fmt.Fprintf(b, "    when: \"size(identifiers['device_id']) >= %d\"\n", t.devices)
	case t.cases == nil:
		fmt.Fprintf(b, "    when: \"%s\"\n", m.rule(t.when))
	default:
		var values []string
		for _, v := range t.values() {
			values = append(values, v[1:len(v)-1])
		}
		fmt.Fprintf(b, "    enum: [%s]\n    cases:\n", strings.Join(values, ", "))
		for _, c := range t.cases {
			fmt.Fprintf(b, "      - {value: %s, when: \"%s\"}\n", c.value, m.rule(c.when))
		}
		if t.rest != "" {
			fmt.Fprintf(b, "    default: %s\n", t.rest)
		}
	}
}

func (m *Model) rule(when []condition) string {
	var parts []string
	for _, c := range when {
		value := c.value
		if value == "" {
			value = m.features[c.other].name
		}
		parts = append(parts, m.features[c.feature].name+" "+c.op+" "+value)
	}
	return strings.Join(parts, " && ")
}

// values lists what the tag can be when it is on, as JSON.
func (t *tag) values() []string {
	if t.cases == nil {
		return []string{"true"}
	}
	var list []string
	for _, c := range t.cases {
		list = append(list, strconv.Quote(c.value))
	}
	if t.rest != "" {
		list = append(list, strconv.Quote(t.rest))
	}
	return list
}

// add appends a feature and returns its place.
func (m *Model) add(f feature) int {
	m.features = append(m.features, f)
	return len(m.features) - 1
}

func atLeast(f, n int) condition { return count(f, ">=", n) }

func count(f int, op string, n int) condition {
	return condition{feature: f, op: op, value: strconv.Itoa(n), number: float64(n)}
}

// amount compares with an amount in whole units of the currency.
func amount(f int, op string, units int) condition {
	return condition{feature: f, op: op, value: strconv.Itoa(units) + ".0", number: float64(units)}
}

func age(f int, op string, days int) condition {
	return condition{feature: f, op: op, value: fmt.Sprintf("days(%d)", days), number: float64(days) * 86_400_000}
}

func text(f int, v string) condition {
	return condition{feature: f, op: "==", value: "'" + v + "'", text: v}
}

func later(f, than int) condition { return condition{feature: f, op: ">", other: than} }
