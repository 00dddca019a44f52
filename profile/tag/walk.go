package tag

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"portrait/schemas"
)

// walker goes through a checked rule once: it collects what the rule reads and refuses what would make
// it slow, indeterminate or in need of a timer for every instant.
type walker struct {
	*compiler
	ast         *ast.AST
	what, when  string
	at          schemas.Place
	reads       []int
	identifiers bool
}

// refuse notes an error at an expression.
func (w *walker) refuse(e ast.Expr, remedy, text string) {
	location := w.ast.SourceInfo().GetStartLocation(e.ID())
	w.fail(w.at, w.when, location.Line(), location.Column(), remedy, w.what+": "+text)
}

func (w *walker) walk(e ast.Expr) {
	switch e.Kind() {
	case ast.IdentKind:
		w.ident(e)
	case ast.SelectKind:
		w.selection(e)
	case ast.CallKind:
		w.call(e)
	case ast.ListKind:
		for _, element := range e.AsList().Elements() {
			w.walk(element)
		}
	case ast.MapKind, ast.StructKind:
		w.refuse(e, "compare values one by one, or look one up in a list [a, b]", "a rule makes no maps and no messages")
	case ast.ComprehensionKind:
		w.comprehension(e)
	}
}

// name returns the variable that an identifier stands for: the checker resolves .a and a alike.
func (w *walker) name(e ast.Expr) string {
	if e.Kind() != ast.IdentKind {
		return ""
	}
	if r, ok := w.ast.ReferenceMap()[e.ID()]; ok && r.Name != "" {
		return r.Name
	}
	return e.AsIdent()
}

// continuous returns the index of the continuous feature that an expression is, or -1.
func (w *walker) continuous(e ast.Expr) int {
	if i, ok := w.index[w.name(e)]; ok && w.out.Features[i].Continuous() {
		return i
	}
	return -1
}

func (w *walker) ident(e ast.Expr) {
	name := w.name(e)
	switch i, ok := w.index[name]; {
	case name == identifiersName:
		w.refuse(e, `name a type: identifiers.phone or identifiers["phone"]`,
			"identifiers is a map, and a rule depends on no order of a map")
	case w.continuous(e) >= 0:
		w.refuse(e, "write for example "+name+" > days(30)",
			"recency "+name+" may only be compared (< <= > >=) with a constant")
	case ok:
		w.reads = append(w.reads, i)
	}
}

func (w *walker) selection(e ast.Expr) {
	s := e.AsSelect()
	if w.name(s.Operand()) != identifiersName {
		w.walk(s.Operand())
		return
	}
	if s.IsTestOnly() {
		w.refuse(e, "write size(identifiers."+s.FieldName()+") > 0", "has() is true for every type of the deployment")
		return
	}
	w.identifierType(e, s.FieldName())
}

// identifierType notes a look at the identifiers of one type.
func (w *walker) identifierType(e ast.Expr, baseType string) {
	w.identifiers = true
	if w.dep.Priority(baseType) < 0 {
		w.refuse(e, "the deployment has "+strings.Join(w.types(), ", "), "unknown type of identifiers "+strconv.Quote(baseType))
	}
}

func (w *walker) call(e ast.Expr) {
	c := e.AsCall()
	args := c.Args()
	switch c.FunctionName() {
	case operators.Index:
		if w.name(args[0]) == identifiersName {
			if key := literal(args[1]); key != "" {
				w.identifierType(e, key)
				return
			}
		}
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		above := c.FunctionName() == operators.Greater || c.FunctionName() == operators.LessEquals
		if w.comparison(args[0], args[1], above) || w.comparison(args[1], args[0], !above) {
			return
		}
	case overloads.Matches:
		if literal(args[len(args)-1]) == "" {
			w.refuse(e, "write the pattern as a text in quotes", "matches() wants a constant pattern")
		}
	default:
		// Zone names would be looked up in the host's data, which differ.
		if slices.Contains(timeGetters, c.FunctionName()) && len(args) == 1 && !fixedOffset.MatchString(literal(args[0])) {
			w.refuse(e, `write a fixed offset, for example "+08:00"`, c.FunctionName()+"() takes no zone by name")
		}
	}
	if c.IsMemberFunction() {
		w.walk(c.Target())
	}
	for _, arg := range args {
		w.walk(arg)
	}
}

var (
	fixedOffset = regexp.MustCompile(`^[+-][0-9]{2}:[0-9]{2}$`)
	timeGetters = []string{
		overloads.TimeGetFullYear, overloads.TimeGetMonth, overloads.TimeGetDayOfYear, overloads.TimeGetDate,
		overloads.TimeGetDayOfMonth, overloads.TimeGetDayOfWeek, overloads.TimeGetHours,
		overloads.TimeGetMinutes, overloads.TimeGetSeconds, overloads.TimeGetMilliseconds,
	}
)

// literal returns the text of a constant string, or "".
func literal(e ast.Expr) string {
	if e.Kind() != ast.LiteralKind {
		return ""
	}
	s, _ := e.AsLiteral().(types.String)
	return string(s)
}

// comparison takes an age compared with a constant, and reports whether it was one. The answer changes at the constant
// itself, or, above, as soon as the age is more.
func (w *walker) comparison(age, constant ast.Expr, above bool) bool {
	i := w.continuous(age)
	if i < 0 || !closed(constant) {
		return false
	}
	w.reads = append(w.reads, i)
	cut, err := w.duration(constant)
	if err != nil {
		w.refuse(constant, "write for example days(30) or duration('30m')", "the constant: "+err.Error())
		return true
	}
	if cut < 0 || cut == 0 && !above {
		return true // an age is never negative: nothing changes there
	}
	if !above {
		cut-- // at or above d is above d less a nanosecond
	}
	w.cuts[i] = append(w.cuts[i], cut.Milliseconds()+1) // rounded down: an age in whole ms is above 1.5 ms when it is 2
	return true
}

// closed reports whether an expression names no variable, so that it has one value for ever.
func closed(e ast.Expr) bool {
	free := true
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind || e.Kind() == ast.ComprehensionKind {
			free = false
		}
	}))
	return free
}

// duration evaluates a closed expression.
func (w *walker) duration(e ast.Expr) (time.Duration, error) {
	part := ast.NewCheckedAST(ast.NewAST(e, w.ast.SourceInfo()), w.ast.TypeMap(), w.ast.ReferenceMap())
	program, err := w.env.PlanProgram(part)
	if err != nil {
		return 0, err
	}
	value, _, err := program.Eval(cel.NoVars())
	if err != nil {
		return 0, err
	}
	d, ok := value.(types.Duration)
	if !ok {
		return 0, errNoDuration
	}
	return d.Duration, nil
}

func (w *walker) comprehension(e ast.Expr) {
	c := e.AsComprehension()
	if t := w.ast.GetType(c.IterRange().ID()); t.Kind() != types.ListKind {
		w.refuse(c.IterRange(), "loop over the identifiers of one type, for example identifiers.phone",
			"a loop over "+t.String()+": only lists have an order that is the same everywhere")
		return
	}
	for _, name := range []string{c.IterVar(), c.IterVar2()} {
		if _, shadows := w.index[name]; shadows || name == identifiersName {
			w.refuse(e, "choose another name", "the loop's variable "+strconv.Quote(name)+" hides another name")
			return
		}
	}
	for _, part := range []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
		w.walk(part)
	}
}
