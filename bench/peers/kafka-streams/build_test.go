package kafkastreams

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestBuild builds the peer, which runs its own tests, and finds it there the second time.
func TestBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Maven: not with -short")
	}
	cache := t.TempDir()
	classes, err := Build(t.Context(), cache)
	if errors.Is(err, ErrToolMissing) && !strings.Contains(os.Getenv("PORTRAIT_REQUIRE"), "kafka") {
		t.Skipf("no peer here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	jar, libs, _ := strings.Cut(classes, string(filepath.ListSeparator))
	before, err := os.Stat(jar)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := filepath.Glob(libs); err != nil || len(found) < 5 {
		t.Errorf("libraries %v, %v", found, err)
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) != 1 {
		t.Errorf("the cache holds %v, %v; want the one build", left, err)
	}
	again, err := Build(t.Context(), cache)
	if err != nil || again != classes {
		t.Errorf("built again: %q, %v; want %q", again, err, classes)
	}
	if after, err := os.Stat(jar); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the jar was made again: %v, %v", after, err)
	}
}

// TestFingerprint holds the name of a build to the content of its sources.
func TestFingerprint(t *testing.T) {
	name := func(files map[string]string) string {
		tree := fstest.MapFS{}
		for path, text := range files {
			tree[path] = &fstest.MapFile{Data: []byte(text)}
		}
		sum, err := fingerprint(tree)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	one := name(map[string]string{"a": "1", "b": "2"})
	if again := name(map[string]string{"b": "2", "a": "1"}); again != one {
		t.Errorf("%s and %s for the same sources", one, again)
	}
	for _, other := range []map[string]string{{"a": "1"}, {"a": "1", "b": "3"}, {"a": "1", "c": "2"}, {"a": "12", "b": ""}} {
		if name(other) == one {
			t.Errorf("%v has the name of other sources", other)
		}
	}
}
