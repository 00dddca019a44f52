package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portrait/bench/drive"
	"portrait/bench/traffic"
	"portrait/pipeline"
	"portrait/schemas"
)

// TestBenchAttach drives a real `portrait run` with ClickHouse, as run, search and drain do, twice beside another run's
// persons: everything is verified, and nothing is taken for the other's.
func TestBenchAttach(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a service of its own and waits for its documents: a minute")
	}
	needEngine(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	model, err := traffic.NewModel(12)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	catalog := filepath.Join(dir, "bench-12.yaml")
	if err := os.WriteFile(catalog, model.YAML(), 0o600); err != nil {
		t.Fatal(err)
	}
	data, config := filepath.Join(dir, "data"), filepath.Join(dir, "portrait.yaml")
	text := fmt.Sprintf("data_dir: %q\nhttp: 127.0.0.1:0\ncatalog: %q\nprefix: shop\ndeployment: {doc_interval_ms: 2000, time_zone: Europe/Berlin}\n", data, catalog)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	node := startProcess(ctx, t, data, config)
	shape := benchTarget{attach: true, broker: "embedded", clickhouse: "embedded", data: data, tags: 12, keys: "zipf", profiles: 1000, merges: 0.1, seed: 4}

	byName := benchRun{benchTarget: shape, kind: "run", rate: 500, duration: 2 * time.Second, warmup: time.Second, windows: 1}
	byName.data, byName.broker, byName.prefix, byName.clickhouse = filepath.Join(dir, "elsewhere"), node.Running.Brokers[0], "shop", node.Running.ClickHouse
	r, err := byName.measure(ctx, traffic.Burst{})
	good(t, "run", r, err, 7)
	if r.Windows[0].Samples == 0 || r.Windows[0].LagAfter < 0 || len(r.Stages) > 0 {
		t.Errorf("window %+v, %d stages", r.Windows[0], len(r.Stages))
	}

	r, err = benchSearch(ctx, &shape, drive.Search{From: 400, Most: 400, Short: time.Second, Long: time.Second, Warmup: time.Second, Confirm: 1, Budget: 20 * time.Second, P99: 60_000, Precision: 0.5})
	good(t, "search", r, err, 7)
	if r.Sustained != 400 || r.Windows[0].CPU["portrait"] <= 0 {
		t.Errorf("%v events/s sustained, CPU %v", r.Sustained, r.Windows[0].CPU)
	}

	sample := byName
	if sample.events = filepath.Join(dir, "sample.jsonl"); os.WriteFile(sample.events, []byte(sampleText), 0o600) != nil {
		t.Fatal("the sample cannot be written")
	}
	r, err = sample.measure(ctx, traffic.Burst{})
	good(t, "sample", r, err, 5)

	r, err = benchDrain(ctx, &shape, 40_000, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Checks { // whether the deployment keeps up with the writing is the machine's affair
		if !c.OK {
			t.Errorf("drain: %s: %s", c.Name, c.Detail)
		}
	}
	if len(r.Checks) != 7 || r.DrainRate.Median <= 0 {
		t.Errorf("drain: %d checks, %+v", len(r.Checks), r.DrainRate)
	}
}

// good fails the test unless a report is verified by so many checks.
func good(t *testing.T, what string, r *drive.Report, err error, checks int) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, c := range r.Checks {
		if !c.OK {
			t.Errorf("%s: %s: %s", what, c.Name, c.Detail)
		}
	}
	if len(r.Checks) != checks {
		t.Errorf("%s: %d checks instead of %d: %+v", what, len(r.Checks), checks, r.Checks)
	}
}

// TestFits: what a catalogue lacks is named, with the command that helps.
func TestFits(t *testing.T) {
	model, err := traffic.NewModel(12)
	if err != nil {
		t.Fatal(err)
	}
	demo, err := schemas.ShippedCatalog("demo")
	if err != nil {
		t.Fatal(err)
	}
	text := string(model.YAML())
	for _, c := range []struct{ name, text, want string }{
		{"the same", text, ""},
		{"more than that", strings.Replace(text, "\ntags:\n", "\ntags:\n  another:\n    when: \"orders >= 7\"\n", 1), ""},
		{"another rule", strings.Replace(text, "checkins >= 3", "checkins >= 4", 1), "tag community_regular is defined otherwise"},
		{"another feature", strings.Replace(text, "window: 90d", "window: 60d", 1), "feature paid_recent is defined otherwise"},
		{"the demo's", string(demo), "feature active_days is"},
		{"few devices", text + "\nidentifiers:\n  device_id: {max: 2}\n", "device_id is limited to 2"},
		{"none", "", "has no catalogue"},
	} {
		published := pipeline.PublishedCatalog{Text: []byte(c.text)}
		if c.text != "" {
			published.Version = 7
		}
		err := fits(model, 12, published)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "portrait bench catalog --catalog 12")) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
