package importer

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// base is a mapping without properties; the cases replace or add to it.
const base = "event: visited\nidentifiers:\n  - {type: customer_id, column: id}\ntime: {column: at}\n"

func TestMappingErrors(t *testing.T) {
	cases := []struct {
		name, in   string
		want       string // beginning of the error
		schemaToo  bool   // the JSON Schema refuses it as well
		wantRemedy string // part of it
	}{
		{"empty", "", "line 1, column 1: the mapping is empty", true, "event:"},
		{"a list", "- a\n", "line 1, column 1: a mapping is not a mapping", true, "key: value"},
		{"not YAML", "event: [a\n", "line 1, column", false, "correct the YAML"},
		{"two documents", base + "---\nevent: x\n", "line 6, column 1: a second YAML document", false, "one file"},
		{"not UTF-8", "event: \xff\n", "line 1, column 1: not UTF-8", false, "UTF-8"},
		{"carriage return", "event: a\rb\n", "line 1, column 1: not UTF-8, or longer", false, "break"},
		{"many words", "event: {" + strings.Repeat("\na,", 30_000), "line 10000, column", false, "columns"},
		{"deep", "event: " + strings.Repeat("[", 40), "line 1, column 24: more than 16 open brackets", false, "close"},
		{"huge", strings.Repeat("# filler\n", 20_000), "line 1, column 1: the mapping has 180000 bytes", false, "columns"},
		{"unknown key", base + "evnet: x\n", `line 5, column 1: a mapping has no key "evnet"`, true, "event, event_id"},
		{"two keys", base + "event: x\n", "line 5, column 1: mapping key \"event\" already defined", false, "correct"},
		{"no event", base[len("event: visited\n"):], "line 1, column 1: the mapping has no event", true, "add it"},
		{"no identifiers", "event: visited\ntime: {column: at}\n", "line 1, column 1: the mapping has no identifiers", true, "add it"},
		{"identifiers empty", strings.Replace(base, "\n  - {type: customer_id, column: id}", " []", 1), "line 2, column 1: identifiers is not a list", true, "at least one"},
		{"identifier without type", strings.Replace(base, "type: customer_id, ", "", 1), "line 3, column 5: an identifier has no type", true, "type: customer_id"},
		{"identifier without column", strings.Replace(base, ", column: id", "", 1), "line 3, column 5: an identifier names no column", true, "column: NAME"},
		{"identifier of a bad type", strings.Replace(base, "customer_id", "Customer ID", 1), `line 3, column 6: identifier type "Customer ID"`, true, "customer_id"},
		{"scope that the router refuses", strings.Replace(base, "customer_id", `"openid@_x"`, 1), `line 3, column 6: identifier type "openid@_x"`, true, "openid@wxapp1"},
		{"fallback is no bool", strings.Replace(base, "column: id", "column: id, fallback: maybe", 1), "line 3, column 37: fallback is not a yes or no", true, "true or false"},
		{"anchor", strings.Replace(base, "visited", "&a visited", 1), "line 1, column 1: event is not a text", false, "one text"},
		{"event without rules", strings.Replace(base, "visited", "{default: x}", 1), "line 1, column 1: event has no rules", true, "{column: NAME}"},
		{"event by column and rules", strings.Replace(base, "visited", "{column: a, default: x}", 1), "line 1, column 1: event takes its name from a column and from rules", true, "alone"},
		{"rule without test", strings.Replace(base, "visited", "{rules: [{column: a, name: b}]}", 1), "line 1, column 17: a rule needs a name", true, "prefix"},
		{"rule with two tests", strings.Replace(base, "visited", "{rules: [{column: a, name: b, prefix: c, equals: d}]}", 1), "line 1, column 17: a rule needs a name", true, "prefix"},
		{"layout without a date", strings.Replace(base, "column: at", "column: at, layout: yyyy-MM-dd", 1), `line 4, column 20: layout "yyyy-MM-dd" has no whole date`, false, "2006-01-02"},
		{"unknown zone", strings.Replace(base, "column: at", "column: at, zone: Mars/Olympus", 1), `line 4, column 20: unknown time zone "Mars/Olympus"`, false, "IANA"},
		{"zone of this host", strings.Replace(base, "column: at", "column: at, zone: Local", 1), `line 4, column 20: unknown time zone "Local"`, false, "IANA"},
		{"time without column", strings.Replace(base, "column: at", "zone: UTC", 1), "line 4, column 1: time names no column", true, "column: NAME"},
		{"event_id", base + "event_id: random\n", `line 5, column 1: event_id "random"`, true, "hash"},
		{"delimiter", base + "delimiter: ';;'\n", "line 5, column 1: delimiter is not one ASCII character", true, ";"},
		{"property without source", base + "properties:\n  a: {type: integer}\n", `line 6, column 3: property "a" has 0 sources`, true, "multiply"},
		{"property with two", base + "properties:\n  a: {column: x, value: 1}\n", `line 6, column 3: property "a" has 2 sources`, true, "multiply"},
		{"property of unknown type", base + "properties:\n  a: {column: x, type: float}\n", `line 6, column 18: unknown type "float"`, true, "decimal"},
		{"constant with a type", base + "properties:\n  a: {value: 1, type: integer}\n", `line 6, column 3: type and trim_suffix of property "a" need a column`, true, "leave"},
		{"trimmed number", base + "properties:\n  a: {column: x, type: integer, trim_suffix: '.0'}\n", `line 6, column 3: trim_suffix of property "a" needs type string`, true, "leave"},
		{"one factor", base + "properties:\n  a: {multiply: [x]}\n", "line 6, column 7: multiply has 1 columns", true, "two"},
		{"constant in hexadecimal", base + "properties:\n  a: {value: 0x1F}\n", "line 6, column 7: value is not a decimal number", false, "digits"},
	}
	schema := mappingSchema(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseMapping([]byte(c.in))
			var at *MappingError
			if !errors.As(err, &at) {
				t.Fatalf("error %v", err)
			}
			if !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v\nwant %s", err, c.want)
			}
			if !strings.Contains(at.Remedy, c.wantRemedy) {
				t.Errorf("remedy %q, want %q in it", at.Remedy, c.wantRemedy)
			}
			if c.schemaToo && validate(t, schema, []byte(c.in)) == nil {
				t.Error("the JSON Schema lets it pass")
			}
		})
	}
}

func mappingSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../schemas/mapping.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("urn:portrait:mapping", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("urn:portrait:mapping")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// validate returns what the schema says of a YAML text; what is not YAML is refused, too.
func validate(t testing.TB, schema *jsonschema.Schema, text []byte) error {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	return schema.Validate(doc)
}

func TestMappingsInUse(t *testing.T) {
	schema := mappingSchema(t)
	for _, name := range []string{"../../bench/retail/online-retail.mapping.yaml", "testdata/everything.mapping.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseMapping(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := validate(t, schema, text); err != nil {
			t.Errorf("%s: the JSON Schema refuses it: %v", name, err)
		}
	}
}

// FuzzMapping: any text gives a mapping or an error with a place, and a mapping that parses reads lines.
func FuzzMapping(f *testing.F) {
	f.Add(base)
	f.Add("event: {rules: [{column: a, prefix: C, name: x}], default: y}\n" + base[len("event: visited\n"):] + "properties: {p: {multiply: [a, b]}}\n")
	if text, err := os.ReadFile("testdata/everything.mapping.yaml"); err == nil {
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMapping([]byte(text))
		if err != nil {
			var at *MappingError
			if !errors.As(err, &at) || at.Line < 1 || at.Column < 1 {
				t.Fatalf("error without a place: %v", err)
			}
			return
		}
		s, err := New(strings.NewReader("id,at,a,b\n1,2011-12-09T12:50:00Z,2,3\n,,\"\n"), "fuzz", 0, m)
		if err != nil {
			return
		}
		for range 10 {
			if _, _, err := s.Next(); err != nil {
				break
			}
		}
	})
}
