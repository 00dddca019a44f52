package schemas

import (
	"os"
	"reflect"
	"slices"
	"testing"
)

// FuzzParseCatalog looks for panics, for answers without an error or a catalogue, and for catalogues
// that break what their types promise.
func FuzzParseCatalog(f *testing.F) {
	full, err := os.ReadFile("testdata/catalog/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	for _, s := range []string{"", "a", "name: a\n? b\n", "name: a\ntags:\n", "name: |\n\n", "&a", "*a", "!!x", "{a: {b", "- - -", "name: \"\\u0000\"", "a: >\n", "\xef\xbb\xbfname: a", "%YAML 1.2\n---\nname: a\n", "name: a\nfeatures: {? f : {kind: count, event: [}}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		c, err := ParseCatalog(source)
		if (c == nil) == (err == nil) {
			t.Fatalf("catalogue %v and error %v", c, err)
		}
		if err != nil {
			return
		}
		again, err := ParseCatalog(source)
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("the second time: %v", err)
		}
		if !slices.IsSortedFunc(c.Features, func(a, b FeatureSpec) int { return compareScalars(a.Name, b.Name) }) ||
			!slices.IsSortedFunc(c.Tags, func(a, b TagSpec) int { return compareScalars(a.Name, b.Name) }) {
			t.Fatal("not sorted by name")
		}
		for _, spec := range c.Features {
			if spec.Window < 0 || spec.Window > 0 && spec.Bucket > spec.Window || spec.Window > 0 && spec.Days > 0 {
				t.Fatalf("window of %+v", spec)
			}
		}
		for _, tag := range c.Tags {
			if (tag.When == "") == (len(tag.Enum) == 0) {
				t.Fatalf("tag %q is boolean and enum, or neither", tag.Name)
			}
		}
	})
}
