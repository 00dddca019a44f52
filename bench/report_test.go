package bench_test

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"portrait/bench"
)

func TestReportKeys(t *testing.T) {
	got, err := json.Marshal(bench.Report{Checks: []bench.Check{{Name: "identity", OK: true, Detail: "x"}}, LatencyMS: bench.Latency{P99: 1.5}})
	if err != nil {
		t.Fatal(err)
	}
	const none = `{"p50":0,"p99":0,"p999":0,"max":0}`
	want := `{"events_sent":0,"events_stored":0,"rejected":0,"duplicates":0,"people":0,"profiles":0,"identity_wrong":0,` +
		`"tag_changes":0,"latency_ms":{"p50":0,"p99":1.5,"p999":0,"max":0},"merge_latency_ms":` + none + `,"timer_latency_ms":` + none +
		`,"freshness_ms":` + none + `,"checks":[{"name":"identity","ok":true,"detail":"x"}],"ok":false}`
	if string(got) != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestSettle(t *testing.T) {
	fine, bad := bench.Check{Name: "a", OK: true}, bench.Check{Name: "b"}
	for _, c := range []struct {
		name   string
		sent   int64
		checks []bench.Check
		want   bool
	}{
		{"everything sent and right", 1000, []bench.Check{fine, fine}, true},
		{"99 % sent", 990, []bench.Check{fine}, true},
		{"less than 99 % sent", 989, []bench.Check{fine}, false},
		{"one check fails", 1000, []bench.Check{fine, bad, fine}, false},
		{"nothing was checked", 1000, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := bench.Report{EventsSent: c.sent, Checks: c.checks, OK: !c.want}
			if r.Settle(1000); r.OK != c.want {
				t.Fatalf("ok is %v", r.OK)
			}
		})
	}
}

// TestTheJudgeKnowsNobody holds ledger, checker and what they stand on to importing neither profile nor pipeline nor
// sinks, tests included.
func TestTheJudgeKnowsNobody(t *testing.T) {
	files := 0
	for _, dir := range []string{"ledger", "check", "generator", "latency"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range append(paths, "report.go") {
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			files++
			for _, spec := range f.Imports {
				name := strings.Trim(spec.Path.Value, `"`)
				allowed := name == "portrait/schemas" || name == "portrait/bench" || strings.HasPrefix(name, "portrait/bench/")
				if strings.HasPrefix(name, "portrait/") && !allowed {
					t.Errorf("%s imports %s", path, name)
				}
			}
		}
	}
	if files < 15 {
		t.Fatalf("only %d files looked at", files)
	}
}
