package schemas

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// catalogSchema compiles catalog.schema.json.
func catalogSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("catalog.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// generic reads YAML as an editor does, without our parser.
func generic(t *testing.T, source []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(source, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCatalogSchemaAcceptsExamples(t *testing.T) {
	schema := catalogSchema(t)
	files := []string{"testdata/catalog/full.yaml"}
	shipped, err := filepath.Glob("catalog/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, shipped...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(generic(t, source)); err != nil {
				t.Errorf("catalog.schema.json: %v", err)
			}
			if _, err := ParseCatalog(source); err != nil {
				t.Errorf("ParseCatalog: %v", err)
			}
		})
	}
}

// TestCatalogSchemaAgrees holds the schema against the parser where it can see the mistake.
func TestCatalogSchemaAgrees(t *testing.T) {
	schema := catalogSchema(t)
	const f = "{name: a, features: {f: "
	const g = "{name: a, tags: {t: "
	for _, test := range []struct {
		name, yaml string
		good       bool
	}{
		{"name only", "{name: a}", true},
		{"no name", "{tags: {}}", false},
		{"unknown key", "{name: a, tag: {}}", false},
		{"reserved name", "{name: a, features: {size: {kind: count, event: e}}}", false},
		{"scoped type", "{name: a, identifiers: {openid@x: {max: 1}}}", false},
		{"max zero", "{name: a, identifiers: {phone: {max: 0}}}", false},
		{"count", f + "{kind: count, event: e}}}", true},
		{"no kind", f + "{event: e}}}", false},
		{"no event", f + "{kind: count}}}", false},
		{"unknown kind", f + "{kind: avg, event: e}}}", false},
		{"star", f + "{kind: count, event: '*'}}}", true},
		{"star among names", f + "{kind: count, event: [e, '*']}}}", false},
		{"property of a count", f + "{kind: count, event: e, property: p}}}", false},
		{"sum without property", f + "{kind: sum, event: e}}}", false},
		{"sum of days", f + "{kind: sum, event: e, property: '@day'}}}", false},
		{"distinct days", f + "{kind: distinct, event: e, property: '@day', days: 7}}}", true},
		{"window and days", f + "{kind: count, event: e, window: 1d, days: 7}}}", false},
		{"bucket alone", f + "{kind: count, event: e, bucket: 1d}}}", false},
		{"window without unit", f + "{kind: count, event: e, window: 30}}}", false},
		{"recency with window", f + "{kind: recency, event: e, window: 30d}}}", false},
		{"first time", f + "{kind: first, event: e}}}", true},
		{"first of a property", f + "{kind: first, event: e, property: p, type: bool}}}", true},
		{"first without type", f + "{kind: first, event: e, property: p}}}", false},
		{"first without property", f + "{kind: first, event: e, type: bool}}}", false},
		{"unknown op", f + "{kind: count, event: e, where: {p: {like: x}}}}}", false},
		{"no op", f + "{kind: count, event: e, where: {p: {}}}}}", false},
		{"null", f + "{kind: count, event: e, where: {p: null}}}}", false},
		{"gt of a text", f + "{kind: count, event: e, where: {p: {gt: x}}}}}", false},
		{"in nothing", f + "{kind: count, event: e, where: {p: []}}}}", false},
		{"boolean tag", g + "{when: x}}}", true},
		{"no rule", g + "{weight: 1}}}", false},
		{"both sorts", g + "{when: x, enum: [a], cases: [{value: a, when: x}]}}}", false},
		{"boolean with default", g + "{when: x, default: a}}}", false},
		{"enum", g + "{enum: [a], cases: [{value: a, when: x}], default: a}}}", true},
		{"enum alone", g + "{enum: [a]}}}", false},
		{"case without when", g + "{enum: [a], cases: [{value: a}]}}}", false},
		{"enum of numbers", g + "{enum: [1], cases: [{value: a, when: x}]}}}", false},
		{"weight a text", g + "{when: x, weight: much}}}", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := schema.Validate(generic(t, []byte(test.yaml))); (err == nil) != test.good {
				t.Errorf("catalog.schema.json: good %v, want %v (%v)", err == nil, test.good, err)
			}
			if _, err := ParseCatalog([]byte(test.yaml)); (err == nil) != test.good {
				t.Errorf("ParseCatalog: good %v, want %v (%v)", err == nil, test.good, err)
			}
		})
	}
}
