package drive

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"portrait/bench"
	"portrait/bench/meter"
)

// Settings say what was measured.
type Settings struct {
	Attached   bool    `json:"attached,omitempty"` // to a deployment that ran already
	Broker     string  `json:"broker"`
	ClickHouse string  `json:"clickhouse"`
	Events     string  `json:"events,omitempty"`  // file of the sample that was sent; else it was computed
	Catalog    string  `json:"catalog,omitempty"` // as it was named
	Tags       int     `json:"tags"`
	Keys       string  `json:"keys"`
	Profiles   int     `json:"profiles"`
	Merges     float64 `json:"merges"`
	Rate       float64 `json:"rate,omitempty"`
	Burst      string  `json:"burst,omitempty"`
	Warmup     float64 `json:"warmup_s,omitempty"`
	Duration   float64 `json:"duration_s,omitempty"`
	CacheMB    int     `json:"cache_mb,omitempty"`
	Nodes      int     `json:"nodes,omitempty"` // processes, if they are ones of their own
	Partitions int     `json:"inbox_partitions,omitempty"`
	Seed       uint64  `json:"seed"`
}

// Report is what a measurement of a deployment prints with --json. Its keys are a contract: add, never rename.
type Report struct {
	Kind      string                  `json:"kind"` // run | search | drain | stages | timers | restart
	At        time.Time               `json:"at"`
	Machine   meter.Machine           `json:"machine"`
	Revision  string                  `json:"revision"`
	Settings  Settings                `json:"settings"`
	Preload   float64                 `json:"preload_events_per_s,omitempty"`
	Windows   []Window                `json:"windows,omitempty"`
	P50       bench.Spread            `json:"p50_ms"` // over the windows
	P99       bench.Spread            `json:"p99_ms"`
	P999      bench.Spread            `json:"p999_ms"`
	CPU       map[string]bench.Spread `json:"cpu_us_per_event"`             // by process
	Stages    []bench.Stage           `json:"stages,omitempty"`             // of the CPU profile of process portrait
	Own       float64                 `json:"bench_us_per_event,omitempty"` // of generator and recorder, within process portrait
	Other     []string                `json:"other_functions,omitempty"`
	Series    []Sample                `json:"series,omitempty"`
	Marks     []Mark                  `json:"marks,omitempty"`
	Trials    []Trial                 `json:"trials,omitempty"`
	Sustained float64                 `json:"sustainable_rate,omitempty"`
	DrainRate *bench.Spread           `json:"drain_events_per_s,omitempty"`
	Wave      *Wave                   `json:"wave,omitempty"`
	Steady    []Trend                 `json:"steady,omitempty"` // of a long run: whether it leaks
	Restarts  []Restart               `json:"restarts,omitempty"`
	FirstTag  *bench.Spread           `json:"first_tag_s,omitempty"` // after a restart, or of a moved partition
	Phases    []Phase                 `json:"phases,omitempty"`
	Seconds   []Second                `json:"seconds,omitempty"`       // of a rolling restart
	Slow      *bench.Spread           `json:"slow_seconds,omitempty"`  // of the plan with p99 above 500 ms, in all
	OthersP99 *bench.Spread           `json:"others_p99_ms,omitempty"` // of partitions that did not move, over the phases
	Invalid   string                  `json:"invalid,omitempty"`       // why the figures say nothing about the system
	Failed    []string                `json:"failed,omitempty"`        // conditions of --fail that hold
	Checks    []bench.Check           `json:"checks"`
	OK        bool                    `json:"ok"`
}

// Mark is something that happened, for the plots.
type Mark struct {
	At   float64 `json:"at"` // seconds, as in the series
	Text string  `json:"text"`
}

// Trial is one rate that a search tried.
type Trial struct {
	Rate    float64 `json:"rate"`
	Held    bool    `json:"held"`
	Confirm bool    `json:"confirm,omitempty"` // of the full length
	Why     string  `json:"why,omitempty"`     // why it did not hold
	Window  Window  `json:"window"`
}

