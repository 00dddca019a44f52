package schemas

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

const maxConditions = 32 // of a feature, and values of one in

// where reads property -> scalar (eq) | list (in) | mapping of ops.
func (r *catalogReader) where(n ast.Node) []Condition {
	var list []Condition
	for _, e := range r.mapping(n, "where") {
		if e.name == "" || len(e.name) > maxEventBytes {
			r.errs.Add(e.at, "1 to 200 bytes", "a property's name of %d bytes", len(e.name))
		}
		switch v := e.value.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			ops := r.mapping(v, "where "+clip(e.name), "eq", "ne", "in", "gt", "gte", "lt", "lte", "exists", "prefix")
			if len(ops) == 0 && len(r.errs) == 0 {
				r.fail(v, "write a comparison, for example {gte: 10}", "where %s compares with nothing", clip(e.name))
			}
			for _, op := range ops {
				list = append(list, r.condition(e.name, op.name, op.value))
			}
		case *ast.SequenceNode:
			list = append(list, r.condition(e.name, "in", v))
		default:
			list = append(list, r.condition(e.name, "eq", v))
		}
	}
	if len(list) > maxConditions {
		r.fail(n, "at most 32", "where has %d conditions", len(list))
	}
	slices.SortFunc(list, func(a, b Condition) int {
		return cmp.Or(cmp.Compare(a.Property, b.Property), cmp.Compare(a.Op, b.Op))
	})
	return list
}

func (r *catalogReader) condition(property, op string, n ast.Node) Condition {
	c := Condition{Property: property, Op: op}
	what := "where " + clip(property) + ": " + op
	nodes := []ast.Node{n}
	if op == "in" {
		nodes = r.list(n, what)
		if _, isList := n.(*ast.SequenceNode); isList && (len(nodes) == 0 || len(nodes) > maxConditions) {
			r.fail(n, fmt.Sprintf("1 to %d", maxConditions), "%s has %d values", what, len(nodes))
		}
	}
	for _, node := range nodes {
		v := r.scalar(node, what)
		if v == nil {
			continue
		}
		_, isText := v.(string)
		_, isNumber := v.(Decimal)
		_, isBool := v.(bool)
		switch {
		case op == "exists" && !isBool:
			r.fail(node, "write true or false", "%s wants a truth value, not %s", what, describe(node))
		case op == "prefix" && (!isText || v == ""):
			r.fail(node, "write a text of at least one character", "%s wants a text, not %s", what, describe(node))
		case (op == "gt" || op == "gte" || op == "lt" || op == "lte") && !isNumber:
			r.fail(node, "write a plain number, for example 10.5", "%s wants a number, not %s", what, describe(node))
		case slices.Contains(c.Values, v):
			r.fail(node, "keep one of the two", "%s: %s is there twice", what, describe(node))
		default:
			c.Values = append(c.Values, v)
		}
	}
	slices.SortFunc(c.Values, compareScalars)
	return c
}

var plainNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]{1,6})?$`)

// scalar returns a string, a Decimal or a bool; nil if it is none, which has been noted.
func (r *catalogReader) scalar(n ast.Node, what string) any {
	switch t := n.(type) {
	case *ast.StringNode:
		if len(t.Value) <= maxValueBytes {
			return t.Value // empty is a value, too
		}
		r.fail(n, "at most 256 bytes", "%s: a text of %d bytes", what, len(t.Value))
		return nil
	case *ast.BoolNode:
		return t.Value
	case *ast.IntegerNode, *ast.FloatNode:
		// From its text: a float64 in between would change digits.
		if text := n.GetToken().Value; plainNumber.MatchString(text) {
			if d, err := ParseDecimal(text); err == nil {
				return d
			}
		}
		r.fail(n, "write plain digits, at most 10^12 and six decimals", "%s: %s is no amount", what, describe(n))
		return nil
	}
	r.fail(n, "write a text, a number, true or false; for a missing property {exists: false}", "%s: %s cannot be compared with", what, describe(n))
	return nil
}

// compareScalars orders bools, then numbers, then texts.
func compareScalars(a, b any) int {
	rank := func(v any) int {
		switch v.(type) {
		case bool:
			return 0
		case Decimal:
			return 1
		}
		return 2
	}
	if c := rank(a) - rank(b); c != 0 {
		return c
	}
	switch x := a.(type) {
	case bool:
		if x == b.(bool) {
			return 0
		} else if x {
			return 1
		}
		return -1
	case Decimal:
		return cmp.Compare(x, b.(Decimal))
	}
	return cmp.Compare(a.(string), b.(string))
}
