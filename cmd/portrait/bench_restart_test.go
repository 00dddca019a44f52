package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"portrait/bench/drive"
)

// TestBenchRestart kills a real node once under load, as a user has it done: the times are there, in order, and everything
// is verified.
func TestBenchRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes and waits for their documents: 40 s")
	}
	t.Parallel()
	page := filepath.Join(t.TempDir(), "report.html")
	out, _ := runPortrait(t, 5*time.Minute, "bench", "restart", "--profiles", "2000", "--repeats", "1", "--rate", "300", "--after", "5s",
		"--catalog", "1", "--json", "-", "--html", page, "--fail", "first_tag>5m")
	var r drive.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("stdout is no JSON object: %v\n%s", err, out)
	}
	good(t, "restart", &r, nil, 6)
	if len(r.Restarts) != 1 || len(r.Marks) != 2 || r.FirstTag == nil {
		t.Fatalf("%d restarts, marks %v, first tag %v", len(r.Restarts), r.Marks, r.FirstTag)
	}
	x := r.Restarts[0]
	if x.Announced <= 0 || x.Owned < x.Announced || x.CaughtUp < x.Owned || x.Ready < x.Announced || x.FirstTag <= 0 || x.Partitions < x.FirstTag || len(x.Said) == 0 {
		t.Errorf("times %+v", x)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), `"restarts":[`) {
		t.Errorf("report: %v", err)
	}
}

// TestBenchRestartRolling restarts two real nodes in turn under load, lets a third join and the first leave: every phase is there,
// partitions moved, their events were answered, and everything equals the plan. It has the machine's cores for itself as far as
// this package goes, because the time between phases is a part of the run.
func TestBenchRestartRolling(t *testing.T) {
	if testing.Short() {
		t.Skip("restarts processes in turn under load: 100 s")
	}
	out, _ := runPortrait(t, 6*time.Minute, "bench", "restart", "--rolling", "--nodes", "2", "--partitions", "4", "--profiles", "2000",
		"--rate", "300", "--phase", "15s", "--catalog", "1", "--json", "-", "--fail", "first_tag>5m")
	var r drive.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("stdout is no JSON object: %v\n%s", err, out)
	}
	good(t, "rolling restart", &r, nil, 6)
	if r.Invalid != "" || r.Slow == nil || r.OthersP99 == nil || r.FirstTag == nil {
		t.Errorf("invalid %q, slow seconds %v, p99 of others %v, first tag %v", r.Invalid, r.Slow, r.OthersP99, r.FirstTag)
	}
	var names []string
	for _, p := range r.Phases {
		names = append(names, p.Name)
		if len(p.Moved) == 0 || p.FirstTag <= 0 || p.Changes == 0 || p.Away < 0 {
			t.Errorf("phase %+v", p)
		}
	}
	if want := []string{"restart node-1", "restart node-2", "join node-3", "leave node-1"}; !slices.Equal(names, want) {
		t.Errorf("phases %v, want %v", names, want)
	}
}

// TestBenchRestartRefused: what cannot work is said before anything is started.
func TestBenchRestartRefused(t *testing.T) {
	for want, o := range map[string]benchRestart{
		"--rolling with 1":  {rolling: true, nodes: 1, partitions: 8, repeats: 1, phase: time.Minute, after: time.Minute},
		"go with --rolling": {nodes: 2, partitions: 8, repeats: 1, phase: time.Minute, after: time.Minute},
		"3 partitions":      {rolling: true, nodes: 3, partitions: 3, repeats: 1, phase: time.Minute, after: time.Minute},
		"--phase 1s":        {rolling: true, nodes: 3, partitions: 8, repeats: 1, phase: time.Second, after: time.Minute},
	} {
		if _, err := o.measure(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