// AddWindows sums up windows.
func (r *Report) AddWindows(list []Window) {
	r.Windows = append(r.Windows, list...)
	pick := func(f func(*Window) float64) bench.Spread {
		var values []float64
		for i := range r.Windows {
			values = append(values, f(&r.Windows[i]))
		}
		return bench.SpreadOf(values)
	}
	r.P50 = pick(func(w *Window) float64 { return w.Latency.P50 })
	r.P99 = pick(func(w *Window) float64 { return w.Latency.P99 })
	r.P999 = pick(func(w *Window) float64 { return w.Latency.P999 })
	r.CPU = map[string]bench.Spread{}
	for i := range r.Windows {
		for name := range r.Windows[i].CPU {
			r.CPU[name] = pick(func(w *Window) float64 { return w.CPU[name] })
		}
	}
	for i := range list {
		if w := &list[i]; !w.Kept && r.Invalid == "" {
			r.Invalid = fmt.Sprintf("the generator handed over %d of %d events by the end of window %d", w.HandedOver, w.Planned, i+1)
		}
	}
}

// Settle decides whether the run is good: valid, verified, and no condition of failure holds.
func (r *Report) Settle() {
	r.OK = r.Invalid == "" && len(r.Failed) == 0 && len(r.Checks) > 0
	for _, c := range r.Checks {
		r.OK = r.OK && c.OK
	}
}

// Condition is a limit on a figure of the windows: the run fails if any window is beyond it.
type Condition struct {
	text   string
	figure string
	limit  float64
}

// figures are what conditions may speak of; latencies in ms.
var figures = map[string]func(*Window) float64{
	"p50":   func(w *Window) float64 { return w.Latency.P50 },
	"p99":   func(w *Window) float64 { return w.Latency.P99 },
	"p99.9": func(w *Window) float64 { return w.Latency.P999 },
	"max":   func(w *Window) float64 { return w.Latency.Max },
	"lag":   func(w *Window) float64 { return float64(w.LagAfter) },
	"cpu": func(w *Window) (sum float64) {
		for _, us := range w.CPU {
			sum += us
		}
		return sum
	},
}

// wholes are figures of a report as a whole: first_tag (ms) and others_p99 (ms) at worst, slow (ms).
var wholes = map[string]struct {
	of func(*Report) *bench.Spread
	ms float64 // that one of it is
}{
	"first_tag":  {func(r *Report) *bench.Spread { return r.FirstTag }, 1000},
	"slow":       {func(r *Report) *bench.Spread { return r.Slow }, 1000},
	"others_p99": {func(r *Report) *bench.Spread { return r.OthersP99 }, 1},
}

// ParseCondition reads FIGURE>LIMIT: p50, p99, p99.9 or max with a duration, lag with a number of events, cpu (all
// processes together, per event) with a duration.
func ParseCondition(text string) (Condition, error) {
	figure, limit, ok := strings.Cut(strings.ReplaceAll(text, " ", ""), ">")
	c := Condition{text: text, figure: figure}
	fail := fmt.Errorf("condition %q: want FIGURE>LIMIT, for example p99>500ms; figures are p50, p99, p99.9, max, cpu (durations) and lag (events), "+
		"of a restart first_tag, of a rolling one slow and others_p99, too", text)
	if !ok || figures[figure] == nil && wholes[figure].of == nil {
		return c, fail
	}
	if figure == "lag" {
		var err error
		if c.limit, err = strconv.ParseFloat(limit, 64); err != nil {
			return c, fail
		}
		return c, nil
	}
	d, err := time.ParseDuration(limit)
	if err != nil {
		return c, fail
	}
	c.limit = float64(d) / float64(time.Millisecond)
	if figure == "cpu" {
		c.limit = float64(d) / float64(time.Microsecond)
	}
	return c, nil
}

// Check reports which conditions of failure hold for any of the windows.
func (r *Report) Check(conditions []Condition) {
	for _, c := range conditions {
		if whole := wholes[c.figure]; whole.of != nil {
			switch got := whole.of(r); {
			case got == nil:
				r.Failed = append(r.Failed, c.text+": not measured by bench "+r.Kind)
			case got.Max*whole.ms > c.limit:
				r.Failed = append(r.Failed, fmt.Sprintf("%s: %.0f ms", c.text, got.Max*whole.ms))
			}
			continue
		}
		for i := range r.Windows {
			if got := figures[c.figure](&r.Windows[i]); got > c.limit {
				r.Failed = append(r.Failed, fmt.Sprintf("%s: %.1f in window %d", c.text, got, i+1))
				break
			}
		}
	}
}
