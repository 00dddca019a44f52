package schemas

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// parseFile reads a catalogue that must be good.
func parseFile(t *testing.T, path string) *Catalog {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCatalog(b)
	if err != nil {
		t.Fatalf("%s:\n%v", path, err)
	}
	return c
}

func TestParseCatalogFull(t *testing.T) {
	c := parseFile(t, "testdata/catalog/full.yaml")
	got, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "catalog", "full.golden.json")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	wantLines, gotLines := strings.Split(strings.TrimSpace(string(want)), "\n"), strings.Split(string(got), "\n")
	for i := range max(len(wantLines), len(gotLines)) {
		if i >= len(wantLines) || i >= len(gotLines) || wantLines[i] != gotLines[i] {
			t.Errorf("%s differs from line %d on (UPDATE_GOLDEN=1 rewrites it)", golden, i+1)
			break
		}
	}
	if again := parseFile(t, "testdata/catalog/full.yaml"); !reflect.DeepEqual(c, again) {
		t.Error("the same bytes gave two catalogues")
	}
}

func TestParseCatalogPlaces(t *testing.T) {
	c := parseFile(t, "testdata/catalog/full.yaml")
	source, err := os.ReadFile("testdata/catalog/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(source), "\n")
	check := func(what, text string, at Place) {
		first, _, _ := strings.Cut(text, "\n")
		first, _, _ = strings.Cut(first, " ||") // of a folded block
		if at.Line < 1 || !strings.HasPrefix(lines[at.Line-1][at.Column-1:], first) {
			t.Errorf("%s: %q is not at line %d, column %d", what, first, at.Line, at.Column)
		}
	}
	for _, f := range c.Features {
		check("feature", f.Name+":", f.At)
	}
	for _, rule := range c.Identifiers {
		check("identifiers", rule.Type+":", rule.At)
	}
	for _, tag := range c.Tags {
		check("tag", tag.Name+":", tag.At)
		if tag.When != "" {
			check("tag "+tag.Name, tag.When, tag.WhenAt)
		}
		for _, one := range tag.Cases {
			check("case of "+tag.Name, one.When, one.WhenAt)
		}
	}
}
