package feature

import (
	"fmt"
	"strings"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// condition is one comparison of a property, as schemas.Condition with its values sorted out by type.
//
// A number compares with a number, or with a text that is one; a text and a bool only with their like.
// What is null or of another type equals nothing. ne is exactly not eq, so it also holds where the
// property is missing; add {exists: true} to leave those out.
type condition struct {
	property string
	op       string
	values   []any
}

// newCondition checks what a hand-written specification may get wrong; the catalogue's parser has
// checked its own.
func newCondition(c schemas.Condition) (condition, error) {
	fail := func(what, remedy string) (condition, error) {
		return condition{}, fmt.Errorf("where %s: %s: %s; %s", c.Property, c.Op, what, remedy)
	}
	switch c.Op {
	case "in":
		if len(c.Values) == 0 {
			return fail("no value", "name at least one")
		}
	case "eq", "ne", "gt", "gte", "lt", "lte", "exists", "prefix":
		if len(c.Values) != 1 {
			return fail(fmt.Sprintf("%d values", len(c.Values)), "give exactly one")
		}
	default:
		return fail("unknown comparison", "known are eq, ne, in, gt, gte, lt, lte, exists, prefix")
	}
	for _, v := range c.Values {
		_, isText := v.(string)
		_, isNumber := v.(schemas.Decimal)
		_, isBool := v.(bool)
		switch {
		case !isText && !isNumber && !isBool:
			return fail(fmt.Sprintf("a value of type %T", v), "use a text, a number, true or false")
		case c.Op == "exists" && !isBool:
			return fail("not a truth value", "write true or false")
		case c.Op == "prefix" && !isText:
			return fail("not a text", "write a text")
		case strings.ContainsAny(c.Op[:1], "gl") && !isNumber:
			return fail("not a number", "write a number")
		}
	}
	return condition{c.Property, c.Op, c.Values}, nil
}

func (c *condition) holds(ev *wire.Event) bool {
	p := ev.Prop(c.property)
	if p != nil && p.Kind == wire.PropNull {
		p = nil
	}
	switch c.op {
	case "exists":
		return (p != nil) == c.values[0].(bool)
	case "ne":
		return !equals(p, c.values[0])
	case "eq":
		return equals(p, c.values[0])
	case "in":
		for _, v := range c.values {
			if equals(p, v) {
				return true
			}
		}
		return false
	case "prefix":
		return p != nil && p.Kind == wire.PropString && strings.HasPrefix(p.Text, c.values[0].(string))
	}
	x, ok := p.Number()
	if !ok {
		return false
	}
	y := c.values[0].(schemas.Decimal)
	switch c.op {
	case "gt":
		return x > y
	case "gte":
		return x >= y
	case "lt":
		return x < y
	default:
		return x <= y
	}
}

func equals(p *wire.Prop, v any) bool {
	if p == nil {
		return false
	}
	switch v := v.(type) {
	case string:
		return p.Kind == wire.PropString && p.Text == v
	case bool:
		return p.Kind == wire.PropBool && (p.Text == "true") == v
	case schemas.Decimal:
		x, ok := p.Number()
		return ok && x == v
	default:
		return false
	}
}
