package feature

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"portrait/schemas"
)

// Bounds of a definition. A window of 400 days holds a year and the month it is compared with; 128
// buckets cost at most 3 KiB; 10,000 values of a distinct feature 180 KiB, most of a profile.
const (
	maxWindow  = 400 * day
	maxBuckets = 128
	maxLimit   = 10_000
	usualLimit = 64
	maxOne     = binary.MaxVarintLen64
)

// recordKinds are the types of first and last with a property.
var recordKinds = map[string]ValueKind{"string": KindText, "number": KindAmount, "bool": KindBool}

func specError(spec *schemas.FeatureSpec, format string, args ...any) error {
	return fmt.Errorf("feature %q: %s", spec.Name, fmt.Sprintf(format, args...))
}

// check reports the first field that cannot work and the remedy, and fills in what was left to defaults.
func check(spec *schemas.FeatureSpec, zone *Zone) error {
	if spec.Name == "" {
		return specError(spec, "name: empty; give the feature a name")
	}
	if err := checkProperty(spec); err != nil {
		return err
	}
	if err := checkWindow(spec); err != nil {
		return err
	}
	if (spec.Days > 0 || spec.Property == schemas.DayProperty) && zone == nil {
		return specError(spec, "days: calendar days need a time zone; set time_zone of the deployment")
	}
	if spec.Kind != "distinct" {
		if spec.Limit != 0 {
			return specError(spec, "limit: only distinct has one; remove it")
		}
		return nil
	}
	if spec.Limit < 0 || spec.Limit > maxLimit {
		return specError(spec, "limit: %d; choose 1 to %d", spec.Limit, maxLimit)
	}
	if spec.Limit == 0 {
		spec.Limit = usualLimit
		if spec.Property == schemas.DayProperty { // as many days as the window can hold
			spec.Limit = max(usualLimit, spec.Days, int(spec.Window/day)+2)
		}
	}
	return nil
}

func checkProperty(spec *schemas.FeatureSpec) error {
	switch spec.Kind {
	case "sum", "min", "max", "distinct":
		if spec.Property == "" {
			return specError(spec, "property: %s needs one; name a property of the event", spec.Kind)
		}
	case "count", "recency":
		if spec.Property != "" {
			return specError(spec, "property: %s takes none; remove it, or filter with where: {%s: {exists: true}}",
				spec.Kind, spec.Property)
		}
	case "first", "last":
	default:
		return specError(spec, "kind: unknown %q; use count, sum, min, max, first, last, distinct or recency", spec.Kind)
	}
	if spec.Property == schemas.DayProperty && spec.Kind != "distinct" {
		return specError(spec, "property: %s is for distinct only; name a property of the event", spec.Property)
	}
	typed := spec.Property != "" && (spec.Kind == "first" || spec.Kind == "last")
	switch _, known := recordKinds[spec.Type]; {
	case typed && !known:
		return specError(spec, "type: %q; %s of a property needs string, number or bool", spec.Type, spec.Kind)
	case !typed && spec.Type != "":
		return specError(spec, "type: only first and last of a property have one; remove it")
	}
	return nil
}

func checkWindow(spec *schemas.FeatureSpec) error {
	switch {
	case spec.Window < 0 || spec.Window > maxWindow:
		return specError(spec, "window: %s; choose 1 ms to 400 d", milliseconds(spec.Window))
	case spec.Days < 0 || int64(spec.Days) > maxWindow/day:
		return specError(spec, "days: %d; choose 1 to %d", spec.Days, maxWindow/day)
	case spec.Window > 0 && spec.Days > 0:
		return specError(spec, "days: a window slides, days are calendar days; keep one of the two")
	case spec.Bucket != 0 && spec.Window == 0:
		return specError(spec, "bucket: there is no window; add one or remove it")
	case spec.Window == 0:
		return nil
	case spec.Bucket < 0:
		return specError(spec, "bucket: %s; choose one above 0", milliseconds(spec.Bucket))
	case spec.Bucket == 0:
		if spec.Bucket = DefaultBucket(spec.Window); spec.Bucket == 0 {
			return specError(spec, "window: no usual bucket divides %s; set bucket", milliseconds(spec.Window))
		}
	case spec.Window%spec.Bucket != 0:
		return specError(spec, "bucket: %s does not divide the window of %s; choose one that does",
			milliseconds(spec.Bucket), milliseconds(spec.Window))
	case spec.Window/spec.Bucket > maxBuckets:
		return specError(spec, "bucket: the window has %d; choose a larger one, at most %d fit",
			spec.Window/spec.Bucket, maxBuckets)
	}
	return nil
}

func milliseconds(ms int64) string { return strconv.FormatInt(ms, 10) + " ms" }

// definition hashes all that gives a state its meaning, defaults filled in. Events must be sorted.
func definition(spec *schemas.FeatureSpec, events []string, zone *Zone) uint64 {
	var b []byte
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	whole := func(v int64) { b = binary.AppendVarint(b, v) }
	text(spec.Kind)
	text(spec.Property)
	text(spec.Type)
	whole(spec.Window)
	whole(spec.Bucket)
	whole(int64(spec.Days))
	whole(int64(spec.Limit))
	if spec.Days > 0 || spec.Property == schemas.DayProperty {
		text(zone.Name())
	}
	whole(int64(len(events)))
	if events == nil {
		b = append(b, 1)
	}
	for _, name := range events {
		text(name)
	}
	conditions := make([]string, 0, len(spec.Where))
	for _, c := range spec.Where {
		conditions = append(conditions, describe(c))
	}
	slices.Sort(conditions)
	for _, c := range conditions {
		text(c)
	}
	return hash(b)
}

// describe writes a condition unambiguously; the order of an in does not matter.
func describe(c schemas.Condition) string {
	values := make([]string, 0, len(c.Values))
	for _, v := range c.Values {
		values = append(values, fmt.Sprintf("%T:%q", v, fmt.Sprint(v)))
	}
	slices.Sort(values)
	return fmt.Sprintf("%q %s %q", c.Property, c.Op, values)
}
