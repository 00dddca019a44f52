package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"portrait/bench/traffic"
)

// TestBenchRun measures a small rate on a whole embedded deployment with a small cache and merges. The figures depend
// on the machine; that everything is verified does not.
func TestBenchRun(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker and waits for documents: 20 s")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	o := benchRun{kind: "run", rate: 1000, duration: time.Second, warmup: time.Second, windows: 2, cpuprofile: filepath.Join(t.TempDir(), "cpu")}
	o.benchTarget = benchTarget{broker: "embedded", clickhouse: "none", tags: 12, keys: "zipf", profiles: 3000, merges: 0.1, cache: 1, seed: 3,
		data: filepath.Join(t.TempDir(), "data")}
	r, err := o.measure(ctx, traffic.Burst{Factor: 2, Length: 100 * time.Millisecond, Period: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Checks {
		if !c.OK {
			t.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	if len(r.Checks) != 4 || len(r.Windows) != 2 || r.Windows[0].Planned != 1000 || r.Windows[1].Samples == 0 || len(r.Series) == 0 || len(r.Stages) == 0 {
		t.Errorf("%d checks, windows %+v, %d samples, %d stages", len(r.Checks), r.Windows, len(r.Series), len(r.Stages))
	}
	if _, err := o.measure(ctx, traffic.Burst{}); err == nil {
		t.Error("a directory that holds a deployment was measured again")
	}
}

// TestBenchTimers lets the timers of 500 profiles be due at one instant, and has every change told and verified.
func TestBenchTimers(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for deadlines and documents: 30 s")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	o := benchTimers{rate: 100, after: 8 * time.Second, before: time.Second, behind: 4 * time.Second, rest: 2 * time.Second}
	o.benchTarget = benchTarget{broker: "embedded", clickhouse: "none", keys: "uniform", profiles: 500, seed: 5, data: filepath.Join(t.TempDir(), "data")}
	r, err := o.measure(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Checks {
		if !c.OK {
			t.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	// At most as many as there are persons; whoever signed in meanwhile is due later: 7 % of some 700 events.
	if r.Wave.Changes < 350 || r.Wave.Changes > 500 || r.Wave.Last <= 0 || len(r.Marks) != 1 {
		t.Errorf("wave %+v, marks %+v", r.Wave, r.Marks)
	}
}
