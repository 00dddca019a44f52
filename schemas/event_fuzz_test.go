package schemas_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"portrait/schemas"
)

// FuzzDecodeEvents compares with two oracles: jsontext over the whole value says whether it is strict
// JSON, and encoding/json, another parser, says what it holds.
func FuzzDecodeEvents(f *testing.F) {
	for _, s := range []string{
		`{"event":"a","event_id":"1","time":5,"channel":"c","identifiers":{"x":["1",2]},"properties":{"p":1.50,"o":{"k":[1]}},"u":"\u4e2d"}`,
		`[{"event":"a"},{"event":"b","x":1,"x":2},3]`, `{"event":"a"} x`, "{\"event\":\"\xff\"}", `{"event":"\ud800"}`, `[]`, `"`, `[{},{`, ` `,
		`{"event":"a","properties":{"$u":1},"u":2}`, `{"event":"a","time":"2026-03-01T00:00:00Z"}`, `[[[[[[[[[[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		items := schemas.DecodeEvents(value)
		if len(items) == 0 {
			t.Fatal("no item")
		}
		strict := strictJSON(value)
		for i, it := range items {
			if it.Index != i || (it.Event == nil) == (it.Err == nil) {
				t.Fatalf("item %d: index %d, event %v, error %v", i, it.Index, it.Event, it.Err)
			}
			if it.Err != nil {
				switch it.Err.Reason {
				case schemas.ReasonNotJSON, schemas.ReasonInvalidUTF8, schemas.ReasonDuplicateKey:
					if strict {
						t.Fatalf("strict JSON was rejected: %v", it.Err)
					}
				}
				continue
			}
			if !strictJSON(it.Raw) {
				t.Fatalf("accepted what is not strict JSON: %q", it.Raw)
			}
			sameContent(t, it)
		}
	})
}

func strictJSON(b []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(b))
	if _, err := d.ReadValue(); err != nil {
		return false
	}
	_, err := d.ReadToken()
	return errors.Is(err, io.EOF)
}

func sameContent(t *testing.T, it schemas.Item) {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(it.Raw, &fields); err != nil {
		t.Fatalf("encoding/json: %v in %q", err, it.Raw)
	}
	var name string
	if err := json.Unmarshal(fields["event"], &name); err != nil || name != it.Event.Name {
		t.Fatalf("event is %q, encoding/json says %q, %v", it.Event.Name, name, err)
	}
	var props map[string]json.RawMessage
	if raw, ok := fields["properties"]; ok {
		if err := json.Unmarshal(raw, &props); err != nil {
			t.Fatalf("properties: %v", err)
		}
	}
	total := len(props)
	for k := range fields {
		switch k {
		case "event", "event_id", "time", "channel", "identifiers", "properties":
		default:
			total++
		}
	}
	if total != len(it.Event.Props) {
		t.Fatalf("%d properties, encoding/json counts %d in %q", len(it.Event.Props), total, it.Raw)
	}
	seen := make(map[string]bool)
	for _, p := range it.Event.Props {
		if seen[p.Key] {
			t.Fatalf("property %q twice", p.Key)
		}
		seen[p.Key] = true
		raw, ok := props[p.Key]
		if !ok {
			continue // a field from outside of "properties"
		}
		sameValue(t, p, raw)
	}
}

func sameValue(t *testing.T, p schemas.RawProp, raw json.RawMessage) {
	t.Helper()
	want := string(raw)
	switch p.Kind {
	case schemas.RawNull:
		if want != "null" {
			t.Fatalf("null for %s", raw)
		}
		return
	case schemas.RawString:
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
	}
	if p.Text != want || !utf8.ValidString(p.Text) {
		t.Fatalf("property is %q, encoding/json says %q", p.Text, want)
	}
}

func BenchmarkDecodeEvent(b *testing.B) {
	value := []byte(`{"event_id":"0192f0c1-8d5e-7c3a-9b1e-3f2a5d6c7b8a","event":"order_paid","time":1772359200123,"channel":"mini_program",` +
		`"identifiers":{"customer_id":"c1004213","phone":"13912345670","openid@wxapp1":"oX3fJ5kQ9Zr2"},` +
		`"properties":{"order_id":"20260301-000123","amount":328.50,"currency":"CNY","category":"skincare","items":3}}`)
	d := schemas.NewEventDecoder()
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		d.Each(value, func(it schemas.Item) {
			if it.Err != nil {
				b.Fatal(it.Err)
			}
		})
	}
}
