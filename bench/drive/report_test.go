package drive

import (
	"testing"
	"time"

	"portrait/bench"
	"portrait/bench/latency"
)

func TestConditions(t *testing.T) {
	r := &Report{}
	r.AddWindows([]Window{
		{Planned: 100, HandedOver: 100, Kept: true, Latency: bench.Latency{P50: 3, P99: 40, P999: 90, Max: 200}, LagAfter: 7, CPU: map[string]float64{"a": 2, "b": 3}},
		{Planned: 100, HandedOver: 99, Kept: true, Latency: bench.Latency{P50: 5, P99: 60, P999: 90, Max: 300}, LagAfter: 9, CPU: map[string]float64{"a": 4, "b": 3}},
	})
	for _, c := range []struct {
		text  string
		holds bool
	}{{"p99>50ms", true}, {"p99>60ms", false}, {"p50 > 4ms", true}, {"p99.9>1s", false}, {"max>299ms", true}, {"lag>8", true},
		{"lag>9", false}, {"cpu>6us", true}, {"cpu>7us", false}} {
		condition, err := ParseCondition(c.text)
		if err != nil {
			t.Fatal(err)
		}
		r.Failed = nil
		if r.Check([]Condition{condition}); (len(r.Failed) > 0) != c.holds {
			t.Errorf("%s: %v", c.text, r.Failed)
		}
	}
	for _, bad := range []string{"", "p99", "p98>5ms", "p99>5", "lag>5ms", "p99<5ms"} {
		if _, err := ParseCondition(bad); err == nil {
			t.Errorf("condition %q was taken", bad)
		}
	}
	if r.P99.Median != 50 || r.CPU["a"].Median != 3 || r.CPU["a"].N != 2 {
		t.Errorf("sums %+v, %+v", r.P99, r.CPU)
	}
}

// TestSettle: a report is good only if it is valid, something was checked, and nothing failed.
func TestSettle(t *testing.T) {
	good := []bench.Check{{Name: "x", OK: true}}
	for _, c := range []struct {
		name   string
		report Report
		want   bool
	}{
		{"good", Report{Checks: good}, true},
		{"nothing checked", Report{}, false},
		{"a check differs", Report{Checks: append(good, bench.Check{Name: "y"})}, false},
		{"invalid", Report{Checks: good, Invalid: "x"}, false},
		{"failed", Report{Checks: good, Failed: []string{"x"}}, false},
	} {
		if c.report.Settle(); c.report.OK != c.want {
			t.Errorf("%s: ok %v", c.name, c.report.OK)
		}
	}
	r := Report{Checks: good}
	if r.AddWindows([]Window{{Planned: 1000, HandedOver: 980}}); r.Invalid == "" {
		t.Error("a window that handed over 98 % of its plan is not invalid")
	}
}

// TestWindow divides by what was handed over between the edges.
func TestWindow(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := &window{from: 1000, to: 2000, recorder: latency.NewRecorder(),
		before: edge{at: at, handed: 990, cpu: map[string]time.Duration{"p": time.Second}},
		after:  edge{at: at.Add(10 * time.Second), handed: 1990, changes: 30, lag: 4, cpu: map[string]time.Duration{"p": 3 * time.Second}}}
	r := w.result(bench.Latency{})
	if r.HandedOver != 990 || !r.Kept || r.Changes != 30 || r.LagAfter != 4 || r.CPU["p"] != 2000 || r.CPUCores["p"] != 0.2 {
		t.Errorf("%+v", r)
	}
	w.after.handed = 1989
	if r = w.result(bench.Latency{}); r.Kept {
		t.Errorf("%d of %d handed over is called kept", r.HandedOver, r.Planned)
	}
}
