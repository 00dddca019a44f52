package importer

import (
	"strconv"
	"time"
	_ "time/tzdata" // for hosts without zone data

	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml/ast"
)

func isMapping(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// columnOf returns the column that a list of entries must name.
func columnOf(list []entry, of entry) (column, error) {
	for _, e := range list {
		if e.key == "column" {
			name, err := text(e)
			return column{name, placeOfNode(e.value)}, err
		}
	}
	return column{}, of.at.errorf("add column: NAME", "%s names no column", of.key)
}

func (m *Mapping) readEvent(e entry) (err error) {
	if !isMapping(e.value) {
		m.event.fallback, err = text(e)
		return err
	}
	list, err := entries(e.value, "event", "column", "rules", "default")
	if err != nil {
		return err
	}
	for _, f := range list {
		switch f.key {
		case "column":
			m.event.column, err = columnOf(list, e)
		case "default":
			m.event.fallback, err = text(f)
		case "rules":
			err = m.readNameRules(f)
		}
		if err != nil {
			return err
		}
	}
	switch r := &m.event; {
	case r.column.name != "" && (len(r.rules) > 0 || r.fallback != ""):
		return e.at.errorf("keep column alone, or rules and default", "event takes its name from a column and from rules")
	case r.column.name == "" && len(r.rules) == 0:
		return e.at.errorf("write event: NAME, {column: NAME}, or rules and default", "event has no rules")
	}
	return nil
}

func (m *Mapping) readNameRules(e entry) error {
	nodes, err := items(e)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		at := entry{"a rule", placeOfNode(n), n}
		list, err := entries(n, at.key, "column", "prefix", "equals", "name")
		if err != nil {
			return err
		}
		rule := nameRule{}
		if rule.column, err = columnOf(list, at); err != nil {
			return err
		}
		tests := 0
		for _, f := range list {
			switch f.key {
			case "prefix", "equals":
				tests++
				rule.equals = f.key == "equals"
				rule.text, err = text(f)
			case "name":
				rule.name, err = text(f)
			}
			if err != nil {
				return err
			}
		}
		if tests != 1 || rule.name == "" {
			return at.at.errorf("write {column: NAME, prefix: TEXT, name: EVENT}", "a rule needs a name, and either prefix or equals")
		}
		m.event.rules = append(m.event.rules, rule)
	}
	return nil
}

func (m *Mapping) readTime(e entry) error {
	list, err := entries(e.value, "time", "column", "layout", "zone")
	if err != nil {
		return err
	}
	r := timeRule{layout: time.RFC3339Nano, zone: time.UTC}
	if r.column, err = columnOf(list, e); err != nil {
		return err
	}
	for _, f := range list {
		s, err := text(f)
		if err != nil {
			return err
		}
		switch f.key {
		case "layout":
			err = r.readLayout(f, s)
		case "zone":
			// "Local" would read the same file differently on the next host.
			if r.zone, err = time.LoadLocation(s); err != nil || s == "Local" {
				err = f.at.errorf("write an IANA name such as Asia/Shanghai, or UTC", "unknown time zone %q", s)
			}
		}
		if err != nil {
			return err
		}
	}
	m.time = r
	return nil
}

func (r *timeRule) readLayout(e entry, s string) error {
	switch s {
	case layoutRFC3339:
		return nil
	case layoutSeconds:
		r.unit = time.Second
		return nil
	case layoutMillis:
		r.unit = time.Millisecond
		return nil
	}
	// "yyyy-MM-dd" is a layout to Go as well, one that reads no date: see whether one comes through.
	probe := time.Date(2019, 11, 23, 0, 0, 0, 0, time.UTC)
	back, err := time.ParseInLocation(s, probe.Format(s), time.UTC)
	if err != nil || back.Year() != 2019 || back.Month() != 11 || back.Day() != 23 {
		return e.at.errorf(`write "2006-01-02 15:04:05" the way the column would write it, or rfc3339, epoch_seconds, epoch_milliseconds`,
			"layout %q has no whole date", s)
	}
	r.layout = s
	return nil
}

func (m *Mapping) readProperties(e entry) error {
	list, err := entries(e.value, "properties")
	if err != nil {
		return err
	}
	for _, f := range list {
		rule, err := readProperty(f)
		if err != nil {
			return err
		}
		m.properties = append(m.properties, rule)
	}
	return nil
}

func readProperty(e entry) (propertyRule, error) {
	r := propertyRule{name: e.key}
	list, err := entries(e.value, "property "+strconv.Quote(e.key), "column", "type", "trim_suffix", "multiply", "value")
	if err != nil {
		return r, err
	}
	sources := 0
	for _, f := range list {
		switch f.key {
		case "column":
			sources++
			r.column, err = columnOf(list, e)
		case "multiply":
			sources++
			r.multiply, err = readFactors(f)
		case "value":
			sources++
			r.constant, err = readConstant(f)
		case "trim_suffix":
			r.trimSuffix, err = text(f)
		case "type":
			r.kind, err = readKind(f)
		}
		if err != nil {
			return r, err
		}
	}
	switch {
	case sources != 1:
		return r, e.at.errorf("give it one of column, multiply and value", "property %q has %d sources", e.key, sources)
	case r.column.name == "" && (r.kind != kindString || r.trimSuffix != ""):
		return r, e.at.errorf("leave them out", "type and trim_suffix of property %q need a column", e.key)
	case r.kind != kindString && r.trimSuffix != "":
		return r, e.at.errorf("leave it out", "trim_suffix of property %q needs type string", e.key)
	}
	return r, nil
}

func readKind(e entry) (propertyKind, error) {
	s, err := text(e)
	if err != nil {
		return 0, err
	}
	switch s {
	case "string":
		return kindString, nil
	case "integer":
		return kindInteger, nil
	case "decimal":
		return kindDecimal, nil
	}
	return 0, e.at.errorf("write string, integer or decimal", "unknown type %q", s)
}

func readFactors(e entry) ([]column, error) {
	nodes, err := items(e)
	if err != nil {
		return nil, err
	}
	if len(nodes) < 2 || len(nodes) > 8 {
		return nil, e.at.errorf("name two to eight columns", "multiply has %d columns", len(nodes))
	}
	list := make([]column, len(nodes))
	for i, n := range nodes {
		at := placeOfNode(n)
		name, err := text(entry{"a column's name", at, n})
		if err != nil {
			return nil, err
		}
		list[i] = column{name, at}
	}
	return list, nil
}

// readConstant returns JSON. A number keeps its digits.
func readConstant(e entry) ([]byte, error) {
	s, err := text(e)
	if err != nil {
		return nil, err
	}
	switch n := e.value.(type) {
	case *ast.BoolNode:
		return strconv.AppendBool(nil, n.Value), nil
	case *ast.IntegerNode, *ast.FloatNode:
		amount, err := parseNumber([]byte(s))
		if err != nil {
			return nil, e.at.errorf("write plain digits, or quotes for a text", "value is %v", err)
		}
		return amount.appendJSON(nil), nil
	}
	return jsontext.AppendQuote(nil, s)
}
