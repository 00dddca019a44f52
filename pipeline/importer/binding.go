package importer

import (
	"fmt"
	"slices"
	"strings"
)

// binding is a mapping bound to the columns of one file: every column it names, as an index.
type binding struct {
	*Mapping
	width   int // columns of the file
	indexes map[column]int
}

// bind resolves the mapping's columns. An error is a *MappingError at the column that the file lacks.
func bind(m *Mapping, header []string) (*binding, error) {
	b := &binding{Mapping: m, width: len(header), indexes: map[column]int{}}
	for _, c := range m.used() {
		at := slices.Index(header, c.name)
		if at < 0 {
			return nil, c.at.errorf("it has "+strings.Join(header, ", "), "the file has no column %q", c.name)
		}
		if slices.Contains(header[at+1:], c.name) {
			return nil, c.at.errorf("name the columns by columns: in the mapping", "the file has more than one column %q", c.name)
		}
		b.indexes[c] = at
	}
	return b, nil
}

// used lists the columns that the mapping names, with the place where it does.
func (m *Mapping) used() []column {
	list := []column{m.event.column, m.eventID.column, m.channel.column, m.time.column}
	for _, r := range m.event.rules {
		list = append(list, r.column)
	}
	for _, r := range m.identifiers {
		list = append(list, r.column)
	}
	for _, r := range m.properties {
		list = append(append(list, r.column), r.multiply...)
	}
	return slices.DeleteFunc(list, func(c column) bool { return c.name == "" })
}

// row is one line of the file, as fields.
type row struct {
	*binding
	fields [][]byte
}

func (r row) get(c column) []byte { return r.fields[r.indexes[c]] }

// columnError says which column cannot be used and why, never what is in it.
func columnError(c column, reason string) error {
	return fmt.Errorf("column %s: %s", c.name, reason)
}

// Summary says in a line what the mapping makes of a line, for people.
func (m *Mapping) Summary() string {
	columns := map[string]bool{}
	for _, c := range m.used() {
		columns[c.name] = true
	}
	return fmt.Sprintf("%d columns become an event with %d identifiers and %d properties", len(columns), len(m.identifiers), len(m.properties))
}
