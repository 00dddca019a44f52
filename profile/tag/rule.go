package tag

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"

	"portrait/profile/feature"
	"portrait/schemas"
)

// mostCost bounds one evaluation of a rule by cel-go's estimate. A comparison costs 2, a loop over 50
// identifiers 300; a unit takes 50 to 150 ns, so the worst rule 0.3 ms. Less would refuse a look at phones
// for each openid, more would let some tags hold up a record.
const mostCost = 2000

// mostTextBytes is the length that the estimate takes for texts: values of features and identifiers.
const mostTextBytes = feature.MaxText

// rule is a compiled expression.
type rule struct {
	program     cel.Program
	holds       truth // nil if only cel-go can evaluate it
	reads       []int // features, ascending, each once
	identifiers bool
}

// tag compiles one tag. Errors go to k.errs.
func (k *compiler) tag(spec *schemas.TagSpec) *Tag {
	t := &Tag{Name: spec.Name, Description: spec.Description, Enum: spec.Enum, Default: spec.Default, Weight: spec.Weight}
	add := func(value, when string, at schemas.Place) {
		r := k.rule("tag "+spec.Name, when, at)
		t.cases = append(t.cases, compiledCase{value: value, holds: r.holds, program: r.program})
		t.Reads = append(t.Reads, r.reads...)
		t.Identifiers = t.Identifiers || r.identifiers
	}
	if len(spec.Enum) == 0 {
		add("true", spec.When, spec.WhenAt)
	}
	for _, one := range spec.Cases {
		add(one.Value, one.When, one.WhenAt)
	}
	slices.Sort(t.Reads)
	t.Reads = slices.Compact(t.Reads)
	for _, i := range t.Reads {
		t.names = append(t.names, k.out.Features[i].Name)
	}
	return t
}

// rule parses, checks and plans one expression.
func (k *compiler) rule(what, when string, at schemas.Place) rule {
	checked, issues := k.env.Compile(when)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			text, remedy := k.explain(e.Message)
			k.fail(at, when, e.Location.Line(), e.Location.Column(), remedy, what+": "+text)
		}
		return rule{}
	}
	if checked.OutputType() != cel.BoolType {
		k.fail(at, when, 1, 0, "compare it with something", fmt.Sprintf("%s: the rule gives %s, not bool", what, checked.OutputType()))
		return rule{}
	}
	before := len(k.errs)
	w := &walker{compiler: k, ast: checked.NativeRep(), what: what, when: when, at: at}
	w.walk(w.ast.Expr())
	if len(k.errs) > before {
		return rule{}
	}
	estimate, err := k.env.EstimateCost(checked, sizes{k})
	if err != nil {
		k.fail(at, when, 1, 0, "simplify the rule", fmt.Sprintf("%s: cost: %v", what, err))
		return rule{}
	}
	if estimate.Max > mostCost {
		k.fail(at, when, 1, 0, "avoid a loop inside a loop, and long texts",
			fmt.Sprintf("%s: the rule may cost %d, more than %d", what, estimate.Max, mostCost))
		return rule{}
	}
	program, err := k.env.Program(checked, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		k.fail(at, when, 1, 0, "mend the rule", fmt.Sprintf("%s: %v", what, err))
		return rule{}
	}
	return rule{program: program, holds: w.closure(w.ast.Expr()), reads: w.reads, identifiers: w.identifiers}
}

// fail notes an error at a line (from 1) and column (from 0) of a rule. The place in the YAML is exact
// where the rule stands as written: on one line, quoted without escapes, or as a block with |.
func (k *compiler) fail(at schemas.Place, when string, line, column int, remedy, text string) {
	where := fmt.Sprintf("column %d of the rule", column+1)
	if strings.Contains(when, "\n") {
		where = fmt.Sprintf("line %d, %s", line, where)
	}
	at.Line += max(line, 1) - 1
	at.Column += max(column, 0)
	k.errs.Add(at, remedy, "%s (%s)", text, where)
}

// explain turns a message of cel-go into ours, with a remedy.
func (k *compiler) explain(message string) (text, remedy string) {
	if rest, ok := strings.CutPrefix(message, "undeclared reference to '"); ok {
		name, _, _ := strings.Cut(rest, "'")
		return fmt.Sprintf("unknown name %q", name), "known are identifiers, days() and the features " + k.names()
	}
	message = strings.Join(strings.Fields(message), " ")
	switch {
	case strings.Contains(message, "no matching overload") && strings.Contains(message, "duration"):
		return message, "compare a recency with days(30) or duration('30m')"
	case strings.Contains(message, "no matching overload"):
		return message, "both sides must be of one type: counts are int (1), amounts double (1.0), recencies duration"
	case strings.HasPrefix(message, "invalid duration argument"):
		return message, "write days(90) for days; duration() has h, m and s: duration('36h'), duration('1h30m')"
	case strings.HasPrefix(message, "Syntax error"):
		return message, "mend the expression there; rules are CEL, for example orders > 1 && paid >= 99.5"
	}
	return message, "mend the expression there"
}

// names lists features for a message, not more than fit.
func (k *compiler) names() string {
	const most = 20
	var list []string
	for i, f := range k.out.Features {
		if i == most {
			list = append(list, "…")
			break
		}
		list = append(list, f.Name)
	}
	return strings.Join(list, ", ")
}

// sizes tells the cost estimate how large inputs get.
type sizes struct{ k *compiler }

// EstimateCallCost leaves calls to cel-go's own figures.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// EstimateSize returns the bound of a variable, or of a part of identifiers; nil for the rest, which
// cel-go derives from these.
func (s sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	path := node.Path()
	if len(path) == 0 {
		return nil
	}
	text := cost.RangedSizeEstimate(0, mostTextBytes)
	if path[0] != identifiersName {
		if node.Type().IsExactType(cel.StringType) {
			return &text
		}
		return nil
	}
	list := cost.ListSizeEstimate(cost.RangedSizeEstimate(0, s.mostOf(node.Expr())), text)
	switch len(path) {
	case 1:
		all := cost.MapSizeEstimate(cost.FixedSizeEstimate(uint64(len(s.k.dep.Identifiers))), text, list)
		return &all
	case 2:
		if path[1] == "@keys" {
			return &text
		}
		return &list
	}
	return &text
}

// mostOf returns the limit of the type whose identifiers an expression is, or the largest of all.
func (s sizes) mostOf(e ast.Expr) uint64 {
	baseType := ""
	switch e.Kind() {
	case ast.SelectKind:
		baseType = e.AsSelect().FieldName()
	case ast.CallKind:
		if args := e.AsCall().Args(); len(args) == 2 {
			baseType = literal(args[1])
		}
	}
	if limit, ok := s.k.out.limits[baseType]; ok {
		return uint64(limit)
	}
	most := 0
	for _, t := range s.k.dep.Identifiers {
		most = max(most, s.k.out.limits[t.Name])
	}
	return uint64(most)
}
