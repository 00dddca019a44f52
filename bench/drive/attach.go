package drive

import (
	"fmt"
	"reflect"

	"portrait/bench/traffic"
	"portrait/schemas"
)

// Missing compares the catalogue that a deployment has with that of a model, and says what of the model's it lacks or
// has otherwise: then nobody could say what must come out. What it has beside that does not matter.
func Missing(model *traffic.Model, active []byte) ([]string, error) {
	want, err := schemas.ParseCatalog(model.YAML())
	if err != nil {
		return nil, fmt.Errorf("catalogue %s: %w", model.Name(), err)
	}
	have, err := schemas.ParseCatalog(active)
	if err != nil {
		return nil, fmt.Errorf("the deployment's catalogue: %w", err)
	}
	var list []string
	differ := func(what, name string, wanted, found any) {
		switch {
		case reflect.ValueOf(found).IsNil():
			list = append(list, fmt.Sprintf("%s %s is missing", what, name))
		case !reflect.DeepEqual(wanted, found):
			list = append(list, fmt.Sprintf("%s %s is defined otherwise", what, name))
		}
	}
	features, tags := map[string]*schemas.FeatureSpec{}, map[string]*schemas.TagSpec{}
	for i := range have.Features {
		features[have.Features[i].Name] = feature(have.Features[i])
	}
	for i := range have.Tags {
		tags[have.Tags[i].Name] = tag(have.Tags[i])
	}
	for i := range want.Features {
		differ("feature", want.Features[i].Name, feature(want.Features[i]), features[want.Features[i].Name])
	}
	for i := range want.Tags {
		differ("tag", want.Tags[i].Name, tag(want.Tags[i]), tags[want.Tags[i].Name])
	}
	for _, r := range have.Identifiers {
		if r.Max > 0 && r.Max < traffic.Devices && r.Type == "device_id" {
			list = append(list, fmt.Sprintf("device_id is limited to %d per profile; the bench's persons have %d", r.Max, traffic.Devices))
		}
	}
	return list, nil
}

// feature is a definition without what is for people only.
func feature(f schemas.FeatureSpec) *schemas.FeatureSpec {
	f.Description, f.At = "", schemas.Place{}
	return &f
}

func tag(t schemas.TagSpec) *schemas.TagSpec {
	t.Description, t.At, t.WhenAt = "", schemas.Place{}, schemas.Place{}
	cases := make([]schemas.TagCase, len(t.Cases))
	for i, c := range t.Cases {
		cases[i] = schemas.TagCase{Value: c.Value, When: c.When}
	}
	t.Cases = cases
	return &t
}
