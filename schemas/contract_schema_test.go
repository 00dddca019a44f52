package schemas

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract compiles name.schema.json.
func contract(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate holds JSON against a schema.
func validate(t *testing.T, s *jsonschema.Schema, source []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// examples calls f with each file examples/<contract>*.json.
func examples(t *testing.T, contract string, f func(t *testing.T, source []byte)) {
	t.Helper()
	files, err := filepath.Glob("examples/" + contract + "*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples of %s: %v", contract, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f(t, source)
		})
	}
}

func TestEventExamples(t *testing.T) {
	schema := contract(t, "event")
	examples(t, "event", func(t *testing.T, source []byte) {
		if err := validate(t, schema, source); err != nil {
			t.Error(err)
		}
		for _, it := range DecodeEvents(source) {
			if it.Err != nil {
				t.Errorf("event %d: %v", it.Index, it.Err)
			}
		}
	})
}

// TestEventSchemaAgrees holds the schema against the decoder where it can see the mistake.
func TestEventSchemaAgrees(t *testing.T) {
	schema := contract(t, "event")
	const who = `,"identifiers":{"device_id":"d1"}}`
	for _, c := range []struct {
		name, event string
		good        bool
	}{
		{"smallest", `{"event":"e"` + who, true},
		{"array", `[{"event":"e"` + who + `,{"event":"f"` + who + `]`, true},
		{"empty array", `[]`, false},
		{"array of text", `["e"]`, false},
		{"text", `"e"`, false},
		{"no name", `{"x":1` + who, false},
		{"empty name", `{"event":""` + who, false},
		{"blank name", `{"event":" "` + who, false},
		{"name a number", `{"event":5` + who, false},
		{"name too long", `{"event":"` + strings.Repeat("n", MaxNameBytes+1) + `"` + who, false},
		{"longest name", `{"event":"` + strings.Repeat("n", MaxNameBytes) + `"` + who, true},
		{"id a number", `{"event":"e","event_id":12` + who, true},
		{"id a fraction", `{"event":"e","event_id":1.5` + who, false},
		{"id null", `{"event":"e","event_id":null` + who, true},
		{"id too long", `{"event":"e","event_id":"` + strings.Repeat("i", MaxEventIDBytes+1) + `"` + who, false},
		{"channel", `{"event":"e","channel":"app"` + who, true},
		{"channel a number", `{"event":"e","channel":1` + who, false},
		{"channel too long", `{"event":"e","channel":"` + strings.Repeat("c", MaxChannelBytes+1) + `"` + who, false},
		{"time in ms", `{"event":"e","time":1772331330250` + who, true},
		{"time with a zone", `{"event":"e","time":"2026-03-01T10:00:00+08:00"` + who, true},
		{"time in UTC with ns", `{"event":"e","time":"2026-03-01T10:00:00.123456789Z"` + who, true},
		{"time null", `{"event":"e","time":null` + who, true},
		{"time without a zone", `{"event":"e","time":"2026-03-01T10:00:00"` + who, false},
		{"time without T", `{"event":"e","time":"2026-03-01 10:00:00Z"` + who, false},
		{"time below 1970", `{"event":"e","time":-1` + who, false},
		{"time after 9999", `{"event":"e","time":253402300800000` + who, false},
		{"time in seconds", `{"event":"e","time":1772331330` + who, false},
		{"first of seconds", `{"event":"e","time":100000000` + who, false},
		{"last of seconds", `{"event":"e","time":99999999999` + who, false},
		{"before seconds", `{"event":"e","time":99999999` + who, true},
		{"behind seconds", `{"event":"e","time":100000000000` + who, true},
		{"time of 1971 in text", `{"event":"e","time":"1971-01-01T00:00:00Z"` + who, true},
		{"time a fraction", `{"event":"e","time":1.5` + who, false},
		{"time true", `{"event":"e","time":true` + who, false},
		{"integer identifier", `{"event":"e","identifiers":{"customer_id":7}}`, true},
		{"list of identifiers", `{"event":"e","identifiers":{"phone":["1",2,null]}}`, true},
		{"identifier a fraction", `{"event":"e","identifiers":{"customer_id":1.5}}`, false},
		{"identifier an object", `{"event":"e","identifiers":{"customer_id":{}}}`, false},
		{"list in a list", `{"event":"e","identifiers":{"customer_id":[["1"]]}}`, false},
		{"identifiers a list", `{"event":"e","identifiers":["d1"]}`, false},
		{"properties", `{"event":"e","properties":{"a":1.50,"b":null,"c":[{"d":true}]}` + who, true},
		{"properties null", `{"event":"e","properties":null` + who, true},
		{"properties a list", `{"event":"e","properties":[]` + who, false},
		{"unknown field", `{"event":"e","app":{"v":1}` + who, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := validate(t, schema, []byte(c.event)); (err == nil) != c.good {
				t.Errorf("event.schema.json: good %v, want %v (%v)", err == nil, c.good, err)
			}
			good := true
			for _, it := range DecodeEvents([]byte(c.event)) {
				good = good && it.Err == nil
			}
			if good != c.good {
				t.Errorf("DecodeEvents: good %v, want %v", good, c.good)
			}
		})
	}
	// Without identifiers the router finds nobody to count for; the decoder leaves that to it.
	for _, event := range []string{`{"event":"e"}`, `{"event":"e","identifiers":{}}`, `{"event":"e","identifiers":null}`} {
		if validate(t, schema, []byte(event)) == nil {
			t.Errorf("%s validates", event)
		}
	}
}

