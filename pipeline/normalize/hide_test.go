package normalize

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"portrait/schemas"
)

// value draws a JSON text, with sensitive names at any depth, escaped and in any case.
func value(t *rapid.T, depth int) string {
	kinds := 6
	if depth > 4 {
		kinds = 4
	}
	space := rapid.SampledFrom([]string{"", " ", "\n"}).Draw(t, "space")
	switch rapid.IntRange(0, kinds+1).Draw(t, "kind") {
	case 0:
		return "null" + space
	case 1:
		return "true" + space
	case 2:
		return rapid.SampledFrom([]string{"13912345670", "1.50", "-1e3", "0"}).Draw(t, "number") + space
	case 3, 4:
		return rapid.SampledFrom([]string{`""`, `"139 1234 5670"`, `"+86\u00313912345670"`, `"a\"b\\"`, `"上海"`, `"Alice@Example.com"`}).Draw(t, "text") + space
	case 5:
		var list []string
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list = append(list, value(t, depth+1))
		}
		return "[" + strings.Join(list, ","+space) + "]"
	default:
		names := []string{`"phone"`, `"Mobile"`, `"\u0070hone2"`, `"ph\u006fne3"`, `"EMAIL"`, `"address"`, `"x"`, `"y\n"`, `"id_number"`, `"phones"`}
		var list []string
		used := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID[string]).Draw(t, "names")
		for _, name := range used {
			list = append(list, name+space+":"+space+value(t, depth+1))
		}
		return "{" + strings.Join(list, ",") + space + "}"
	}
}

// TestHideAgainstModel compares with a walk over maps, which shares nothing with the code but the
// hashing of one text.
func TestHideAgainstModel(t *testing.T) {
	n := testNormalizer(t)
	n.sensitive = append(n.sensitive, newSensitiveName("phone2"), newSensitiveName("phone3"))
	n.filter = newNameFilter(n.sensitive)
	rapid.Check(t, func(t *rapid.T) {
		text := value(t, 0)
		if text[0] != '{' && text[0] != '[' {
			return
		}
		got := n.property(&schemas.RawProp{Key: "order", Kind: schemas.RawJSON, Text: text}).Text
		want := n.model(parse(t, text), nil)
		if !reflect.DeepEqual(n.wholeObjects(parse(t, got), want), want) {
			t.Fatalf("of  %s\ngot %s\nwant %v", text, got, want)
		}
		if again := n.property(&schemas.RawProp{Key: "order", Kind: schemas.RawJSON, Text: got}).Text; again != got {
			t.Fatalf("hiding twice changes %s into %s", got, again)
		}
	})
}

func parse(t *rapid.T, text string) (v any) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// wholeObjects replaces in got each hash that stands where the model has an object as a whole: the hash
// of an object depends on the order of names as sent, which maps do not keep (TestSensitiveProperties
// has its exact value).
func (n *Normalizer) wholeObjects(got, want any) any {
	switch w := want.(type) {
	case string:
		if text, ok := got.(string); ok && w == wholeObject && n.isHashed(text) {
			return wholeObject
		}
	case []any:
		if list, ok := got.([]any); ok && len(list) == len(w) {
			for i := range list {
				list[i] = n.wholeObjects(list[i], w[i])
			}
		}
	case map[string]any:
		if m, ok := got.(map[string]any); ok {
			for k := range m {
				m[k] = n.wholeObjects(m[k], w[k])
			}
		}
	}
	return got
}

const wholeObject = "an object"

// model hides below s, if any, and below every sensitive name.
func (n *Normalizer) model(v any, s *sensitiveName) any {
	switch v := v.(type) {
	case map[string]any:
		if s != nil {
			return wholeObject
		}
		out := make(map[string]any)
		for k, x := range v {
			out[k] = n.model(x, n.sensitiveName(k))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = n.model(v[i], s)
		}
		return out
	case string:
		if s != nil {
			return n.hashText(s, v)
		}
	case json.Number:
		if s != nil {
			return n.hashText(s, v.String())
		}
	}
	return v
}
