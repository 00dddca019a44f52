package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portrait/bench/compare"
	"portrait/bench/drive"
	"portrait/bench/traffic"
	"portrait/sinks/clickhouse"
)

// TestBenchSearchDrainCompare searches a range that any machine holds, drains two backlogs, and compares the results, each as a
// user does it.
func TestBenchSearchDrainCompare(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three deployments: a minute")
	}
	dir := t.TempDir()
	result := func(name string, arguments ...string) (r drive.Report, file string) {
		file = filepath.Join(dir, name+".json")
		runPortrait(t, 4*time.Minute, append(append([]string{"bench"}, arguments...), "--clickhouse", "none", "--profiles", "1000", "--catalog", "1",
			"--data", filepath.Join(dir, name), "--json", file)...)
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		return r, file
	}
	page := filepath.Join(dir, "search.html")
	found, _ := result("search", "search", "--from", "100", "--most", "200", "--explore", "1s", "--duration", "2s", "--warmup", "1s", "--confirm", "2",
		"--p99", "60000", "--budget", "60s", "--html", page)
	good(t, "search", &found, nil, 4)
	if found.Sustained <= 0 || found.Sustained > 200 || len(found.Windows) < 2 || len(found.Trials) < 3 || !found.OK {
		t.Errorf("%v events/s sustained, %d windows, %d trials", found.Sustained, len(found.Windows), len(found.Trials))
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), `"sustainable_rate":`) {
		t.Errorf("report: %v", err)
	}
	drained, a := result("drain", "drain", "--backlog", "60000", "--repeats", "2")
	good(t, "drain", &drained, nil, 8)
	if drained.DrainRate == nil || drained.DrainRate.N != 2 || drained.DrainRate.Min <= 0 || !drained.OK {
		t.Errorf("drained %+v", drained.DrainRate)
	}
	if _, err := benchDrain(t.Context(), &benchTarget{broker: "embedded", clickhouse: "none", tags: 1, keys: "zipf", profiles: 1000, data: filepath.Join(dir, "little")}, 1, 1); err == nil ||
		!strings.Contains(err.Error(), "raise --backlog") {
		t.Errorf("a backlog of one event was timed: %v", err)
	}
	b := filepath.Join(dir, "faster.json")
	drained.DrainRate.Median, drained.DrainRate.Min, drained.DrainRate.Max = 2*drained.DrainRate.Median, 2*drained.DrainRate.Max, 3*drained.DrainRate.Max
	if err := writeJSON(b, &drained); err != nil {
		t.Fatal(err)
	}
	out, _ := runPortrait(t, time.Minute, "bench", "compare", a, b, "--json", "-")
	var c compare.Comparison
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, row := range c.Rows {
		if row.Figure == "drain_events_per_s" && row.Ratio > 1.99 && row.Ratio < 2.01 && !row.Within && len(c.Different) == 0 {
			return
		}
	}
	t.Errorf("the drain twice as fast does not show: %+v", c)
}

// TestBenchApacheWithServer measures a small rate on Apache Kafka with a ClickHouse that the run did not start, and twice on that: the
// rows of the first run are another deployment's.
func TestBenchApacheWithServer(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache Kafka and ClickHouse: a minute")
	}
	needKafka(t)
	needEngine(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	engine, err := clickhouse.KeepEngine(ctx, clickhouse.EngineConfig{Dir: filepath.Join(t.TempDir(), "clickhouse"), Log: t.Output()}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	o := benchRun{kind: "run", rate: 300, duration: 2 * time.Second, warmup: time.Second, windows: 2}
	o.benchTarget = benchTarget{broker: "apache", clickhouse: engine.DSN(), tags: 12, keys: "uniform", profiles: 500, merges: 0.1, seed: 6, data: filepath.Join(t.TempDir(), "data")}
	r, err := o.measure(ctx, traffic.Burst{})
	good(t, "run", r, err, 5)
	if r.Windows[1].Samples == 0 || r.CPU["kafka"].Median <= 0 {
		t.Errorf("window %+v, CPU %v", r.Windows[1], r.CPU)
	}
}
