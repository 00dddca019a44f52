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
	op       operator
	values   []constant
}

// operator is a comparison of schemas.Condition.
type operator byte

const (
	opEq operator = iota + 1
	opNe
	opIn
	opGt
	opGte
	opLt
	opLte
	opExists
	opPrefix
)

var operators = map[string]operator{"eq": opEq, "ne": opNe, "in": opIn, "gt": opGt, "gte": opGte, "lt": opLt, "lte": opLte,
	"exists": opExists, "prefix": opPrefix}

// constant is what a property is compared with.
type constant struct {
	kind   wire.PropKind // PropString, PropNumber or PropBool
	text   string
	number schemas.Decimal
	truth  bool
}

func newConstant(v any) constant {
	switch v := v.(type) {
	case string:
		return constant{kind: wire.PropString, text: v}
	case schemas.Decimal:
		return constant{kind: wire.PropNumber, number: v}
	default:
		return constant{kind: wire.PropBool, truth: v.(bool)}
	}
}

// newCondition checks what a hand-written specification may get wrong; the catalogue's parser has
// checked its own.
func newCondition(c schemas.Condition) (condition, error) {
	fail := func(what, remedy string) (condition, error) {
		return condition{}, fmt.Errorf("where %s: %s: %s; %s", c.Property, c.Op, what, remedy)
	}
	switch operators[c.Op] {
	case opIn:
		if len(c.Values) == 0 {
			return fail("no value", "name at least one")
		}
	case opEq, opNe, opGt, opGte, opLt, opLte, opExists, opPrefix:
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
	compiled := condition{property: c.Property, op: operators[c.Op]}
	for _, v := range c.Values {
		compiled.values = append(compiled.values, newConstant(v))
	}
	return compiled, nil
}

// words returns the texts one of which the property must be, false if something else will do as well.
func (c *condition) words() (texts []string, ok bool) {
	if c.op != opEq && c.op != opIn {
		return nil, false
	}
	for i := range c.values {
		if c.values[i].kind != wire.PropString {
			return nil, false
		}
		texts = append(texts, c.values[i].text)
	}
	return texts, true
}

func (c *condition) holds(ev *wire.Event) bool {
	p := ev.Prop(c.property)
	if p != nil && p.Kind == wire.PropNull {
		p = nil
	}
	first := &c.values[0]
	switch c.op {
	case opExists:
		return (p != nil) == first.truth
	case opNe:
		return !first.equals(p)
	case opEq:
		return first.equals(p)
	case opIn:
		for i := range c.values {
			if c.values[i].equals(p) {
				return true
			}
		}
		return false
	case opPrefix:
		return p != nil && p.Kind == wire.PropString && strings.HasPrefix(p.Text, first.text)
	}
	x, ok := p.Number()
	if !ok {
		return false
	}
	switch c.op {
	case opGt:
		return x > first.number
	case opGte:
		return x >= first.number
	case opLt:
		return x < first.number
	default:
		return x <= first.number
	}
}

func (c *constant) equals(p *wire.Prop) bool {
	if p == nil {
		return false
	}
	switch c.kind {
	case wire.PropString:
		return p.Kind == wire.PropString && p.Text == c.text
	case wire.PropBool:
		return p.Kind == wire.PropBool && (p.Text == "true") == c.truth
	default:
		x, ok := p.Number()
		return ok && x == c.number
	}
}
