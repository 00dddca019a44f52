package tag

import (
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"portrait/profile/feature"
)

const (
	identifiersName = "identifiers"
	daysName        = "days"
	day             = 24 * time.Hour
	mostDays        = int64(1<<63-1) / int64(day) // 106,751: what a CEL duration holds
)

// Bounds of one rule's text. CEL's own defaults are 100,000 characters and 250 levels.
const (
	mostCharacters = 4000
	mostLevels     = 60
	mostNodes      = 1000
)

// newEnv declares what a rule may use: the features by name, identifiers and days. A comparison of
// an int with a double is allowed (paid >= 5000), as it is exact; arithmetic on both is not.
func newEnv(features []*feature.Feature) (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.StdLib(),
		cel.EagerlyValidateDeclarations(true),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(mostCharacters),
		cel.ParserRecursionLimit(mostLevels),
		cel.ExpressionNodeLimit(mostNodes),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(),
			cel.ValidateRegexLiterals(), cel.ValidateHomogeneousAggregateLiterals()),
		cel.Variable(identifiersName, cel.MapType(cel.StringType, cel.ListType(cel.StringType))),
		cel.Function(daysName, cel.Overload("days_int", []*cel.Type{cel.IntType}, cel.DurationType,
			cel.UnaryBinding(days))),
	}
	for _, f := range features {
		options = append(options, cel.Variable(f.Name, celType(f.Type())))
	}
	return cel.NewCustomEnv(options...)
}

// days returns a duration of n times 24 hours.
func days(n ref.Val) ref.Val {
	count, ok := n.(types.Int)
	if !ok {
		return types.MaybeNoSuchOverloadErr(n)
	}
	if int64(count) > mostDays || int64(count) < -mostDays {
		return types.NewErr("days(%d) is more than %d days", int64(count), mostDays)
	}
	return types.Duration{Duration: time.Duration(count) * day}
}

func celType(kind feature.ValueKind) *cel.Type {
	switch kind {
	case feature.KindAmount:
		return cel.DoubleType
	case feature.KindText:
		return cel.StringType
	case feature.KindBool:
		return cel.BoolType
	case feature.KindTime:
		return cel.TimestampType
	case feature.KindDuration:
		return cel.DurationType
	}
	return cel.IntType
}
