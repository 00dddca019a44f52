package sim

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var allMutants = flag.Bool("mutants", false, "run every mutant")

// mutantSeeds is how many worlds a mutant may survive before it counts as a survivor.
const mutantSeeds = "3000"

// sample is how many mutants a plain run tries, other ones each day.
const sample = 2

// mutant is a product file with one guard removed: testdata/mutants has, in each file, what it means, the
// product's file, what was there and what is there instead.
type mutant struct{ name, why, file, was, is string }

func readMutant(t *testing.T, path string) mutant {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), "\n--- was\n")
	was, is, both := strings.Cut(rest, "\n--- is\n")
	why, file, named := strings.Cut(head, "\n")
	if !ok || !both || !named {
		t.Fatalf("%s: want what it means, a file, --- was, --- is", path)
	}
	return mutant{strings.TrimSuffix(filepath.Base(path), ".txt"), why, file, was, strings.TrimSuffix(is, "\n")}
}

// TestMutants removes guards of the product, one at a time, and sees the simulator notice:
//
//	go test ./bench/sim -run Mutants -timeout 60m -args -mutants
//
// A plain run finds the place of each in the product, and tries a few.
func TestMutants(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("testdata/mutants/*.txt")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d mutants, %v", len(paths), err)
	}
	first := time.Now().UTC().YearDay() * sample
	for i, path := range paths {
		m := readMutant(t, path)
		t.Run(m.name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root, m.file))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(text), m.was) < 1 {
				t.Fatalf("%s has no %q: the guard moved, so move this mutant", m.file, m.was)
			}
			today := (i - first%len(paths) + len(paths)) % len(paths)
			if *allMutants || today < sample && !testing.Short() {
				m.die(t, root, strings.Replace(string(text), m.was, m.is, 1))
			}
		})
	}
}

// die runs worlds with the mutant in place of its file; one of them must fail.
func (m mutant) die(t *testing.T, root, text string) {
	dir := t.TempDir()
	changed, overlay, binary := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "sim.test")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, m.file): changed}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{changed: []byte(text), overlay: replace} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", binary, "./bench/sim")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the mutant does not build: %v\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), binary, "-test.run=^TestSimulation$", "-test.timeout=10m", "-seeds", mutantSeeds, "-from", "1", "-brief")
	out, err := run.CombinedOutput()
	if err == nil {
		t.Fatalf("survives %s worlds (%s): a check is missing", mutantSeeds, m.why)
	}
	said := string(out)
	if !strings.Contains(said, "breaks a promise") && !strings.Contains(said, "panic: ") {
		t.Fatalf("the mutant does not run:\n%s", said)
	}
	if line := strings.Index(said, "breaks a promise"); line >= 0 {
		t.Logf("%s: %.300s", m.why, said[max(0, line-20):])
	}
}
