package drive

import (
	"context"
	"maps"
	"time"

	"portrait/bench"
	"portrait/bench/latency"
	"portrait/bench/meter"
)

// window is one measured stretch of time while it is measured.
type window struct {
	from, to      int64 // numbers of its events
	start         time.Time
	length        time.Duration
	recorder      *latency.Recorder
	before, after edge
	givenUp       bool // before its end
}

// edge is what was read at the edge of a window.
type edge struct {
	at      time.Time
	handed  int64
	changes int64
	lag     int64
	cpu     map[string]time.Duration
}

func (d *Driver) edge() edge {
	e := edge{at: time.Now(), handed: d.next.Load(), changes: d.changes.Load(), lag: d.Lag(), cpu: map[string]time.Duration{}}
	for name, pid := range d.processes() {
		if t, err := meter.CPUOf(pid); err == nil { // one that has ended is left out
			e.cpu[name] = t
		}
	}
	return e
}

// processes are those whose use is told now.
func (d *Driver) processes() map[string]int {
	if d.dep.Changing == nil {
		return d.dep.Processes
	}
	all := maps.Clone(d.dep.Processes)
	maps.Copy(all, d.dep.Changing())
	return all
}

// behindPoll is how often a window looks whether it should be given up.
const behindPoll = 100 * time.Millisecond

// await waits for the end of the window, or until more is behind than the stretch allows, all of it its own.
func (w *window) await(ctx context.Context, s *Stretch, lag func() int64) error {
	for left := w.length; left > 0; left = time.Until(w.start.Add(w.length)) {
		w.givenUp = s.Behind > 0 && time.Since(w.start) >= s.Behind && float64(lag()) > s.Rate*s.Behind.Seconds()
		if w.givenUp {
			return nil
		}
		if s.Behind > 0 {
			left = min(left, behindPoll)
		}
		if err := bench.Pause(ctx, left); err != nil {
			return err
		}
	}
	return nil
}

// Window is what one window showed.
type Window struct {
	Seconds    float64            `json:"seconds"`
	Planned    int64              `json:"planned"`
	HandedOver int64              `json:"handed_over"`        // of the plan by its end
	Kept       bool               `json:"kept"`               // at least 99 % of the plan
	GivenUp    bool               `json:"given_up,omitempty"` // ended early, hopelessly behind; what was handed over is its plan
	Latency    bench.Latency      `json:"latency_ms"`         // planned instant of an event to its tag change received
	Merge      bench.Latency      `json:"merge_latency_ms"`
	Hiccups    bench.Latency      `json:"hiccups_ms"`
	Lateness   bench.Latency      `json:"lateness_ms"` // of handing over; of the whole stretch
	Samples    int64              `json:"samples"`
	Changes    int64              `json:"tag_changes"`
	LagBefore  int64              `json:"lag_before"` // events; -1: nobody knows
	LagAfter   int64              `json:"lag_after"`
	LagTrend   float64            `json:"lag_trend"`        // events per second, over the window
	Unanswered int64              `json:"unanswered"`       // lag when the latencies were summed up: so many are not among them
	CPU        map[string]float64 `json:"cpu_us_per_event"` // by process
	CPUCores   map[string]float64 `json:"cpu_cores"`
	Spectrum   []latency.Point    `json:"spectrum,omitempty"`
	Jitter     []latency.Point    `json:"hiccup_spectrum,omitempty"`
}

// keepShare of a plan must be handed over in time.
const keepShare = 0.99

func (w *window) result(late bench.Latency) Window {
	took := w.after.at.Sub(w.before.at).Seconds()
	r := Window{Seconds: took, Planned: w.to - w.from, Lateness: late, Changes: w.after.changes - w.before.changes,
		HandedOver: min(max(0, w.after.handed-w.from), w.to-w.from),
		Latency:    w.recorder.Total(latency.Event), Merge: w.recorder.Total(latency.Merge), Hiccups: w.recorder.Total(latency.Hiccup),
		Samples: w.recorder.Count(latency.Event), LagBefore: w.before.lag, LagAfter: w.after.lag,
		CPU: map[string]float64{}, CPUCores: map[string]float64{},
		Spectrum: w.recorder.Spectrum(latency.Event), Jitter: w.recorder.Spectrum(latency.Hiccup)}
	if r.GivenUp = w.givenUp; w.givenUp {
		r.Planned = r.HandedOver
	}
	r.Kept = float64(r.HandedOver) >= keepShare*float64(r.Planned)
	events := float64(max(1, w.after.handed-w.before.handed))
	for name, t := range w.after.cpu {
		used := max(0, t-w.before.cpu[name]) // a process that began anew meanwhile
		r.CPU[name] = float64(used.Microseconds()) / events
		r.CPUCores[name] = used.Seconds() / took
	}
	return r
}
