package schemas

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// featureKeys says which keys a kind has beyond kind, event, where and description.
var featureKeys = map[string][]string{
	"count":    {"window", "bucket", "days"},
	"sum":      {"property", "window", "bucket", "days"},
	"min":      {"property", "window", "bucket", "days"},
	"max":      {"property", "window", "bucket", "days"},
	"distinct": {"property", "window", "bucket", "days", "limit"},
	"recency":  {},
	"first":    {"property", "type"},
	"last":     {"property", "type"},
}

const kindNames = "count, sum, min, max, distinct, recency, first, last"

// DayProperty is the property of a distinct feature that counts calendar days of the event's time in
// the deployment's zone.
const DayProperty = "@day"

func (r *catalogReader) features(n ast.Node, c *Catalog) {
	for _, e := range r.mapping(n, "features") {
		r.named(e, "feature")
		if slices.Contains(reservedNames, e.name) {
			r.errs.Add(e.at, "choose another name", "%q means something else in a rule", e.name)
		}
		c.Features = append(c.Features, r.feature(e, c.Aliases))
	}
	if len(c.Features) > maxFeatures {
		r.fail(n, "split the catalogue", "%d features, more than %d", len(c.Features), maxFeatures)
	}
	slices.SortFunc(c.Features, func(a, b FeatureSpec) int { return cmp.Compare(a.Name, b.Name) })
}

func (r *catalogReader) feature(e entry, aliases map[string]string) FeatureSpec {
	f := FeatureSpec{Name: e.name, At: e.at}
	what := "feature " + clip(e.name)
	entries := r.mapping(e.value, what, "kind", "description", "event", "where", "property", "type",
		"window", "bucket", "days", "limit")
	given := make(map[string]ast.Node, len(entries))
	for _, g := range entries {
		given[g.name] = g.value
	}
	if n, ok := given["kind"]; ok {
		f.Kind = r.text(n, "kind", maxNameBytes)
		if _, known := featureKeys[f.Kind]; !known && f.Kind != "" {
			r.fail(n, "known are "+kindNames, "%s: unknown kind %q", what, clip(f.Kind))
			return f
		}
	} else {
		r.errs.Add(e.at, "known are "+kindNames, "%s has no kind", what)
	}
	if f.Kind == "" {
		return f
	}
	for _, g := range entries {
		switch g.name {
		case "kind", "description", "event", "where":
		default:
			if !slices.Contains(featureKeys[f.Kind], g.name) {
				r.errs.Add(g.at, "remove it", "%s: a feature of kind %s takes no %s", what, f.Kind, g.name)
			}
		}
	}
	if n, ok := given["event"]; ok {
		f.Events = r.events(n, what, aliases)
	} else {
		r.errs.Add(e.at, `write event: with a name, a list or "*"`, "%s names no event", what)
	}
	if n, ok := given["description"]; ok {
		f.Description = r.text(n, "description", maxProseBytes)
	}
	if n, ok := given["where"]; ok {
		f.Where = r.where(n)
	}
	if n, ok := given["limit"]; ok {
		f.Limit = r.integer(n, "limit", 1, maxDistinct)
	}
	r.property(&f, given, what)
	r.window(&f, given, what)
	return f
}

// events reads a name, a list of names or "*". An alias is refused: the machine renames before
// anything else looks at an event, so it would never match.
func (r *catalogReader) events(n ast.Node, what string, aliases map[string]string) []string {
	list := r.texts(n, what+": event", maxEventBytes)
	if len(list) == 1 && list[0] == "*" {
		return nil
	}
	for _, name := range list {
		if canonical, alias := aliases[name]; alias {
			r.fail(n, "write "+clip(canonical), "%s: %q is an alias of %q", what, clip(name), clip(canonical))
		}
		if name == "*" {
			r.fail(n, `write "*" alone or the names alone`, `%s: "*" stands for every event already`, what)
		}
	}
	slices.Sort(list)
	return list
}

// property reads property and type, which depend on each other and on the kind.
func (r *catalogReader) property(f *FeatureSpec, given map[string]ast.Node, what string) {
	if n, ok := given["property"]; ok {
		f.Property = r.text(n, "property", maxEventBytes)
		switch {
		case strings.HasPrefix(f.Property, "@") && f.Property != DayProperty:
			r.fail(n, `the only one is "@day"`, "%s: unknown property %q", what, clip(f.Property))
		case f.Property == DayProperty && f.Kind != "distinct":
			r.fail(n, `"@day" is for distinct`, `%s: a %s of "@day" means nothing`, what, f.Kind)
		}
	} else if f.Kind == "sum" || f.Kind == "min" || f.Kind == "max" || f.Kind == "distinct" {
		r.errs.Add(f.At, "write property: with the name of an event's property", "%s names no property", what)
	}
	n, ok := given["type"]
	switch {
	case ok && given["property"] == nil:
		r.fail(n, "remove it, or name the property", "%s: type without property, so it is a time", what)
	case ok:
		f.Type = r.text(n, "type", maxNameBytes)
		if f.Type != "string" && f.Type != "number" && f.Type != "bool" && f.Type != "" {
			r.fail(n, "known are string, number, bool", "%s: unknown type %q", what, clip(f.Type))
		}
	case given["property"] != nil && (f.Kind == "first" || f.Kind == "last"):
		r.errs.Add(f.At, "write type: string, number or bool", "%s has a property but no type", what)
	}
}

// window reads window and bucket, or days.
func (r *catalogReader) window(f *FeatureSpec, given map[string]ast.Node, what string) {
	if n, ok := given["days"]; ok {
		f.Days = r.integer(n, "days", 1, maxDays)
		if w, both := given["window"]; both {
			r.fail(w, "keep one of the two", "%s: window slides, days are calendar days", what)
		}
	}
	if n, ok := given["window"]; ok {
		f.Window = r.duration(n, what+": window")
	}
	n, ok := given["bucket"]
	if !ok {
		return
	}
	f.Bucket = r.duration(n, what+": bucket")
	switch {
	case given["window"] == nil:
		r.fail(n, "add window: or remove it", "%s: bucket without window", what)
	case f.Window == 0 || f.Bucket == 0: // told already
	case f.Window%f.Bucket != 0:
		r.fail(n, "choose one that divides the window", "%s: the window is not a whole number of buckets", what)
	case f.Window/f.Bucket > maxWindowRings:
		r.fail(n, fmt.Sprintf("at most %d", maxWindowRings), "%s: the window has %d buckets", what, f.Window/f.Bucket)
	}
}

var (
	durationText = regexp.MustCompile(`^([1-9][0-9]{0,8})(s|m|h|d)$`)
	durationUnit = map[string]int64{"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
)

// duration returns milliseconds.
func (r *catalogReader) duration(n ast.Node, what string) int64 {
	const most = maxWindowDays * 86_400_000
	if s, ok := n.(*ast.StringNode); ok {
		if m := durationText.FindStringSubmatch(s.Value); m != nil {
			count, _ := strconv.ParseInt(m[1], 10, 64) // at most nine digits: cannot fail
			if ms := count * durationUnit[m[2]]; ms <= most {
				return ms
			}
		}
	}
	r.fail(n, "write a number and s, m, h or d, for example 30m or 90d, at most 400d", "%s is %s", what, describe(n))
	return 0
}
