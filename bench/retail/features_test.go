package retail

import (
	"fmt"
	"slices"
	"testing"

	"portrait/schemas"
)

// features computes what the catalogue says in the dumbest way: one number per feature, and only the
// kinds and conditions that rule A needs. It shares nothing with profile/feature, so the catalogue's
// filters are tried against the published figures by themselves.
type features struct {
	specs  []schemas.FeatureSpec
	values []int64 // count, Decimal, or ms of the latest
}

func readCatalogue(t *testing.T) []schemas.FeatureSpec {
	t.Helper()
	source, err := schemas.ShippedCatalog("online-retail")
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := schemas.ParseCatalog(source)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"recency", "frequency", "monetary"}
	return slices.DeleteFunc(catalogue.Features, func(f schemas.FeatureSpec) bool { return !slices.Contains(names, f.Name) })
}

func newFeatures(specs []schemas.FeatureSpec) *features {
	return &features{specs, make([]int64, len(specs))}
}

func (f *features) update(ev *schemas.RawEvent) error {
	for i, spec := range f.specs {
		if !slices.Contains(spec.Events, ev.Name) {
			continue
		}
		ok, err := holds(spec.Where, ev)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		switch spec.Kind {
		case "count":
			f.values[i]++
		case "sum":
			d, err := amount(ev, spec.Property)
			if err != nil {
				return err
			}
			f.values[i] += int64(d)
		case "recency":
			f.values[i] = max(f.values[i], ev.TimeMS)
		default:
			return fmt.Errorf("feature %s is of kind %s", spec.Name, spec.Kind)
		}
	}
	return nil
}

func property(ev *schemas.RawEvent, key string) (schemas.RawProp, bool) {
	k := slices.IndexFunc(ev.Props, func(p schemas.RawProp) bool { return p.Key == key })
	if k < 0 {
		return schemas.RawProp{}, false
	}
	return ev.Props[k], true
}

func amount(ev *schemas.RawEvent, key string) (schemas.Decimal, error) {
	p, _ := property(ev, key)
	return schemas.ParseDecimal(p.Text)
}

func holds(conditions []schemas.Condition, ev *schemas.RawEvent) (bool, error) {
	for _, c := range conditions {
		_, exists := property(ev, c.Property)
		switch c.Op {
		case "exists":
			if exists != c.Values[0].(bool) {
				return false, nil
			}
		case "gt":
			d, err := amount(ev, c.Property)
			if err != nil || d <= c.Values[0].(schemas.Decimal) {
				return false, err
			}
		default:
			return false, fmt.Errorf("condition %s %s", c.Property, c.Op)
		}
	}
	return true, nil
}

// json writes the features as a profile document does: a duration in seconds, an amount as a number.
func (f *features) json(asOf int64) string {
	text := "{"
	for i, spec := range f.specs {
		value := fmt.Sprint(f.values[i])
		switch spec.Kind {
		case "sum":
			value = schemas.Decimal(f.values[i]).String()
		case "recency":
			value = fmt.Sprint((asOf - f.values[i]) / 1000)
		}
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf("%q:%s", spec.Name, value)
	}
	return text + "}"
}
