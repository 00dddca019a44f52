package schemas

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"
)

func (r *catalogReader) tags(n ast.Node, c *Catalog) {
	for _, e := range r.mapping(n, "tags") {
		r.named(e, "tag")
		c.Tags = append(c.Tags, r.tag(e))
	}
	if len(c.Tags) > maxTags {
		r.fail(n, "split the catalogue", "%d tags, more than %d", len(c.Tags), maxTags)
	}
	slices.SortFunc(c.Tags, func(a, b TagSpec) int { return cmp.Compare(a.Name, b.Name) })
}

func (r *catalogReader) tag(e entry) TagSpec {
	t := TagSpec{Name: e.name, At: e.at}
	what := "tag " + clip(e.name)
	given := make(map[string]ast.Node)
	for _, g := range r.mapping(e.value, what, "description", "when", "enum", "cases", "default", "weight") {
		given[g.name] = g.value
	}
	if n, ok := given["description"]; ok {
		t.Description = r.text(n, "description", maxProseBytes)
	}
	if n, ok := given["weight"]; ok {
		t.Weight = r.weight(n)
	}
	when, boolean := given["when"]
	enum, listed := given["enum"]
	cases, decided := given["cases"]
	switch {
	case boolean && (listed || decided || given["default"] != nil):
		r.fail(when, "keep when: for true or false, or enum: and cases: for values", "%s is boolean and enum at once", what)
	case boolean:
		t.When, t.WhenAt = r.rule(when, what)
	case listed && decided:
		t.Enum = r.texts(enum, "enum", maxValueBytes)
		if slices.Contains(t.Enum, "true") {
			r.fail(enum, "choose another word", "%s has the value \"true\", which a boolean tag publishes", what)
		}
		if len(t.Enum) > maxEnum {
			r.fail(enum, "at most 64", "%s has %d values", what, len(t.Enum))
		}
		r.cases(&t, cases, what)
		if n, ok := given["default"]; ok {
			t.Default = r.value(&t, n, "default")
		}
	case listed:
		r.errs.Add(e.at, "add cases: with value: and when:", "%s has an enum but no cases", what)
	case decided:
		r.errs.Add(e.at, "add enum: with the values there are", "%s has cases but no enum", what)
	case given["default"] != nil:
		r.fail(given["default"], "add enum: and cases:", "%s has a default but no enum", what)
	case len(given) > 0:
		r.errs.Add(e.at, "add when:, or enum: and cases:", "%s has no rule", what)
	default:
		r.errs.Add(e.at, "add when:, or enum: and cases:", "%s is empty", what)
	}
	return t
}

func (r *catalogReader) cases(t *TagSpec, n ast.Node, what string) {
	nodes := r.list(n, what+": cases")
	if len(nodes) > maxEnum {
		r.fail(n, "at most 64", "%s has %d cases", what, len(nodes))
		return
	}
	if _, isList := n.(*ast.SequenceNode); isList && len(nodes) == 0 {
		r.fail(n, "write one - {value: …, when: …} per line", "%s: cases is empty", what)
	}
	for _, node := range nodes {
		var one TagCase
		entries := r.mapping(node, what+": case", "value", "when")
		for _, e := range entries {
			switch e.name {
			case "value":
				one.Value = r.value(t, e.value, "value")
			case "when":
				one.When, one.WhenAt = r.rule(e.value, what)
			}
		}
		if len(entries) == 1 {
			r.fail(node, "write {value: …, when: …}", "%s: a case has a value and a when", what)
		}
		t.Cases = append(t.Cases, one)
	}
}

// value reads one of the enum's values.
func (r *catalogReader) value(t *TagSpec, n ast.Node, what string) string {
	s := r.text(n, what, maxValueBytes)
	if s != "" && len(t.Enum) > 0 && !slices.Contains(t.Enum, s) {
		r.fail(n, "add it to enum: or mend the spelling", "%s %q is not in the enum of tag %s", what, clip(s), clip(t.Name))
	}
	return s
}

func (r *catalogReader) rule(n ast.Node, what string) (string, Place) {
	return r.text(n, what+": when", maxRuleBytes), r.whenPlace(n)
}

func (r *catalogReader) weight(n ast.Node) *float64 {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		if w, err := strconv.ParseFloat(n.GetToken().Value, 64); err == nil && !math.IsInf(w, 0) && !math.IsNaN(w) {
			return &w
		}
	}
	r.fail(n, "write a number, for example 2.5", "weight is %s", describe(n))
	return nil
}
