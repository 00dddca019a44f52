package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadmeBadInput holds the README to the table that the router's tests run.
func TestReadmeBadInput(t *testing.T) {
	table, err := os.ReadFile(filepath.Join("..", "..", "schemas", "testdata", "bad-input.md"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), strings.TrimSpace(string(table))) {
		t.Error("README.md does not contain schemas/testdata/bad-input.md: paste the table again")
	}
}

// TestReadmeReasons: every reason for which an event is rejected is there, also the one that the router does not know.
func TestReadmeReasons(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join("..", "..", "schemas", "event.go"))
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`Reason = "([a-z0-9_]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(reasons) < 16 {
		t.Errorf("only %d reasons found in schemas/event.go", len(reasons))
	}
	for _, m := range reasons {
		if !strings.Contains(string(readme), "`"+m[1]+"`") {
			t.Errorf("README.md does not speak of %s", m[1])
		}
	}
}

// TestReadmeCommands holds the README to the commands that there are.
func TestReadmeCommands(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"help": true}
	for _, c := range root().Commands() {
		known[c.Name()] = true
	}
	found := 0
	for _, line := range strings.Split(string(readme), "\n") {
		for _, prefix := range []string{"./portrait ", "`portrait ", "./cmd/portrait "} {
			if before, rest, ok := strings.Cut(line, prefix); ok && !strings.HasSuffix(before, "go test ") {
				found++
				if name := strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == '`' })[0]; !known[name] {
					t.Errorf("README.md speaks of `portrait %s`, which there is not", name)
				}
			}
		}
	}
	if found < 8 {
		t.Errorf("only %d commands found in README.md", found)
	}
}

// TestReadmeTests holds the README to the tests that there are.
func TestReadmeTests(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`go test \\./([a-z/]+) -run (Test[A-Za-z0-9]+)").FindAllStringSubmatch(string(readme), -1)
	if len(named) < 20 {
		t.Errorf("only %d tests found in README.md", len(named))
	}
	for _, m := range named {
		files, err := filepath.Glob(filepath.Join("..", "..", m[1], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(files, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(text), "func "+m[2]+"(t *testing.T)")
		}) {
			t.Errorf("README.md speaks of %s in %s, which there is not", m[2], m[1])
		}
	}
}
