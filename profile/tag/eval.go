package tag

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"portrait/profile/feature"
	"portrait/schemas"
)

var (
	errNoDuration = errors.New("it is no duration")
	errOneType    = errors.New("identifiers are read by type only")
)

// Inputs is what a rule may look at: one profile at one instant. It is asked only for what the
// evaluation needs, perhaps several times, and must answer the same each time.
type Inputs interface {
	// Feature returns the value of the feature with that index.
	Feature(i int) feature.Value
	// Identifiers returns the profile's identifiers of a base type, sorted. They are not changed.
	Identifiers(baseType string) []string
	// IdentifierCount returns how many Identifiers there are.
	IdentifierCount(baseType string) int
}

// Tag is a compiled tag. It is immutable.
type Tag struct {
	Name        string
	Description string
	Enum        []string // values in the catalogue's order; empty: boolean
	Default     string   // of an enum, if no case holds; "": no value
	Reads       []int    // features that a rule names, ascending
	Identifiers bool     // a rule names identifiers
	Weight      *float64

	names []string // of Reads
	cases []compiledCase
}

type compiledCase struct {
	value   string
	holds   truth       // nil: program has to be asked
	program cel.Program // always there: the oracle of holds
}

// Eval returns the tag's value: "true" or "" for a boolean; a value of the enum, its default, or "" for
// an enum. An error says that a rule has no answer for these inputs, for example because of a division
// by zero; the tag then keeps the value it had. Cases before the one that holds count, cases behind it
// are not looked at.
func (t *Tag) Eval(in Inputs) (string, error) {
	for i := range t.cases {
		c := &t.cases[i]
		if c.holds != nil {
			if holds, ok := c.holds(in); ok && holds {
				return c.value, nil
			} else if ok {
				continue
			}
		}
		if holds, err := t.ask(c, in); err != nil {
			return "", fmt.Errorf("tag %s, rule %d: %w", t.Name, i+1, err)
		} else if holds {
			return c.value, nil
		}
	}
	return t.Default, nil
}

// ask has cel-go evaluate a rule: one without a closure, or whose closure fails, for the error.
func (t *Tag) ask(c *compiledCase, in Inputs) (bool, error) {
	out, _, err := c.program.Eval(&activation{tag: t, in: in})
	return out == types.True, err
}

// activation answers a program's questions from Inputs, without a map per evaluation.
type activation struct {
	tag *Tag
	in  Inputs
}

var _ interpreter.Activation = (*activation)(nil)

// ResolveName returns the value of a variable.
func (a *activation) ResolveName(name string) (any, bool) {
	for i, n := range a.tag.names { // a rule reads a handful: shorter than a map's hash
		if n == name {
			return celValue(a.in.Feature(a.tag.Reads[i])), true
		}
	}
	if name == identifiersName {
		return identifierMap{a.in}, true
	}
	return nil, false
}

// Parent returns nil: there is nothing behind it.
func (a *activation) Parent() interpreter.Activation { return nil }

// celValue converts a feature's value. What is absent is 0, "", false, the epoch, or for a recency
// feature.Never.
func celValue(v feature.Value) ref.Val {
	switch v.Kind {
	case feature.KindAmount:
		return types.Double(schemas.Decimal(v.Int).Float())
	case feature.KindText:
		return types.String(v.Text)
	case feature.KindBool:
		return types.Bool(v.Int != 0)
	case feature.KindTime:
		return types.Timestamp{Time: time.UnixMilli(v.Int).UTC()}
	case feature.KindDuration:
		return types.Duration{Duration: time.Duration(nanos(v))}
	}
	return types.Int(v.Int)
}

// nanos is the age that a recency feature holds.
func nanos(v feature.Value) int64 {
	ms := v.Int
	if v.Absent {
		ms = feature.Never
	}
	return min(ms, mostMillis) * int64(time.Millisecond)
}

// mostMillis is what a CEL duration holds: 292 years.
const mostMillis = int64(1<<63-1) / int64(time.Millisecond)

// identifierMap is identifiers in a rule. The compiler lets a rule only look up constant types, so it
// can be asked for nothing else, and has no order.
type identifierMap struct{ in Inputs }

// Get returns the list of one type.
func (m identifierMap) Get(key ref.Val) ref.Val {
	baseType, ok := key.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(key)
	}
	return types.NewStringList(types.DefaultTypeAdapter, m.in.Identifiers(string(baseType)))
}

// ConvertToNative is not supported.
func (m identifierMap) ConvertToNative(reflect.Type) (any, error) { return nil, errOneType }

// ConvertToType is not supported.
func (m identifierMap) ConvertToType(ref.Type) ref.Val { return types.WrapErr(errOneType) }

// Equal is not supported.
func (m identifierMap) Equal(ref.Val) ref.Val { return types.WrapErr(errOneType) }

// Type is a map.
func (m identifierMap) Type() ref.Type { return types.MapType }

// Value returns the inputs.
func (m identifierMap) Value() any { return m.in }