// reads decodes strictly, so that an example cannot hold a field that the type has not, and encodes.
func reads[T any](t *testing.T, source []byte) []byte {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(source))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	for source, v := range map[*any][]byte{&x: a, &y: b} {
		d := json.NewDecoder(bytes.NewReader(v))
		d.UseNumber() // versions have 64 bits
		if err := d.Decode(source); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(x, y)
}

func TestTagChangeExamples(t *testing.T) {
	schema := contract(t, "tagchange")
	var changes []Change
	examples(t, "tagchange", func(t *testing.T, source []byte) {
		written := reads[TagChange](t, source)
		if !same(t, source, written) {
			t.Errorf("reads as %s", written)
		}
		for name, b := range map[string][]byte{"example": source, "TagChange": written} {
			if err := validate(t, schema, b); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		var c TagChange
		if err := json.Unmarshal(source, &c); err != nil {
			t.Fatal(err)
		}
		changes = append(changes, c.Change)
	})
	for _, c := range []Change{Entered, Left, Changed, Merged, Erased} {
		if !slices.Contains(changes, c) {
			t.Errorf("no example of %s", c)
		}
	}
}

func TestProfileExamples(t *testing.T) {
	schema := contract(t, "profile")
	examples(t, "profile", func(t *testing.T, source []byte) {
		written := reads[ProfileDoc](t, source)
		if !same(t, source, written) {
			t.Errorf("reads as %s", written)
		}
		for name, b := range map[string][]byte{"example": source, "ProfileDoc": written} {
			if err := validate(t, schema, b); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

const testProfile = "0b8f3c52-7a44-5d1e-9c3b-6f0d2a91e8c4"

func TestTagChangeSchemaRefuses(t *testing.T) {
	schema := contract(t, "tagchange")
	weight := 1.5
	good := TagChange{ID: "e2-p0-0-65535", ProfileID: testProfile, Tag: "t", Change: Entered, Value: "vip", Previous: nil,
		Weight: &weight, Epoch: 2, Version: 1<<64 - 1, Catalog: "c@0", Cause: Cause{Kind: CauseCatalog},
		EventTime: "2026-03-01T00:00:00.000Z", DecidedAt: "2026-03-01T00:00:00.000Z", Identifiers: map[string][]string{}}
	for _, c := range []struct {
		name   string
		change func(*TagChange)
		good   bool
	}{
		{"as it is", func(*TagChange) {}, true},
		{"a kind of later versions", func(c *TagChange) { c.Change, c.Tag = "recomputed", "" }, true},
		{"a cause of later versions", func(c *TagChange) { c.Cause.Kind = "backfill" }, true},
		{"no tag", func(c *TagChange) { c.Tag = "" }, false},
		{"merged with a tag", func(c *TagChange) { c.Change, c.Winner, c.Value = Merged, testProfile, nil }, false},
		{"merged without winner", func(c *TagChange) { c.Change, c.Tag, c.Value = Merged, "", nil }, false},
		{"erased with a value", func(c *TagChange) { c.Change, c.Tag = Erased, "" }, false},
		{"a number as value", func(c *TagChange) { c.Value = 3 }, false},
		{"version zero", func(c *TagChange) { c.Version = 0 }, false},
		{"no milliseconds", func(c *TagChange) { c.EventTime = "2026-03-01T00:00:00Z" }, false},
		{"another zone", func(c *TagChange) { c.DecidedAt = "2026-03-01T00:00:00.000+08:00" }, false},
		{"no catalogue version", func(c *TagChange) { c.Catalog = "c" }, false},
		{"no profile", func(c *TagChange) { c.ProfileID = "p1" }, false},
		{"no identifiers", func(c *TagChange) { c.Identifiers = nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := good
			c.change(&v)
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate(t, schema, b); (err == nil) != c.good {
				t.Errorf("good %v, want %v (%v)", err == nil, c.good, err)
			}
		})
	}
}

func TestProfileSchemaRefuses(t *testing.T) {
	schema := contract(t, "profile")
	good := ProfileDoc{ProfileID: testProfile, Epoch: 1, Version: 1, Catalog: "c@1", AsOf: "2026-03-01T00:00:00.000Z",
		FirstSeen: "2026-03-01T00:00:00.000Z", LastSeen: "2026-03-01T00:00:00.000Z", Identifiers: map[string][]string{},
		Tags: map[string]any{}, Features: map[string]json.RawMessage{}}
	for _, c := range []struct {
		name   string
		change func(*ProfileDoc)
		good   bool
	}{
		{"nothing in it", func(*ProfileDoc) {}, true},
		{"every kind of feature", func(p *ProfileDoc) {
			p.Features = map[string]json.RawMessage{"a": []byte("1.5"), "b": []byte(`"x"`), "c": []byte("true"), "d": []byte("null")}
		}, true},
		{"a tag that is off", func(p *ProfileDoc) { p.Tags = map[string]any{"t": false} }, false},
		{"a tag without value", func(p *ProfileDoc) { p.Tags = map[string]any{"t": nil} }, false},
		{"tags null", func(p *ProfileDoc) { p.Tags = nil }, false},
		{"a feature that is a list", func(p *ProfileDoc) { p.Features = map[string]json.RawMessage{"a": []byte("[]")} }, false},
		{"no instant", func(p *ProfileDoc) { p.AsOf = "" }, false},
		{"an identifier without value", func(p *ProfileDoc) { p.Identifiers = map[string][]string{"phone": {}} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := good
			c.change(&v)
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate(t, schema, b); (err == nil) != c.good {
				t.Errorf("good %v, want %v (%v)", err == nil, c.good, err)
			}
		})
	}
}

// TestSchemasNameAllFields: a field of a type is described in its schema, and the other way round.
func TestSchemasNameAllFields(t *testing.T) {
	for name, v := range map[string]any{"tagchange": TagChange{}, "profile": ProfileDoc{}} {
		source, err := os.ReadFile(name + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		var schema struct {
			Properties map[string]struct{ Description string }
			Required   []string
		}
		if err := json.Unmarshal(source, &schema); err != nil {
			t.Fatal(err)
		}
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			field, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if schema.Properties[field].Description == "" {
				t.Errorf("%s.schema.json does not describe %s", name, field)
			}
			if required := slices.Contains(schema.Required, field); required != (options != "omitempty") {
				t.Errorf("%s.schema.json: %s required %v", name, field, required)
			}
		}
		if len(schema.Properties) != typ.NumField() {
			t.Errorf("%s.schema.json has %d fields, the type %d", name, len(schema.Properties), typ.NumField())
		}
	}
}
