package plot

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portrait/bench"
	"portrait/bench/drive"
	"portrait/bench/latency"
)

func report() *drive.Report {
	spectrum := []latency.Point{{Quantile: 0, MS: 0.4}, {Quantile: 0.5, MS: 3}, {Quantile: 0.99, MS: 30}, {Quantile: 1, MS: 90}}
	w := drive.Window{Seconds: 10, Planned: 1000, HandedOver: 1000, Kept: true, Samples: 50, Spectrum: spectrum, Jitter: spectrum,
		Latency: bench.Latency{P50: 3, P99: 30, P999: 80, Max: 90}, CPU: map[string]float64{"portrait": 12}}
	r := &drive.Report{Kind: "search", At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Sustained: 120_000,
		Settings: drive.Settings{Broker: "embedded", ClickHouse: `</script><b>&"`, Tags: 12, Keys: "zipf", Profiles: 1000},
		Stages:   []bench.Stage{{Name: "features", Share: 0.6, MicroS: 3}, {Name: "generator", Share: 0.4, MicroS: 2}},
		Trials:   []drive.Trial{{Rate: 120_000, Held: true, Window: w}, {Rate: 150_000, Why: "p99 900 ms", Window: w}},
		Marks:    []drive.Mark{{At: 2, Text: "something happened"}},
		Checks:   []bench.Check{{Name: "events per profile", OK: true, Detail: "1000 compared, 0 differ"}}}
	for k := range 5 {
		r.Series = append(r.Series, drive.Sample{At: float64(k), Rate: 1000, Counted: 990, Lag: int64(k), P50: 3, P99: 30, Hiccup: 1,
			Files: map[string]int64{"portrait": 80}, Running: map[string]int64{"portrait": 120},
			Memory: map[string]int64{"portrait": 1 << 28}, Disk: map[string]int64{"state": 1 << 20}, CPUCores: map[string]float64{"portrait": 0.5}})
	}
	r.Restarts = []drive.Restart{{At: 2, Announced: 0.3, Owned: 0.5, CaughtUp: 1, Ready: 1, FirstTag: 1.3, Partitions: 1.5}}
	r.Phases = []drive.Phase{{Name: "restart node-1", At: 1, Away: 1.2, Moved: []int{1, 3}, FirstTag: 1.3, OthersP99: 80, MovedP99: 900, Slow: 2}}
	r.Seconds = []drive.Second{{At: 1, P99: 900, Moved: 900, Others: 80}, {At: 2, P99: 20, Others: 20}}
	r.Steady = []drive.Trend{{What: "memory of portrait", Unit: "bytes", From: 1 << 28, To: 1 << 28, Seconds: 600, Judged: true, Flat: true}}
	r.AddWindows([]drive.Window{w, w, w})
	r.Settle()
	return r
}

// TestSelfContained: nothing is fetched, and no text of the report can leave its place.
func TestSelfContained(t *testing.T) {
	page, err := HTML(report())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"http://", "https://", "src=", "@import", "url(", "{{.}}", `</script><b>`} {
		if bytes.Contains(page, []byte(bad)) {
			t.Errorf("the page contains %q", bad)
		}
	}
	if _, err := HTML(func() {}); err == nil {
		t.Error("what is no JSON was plotted")
	}
}

// TestDrawn opens the page in a real browser and counts what the script drew.
func TestDrawn(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	page, err := HTML(report())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+filepath.Join(dir, "user"),
		"--virtual-time-budget=3000", "--dump-dom", "file://"+file).Output()
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	dom, _, _ := strings.Cut(string(out), "<script") // what the script drew stands before it
	// Spectrum, seconds of the plan, latency, throughput, lag, trials, memory, goroutines, files, disk, CPU, stages.
	if n := strings.Count(dom, "<svg"); n != 12 {
		t.Errorf("%d plots are drawn, want 12", n)
	}
	for _, want := range []string{"Percentile spectrum", "the knee: 120,000/s", "kill -9", "restart node-1", "Does it leak?", "memory of portrait", "flat", "something happened", "p99 900 ms", "120,000", "verified", "&lt;/script&gt;"} {
		if !strings.Contains(dom, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(dom, "NaN") || strings.Contains(dom, "undefined") {
		t.Error("a place could not be computed")
	}
}
