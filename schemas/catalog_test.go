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
	if strings.TrimSpace(string(want)) != string(got) {
		t.Errorf("parsed catalogue differs from %s (UPDATE_GOLDEN=1 rewrites it):\n%s", golden, got)
	}
	if again := parseFile(t, "testdata/catalog/full.yaml"); !reflect.DeepEqual(c, again) {
		t.Error("the same bytes gave two catalogues")
	}
}
