package pipeline

import (
	"fmt"
	"testing"

	"portrait/schemas"
)

// TestCatalogsAreCompiledOnce asks for catalogues as machines do.
func TestCatalogsAreCompiledOnce(t *testing.T) {
	dep := schemas.DefaultDeployment()
	var c compiled
	text := func(k int) []byte { return fmt.Appendf(nil, "name: c%d\n", k) }
	first, err := c.compile(text(1), 7, &dep)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := c.compile(text(1), 7, &dep); again != first {
		t.Error("the same catalogue was compiled twice")
	}
	if other, _ := c.compile(text(1), 8, &dep); other == first || other.Version != 8 {
		t.Error("another version is the same catalogue")
	}
	if _, err := c.compile([]byte("name: bad\ntags: {t: {when: \"nothing > 1\"}}\n"), 9, &dep); err == nil {
		t.Error("a bad catalogue compiles")
	}
	for k := range 2 * catalogsKept {
		if got, err := c.compile(text(k), 20, &dep); err != nil || got.Name != fmt.Sprintf("c%d", k) {
			t.Fatalf("catalogue %d is %v, %v", k, got, err)
		}
	}
	if len(c.kept) != catalogsKept {
		t.Errorf("%d catalogues are kept, want %d", len(c.kept), catalogsKept)
	}
}
