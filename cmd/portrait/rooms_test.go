package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// rooms says which rooms a room may import. Imports point one way: cmd → bench → pipeline, sinks →
// profile → schemas. pipeline and sinks do not know each other.
var rooms = map[string][]string{
	"schemas":  {},
	"profile":  {"schemas"},
	"pipeline": {"profile", "schemas", "deploy"},
	"sinks":    {"profile", "schemas"},
	"bench":    {"pipeline", "sinks", "profile", "schemas"},
	"cmd":      {"bench", "pipeline", "sinks", "profile", "schemas", "deploy"},
	"deploy":   {"schemas"},
}

// importers says who alone may import an external dependency: one package each.
var importers = map[string]string{
	"github.com/dgraph-io/badger":         "profile/store",
	"github.com/segmentio/kafka-go":       "pipeline/kafka",
	"github.com/twmb/franz-go/pkg/kfake":  "pipeline/broker",
	"github.com/ClickHouse/clickhouse-go": "sinks/clickhouse",
	"github.com/ebitengine/purego":        "sinks/clickhouse",
	"cel.dev/cel-go":                      "profile/tag",
	"github.com/nyaruka/phonenumbers":     "pipeline/normalize",
	"github.com/prometheus/client_golang": "cmd/portrait",
	"github.com/HdrHistogram":             "bench/latency",
	"github.com/charmbracelet/bubbletea":  "cmd/portrait",
	"github.com/google/btree":             "profile/machine",
	"github.com/minio/minio-go":           "pipeline/snapshot",
}

// strangers says what a package must not reach, tests included: the checker shares no code with what it
// checks.
var strangers = map[string][]string{
	"bench/check":     {"portrait/profile", "portrait/sinks", "portrait/pipeline"},
	"bench/ledger":    {"portrait/profile", "portrait/sinks", "portrait/pipeline"},
	"bench/traffic":   {"portrait/profile", "portrait/sinks", "portrait/pipeline"},
	"bench/sim/model": {"portrait/profile", "portrait/sinks", "portrait/pipeline", "portrait/schemas"},
}

// pure says which rooms of the core must not see the clock, a random source or the outside.
var pure = []string{"profile/identity", "profile/feature", "profile/tag", "profile/machine"}

func TestImportDirections(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen++
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			for _, fault := range importFaults(filepath.ToSlash(rel), imported) {
				t.Error(fault)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Errorf("only %d files were looked at: is the root right?", seen)
	}
}

// importFaults says what is wrong with a file importing a package.
func importFaults(file, imported string) (faults []string) {
	dir, room := filepath.ToSlash(filepath.Dir(file)), strings.Split(file, "/")[0]
	test := strings.HasSuffix(file, "_test.go")
	allowed, known := rooms[room]
	if !known {
		return []string{file + ": room " + room + " is not in the map of rooms"}
	}
	if rest, ours := strings.CutPrefix(imported, "portrait/"); ours {
		target := strings.Split(rest, "/")[0]
		ok := target == room
		for _, a := range allowed {
			ok = ok || a == target
		}
		if !ok {
			faults = append(faults, file+" imports "+imported+": "+room+" may not know "+target)
		}
	}
	for prefix, owner := range importers {
		if strings.HasPrefix(imported, prefix) && dir != owner && !test {
			faults = append(faults, file+" imports "+imported+": that is for "+owner+" alone")
		}
	}
	for _, prefix := range strangers[dir] {
		if strings.HasPrefix(imported, prefix) {
			faults = append(faults, file+" imports "+imported+": it must share no code with what it judges")
		}
	}
	for _, p := range pure {
		if dir == p && !test {
			switch imported {
			case "math/rand", "math/rand/v2", "os", "net", "sync", "crypto/rand", "context", "log/slog":
				faults = append(faults, file+" imports "+imported+": the core sees neither clock nor chance nor the outside")
			}
		}
	}
	return faults
}

// TestImportFaults sees the rules bite.
func TestImportFaults(t *testing.T) {
	for _, c := range []struct {
		name, file, imported string
		want                 int
	}{
		{"down", "cmd/portrait/x.go", "portrait/schemas", 0},
		{"up", "schemas/x.go", "portrait/profile", 1},
		{"across", "pipeline/x.go", "portrait/sinks/clickhouse", 1},
		{"foreign badger", "pipeline/x.go", "github.com/dgraph-io/badger/v4", 1},
		{"checker and machine", "bench/check/x_test.go", "portrait/profile/machine", 1},
		{"core and chance", "profile/machine/x.go", "math/rand/v2", 1},
		{"new room", "util/x.go", "fmt", 1},
	} {
		if got := importFaults(c.file, c.imported); len(got) != c.want {
			t.Errorf("%s: %v, want %d faults", c.name, got, c.want)
		}
	}
}
