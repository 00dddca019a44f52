package tag

import (
	"math"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"portrait/profile/feature"
)

func (c *closer) word(e ast.Expr) word {
	if v, ok := c.constant(e); ok {
		return c.constantWord(v)
	}
	if i := c.feature(e); i >= 0 {
		switch c.out.Features[i].Type() {
		case feature.KindDuration:
			return func(in Inputs) (int64, bool) { return nanos(in.Feature(i)), true }
		default:
			return func(in Inputs) (int64, bool) { return in.Feature(i).Int, true }
		}
	}
	if e.Kind() == ast.CallKind && c.kind(e) == types.IntKind {
		call := e.AsCall()
		if call.FunctionName() == overloads.Size {
			return c.size(call)
		}
		if args := call.Args(); len(args) == 2 && arithmetic[call.FunctionName()] != nil {
			x, y, do := c.word(args[0]), c.word(args[1]), arithmetic[call.FunctionName()]
			return func(in Inputs) (int64, bool) {
				v, okV := x(in)
				w, okW := y(in)
				if !okV || !okW {
					return 0, false
				}
				return do(v, w)
			}
		}
	}
	c.giveUp()
	return nil
}

func (c *closer) constantWord(v any) word {
	n := int64(0)
	switch v := v.(type) {
	case types.Int:
		n = int64(v)
	case types.Duration:
		n = int64(v.Duration)
	case types.Timestamp:
		n = v.UnixMilli()
		if v.Nanosecond()%1_000_000 != 0 {
			c.giveUp() // between two of our times
		}
	default:
		c.giveUp()
	}
	return func(Inputs) (int64, bool) { return n, true }
}

// size is how many identifiers of a type there are, or how many characters a text has.
func (c *closer) size(call ast.CallExpr) word {
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	if len(args) != 1 {
		c.giveUp()
		return nil
	}
	if baseType := c.identifiersOf(args[0]); baseType != "" {
		return func(in Inputs) (int64, bool) { return int64(in.IdentifierCount(baseType)), true }
	}
	if c.kind(args[0]) == types.StringKind {
		f := c.text(args[0])
		return func(in Inputs) (int64, bool) {
			v, ok := f(in)
			return int64(utf8.RuneCountInString(v)), ok
		}
	}
	c.giveUp()
	return nil
}

// identifiersOf returns the type in identifiers.type or identifiers["type"], or "".
func (c *closer) identifiersOf(e ast.Expr) string {
	switch e.Kind() {
	case ast.SelectKind:
		if s := e.AsSelect(); !s.IsTestOnly() && c.name(s.Operand()) == identifiersName {
			return s.FieldName()
		}
	case ast.CallKind:
		call := e.AsCall()
		if args := call.Args(); call.FunctionName() == operators.Index && c.name(args[0]) == identifiersName {
			return literal(args[1])
		}
	}
	return ""
}

// arithmetic on ints fails where CEL's does: beyond 64 bits, and by zero.
var arithmetic = map[string]func(a, b int64) (int64, bool){
	operators.Add: func(a, b int64) (int64, bool) {
		s := a + b
		return s, (s > a) == (b > 0)
	},
	operators.Subtract: func(a, b int64) (int64, bool) {
		s := a - b
		return s, (s < a) == (b > 0)
	},
	operators.Multiply: func(a, b int64) (int64, bool) {
		if a == 0 || b == 0 {
			return 0, true
		}
		p := a * b
		return p, p/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64)
	},
	operators.Divide: func(a, b int64) (int64, bool) {
		if b == 0 || b == -1 && a == math.MinInt64 {
			return 0, false
		}
		return a / b, true
	},
	operators.Modulo: func(a, b int64) (int64, bool) {
		if b == 0 || b == -1 && a == math.MinInt64 {
			return 0, false
		}
		return a % b, true
	},
}
