package peers

import (
	"fmt"
	"io"
	"slices"
	"time"

	"portrait/bench"
	"portrait/bench/meter"
)

// Settings say what was measured.
type Settings struct {
	Tags     int       `json:"tags"`
	Keys     string    `json:"keys"`
	Profiles int       `json:"profiles"`
	Rounds   int       `json:"rounds"`
	Drain    int       `json:"drain_events,omitempty"`
	Rates    []float64 `json:"rates,omitempty"`
	Warm     int       `json:"warmup_events,omitempty"`
	Warmup   float64   `json:"warmup_s,omitempty"`
	Duration float64   `json:"duration_s,omitempty"`
	Seed     uint64    `json:"seed"`
}

// Report is what a comparison prints with --json. Its keys are a contract: add, never rename.
type Report struct {
	Kind     string         `json:"kind"` // peer
	At       time.Time      `json:"at"`
	Machine  meter.Machine  `json:"machine"`
	Revision string         `json:"revision"`
	Settings Settings       `json:"settings"`
	Drain    []DrainSummary `json:"drain,omitempty"`
	Latency  []LiveSummary  `json:"latency,omitempty"`
	Drains   []Drain        `json:"drain_rounds,omitempty"`
	Lives    []Live         `json:"latency_rounds,omitempty"`
	Invalid  []string       `json:"invalid,omitempty"` // why figures say nothing about the applications
	Checks   []bench.Check  `json:"checks"`
	OK       bool           `json:"ok"`
}

// DrainSummary is what one application showed in all rounds. Ratios are Portrait's figure by this one's of the same round;
// Portrait has none.
type DrainSummary struct {
	Name      string        `json:"application"`
	Rate      bench.Spread  `json:"events_per_s"`
	CPU       bench.Spread  `json:"cpu_us_per_event"`
	Rest      bench.Spread  `json:"cpu_to_rest_us_per_event"`
	Broker    bench.Spread  `json:"broker_us_per_event"`
	RateRatio *bench.Spread `json:"events_per_s_ratio,omitempty"`
	CPURatio  *bench.Spread `json:"cpu_ratio,omitempty"`
	RestRatio *bench.Spread `json:"cpu_to_rest_ratio,omitempty"`
}

// LiveSummary is what one application showed at one rate in all rounds. Ratios are as in DrainSummary.
type LiveSummary struct {
	Name      string        `json:"application"`
	Offered   float64       `json:"rate"`
	P50       bench.Spread  `json:"p50_ms"`
	P99       bench.Spread  `json:"p99_ms"`
	P999      bench.Spread  `json:"p999_ms"`
	Hiccup    bench.Spread  `json:"hiccup_p99_ms"`
	CPU       bench.Spread  `json:"cpu_us_per_event"`
	Broker    bench.Spread  `json:"broker_us_per_event"`
	P50Ratio  *bench.Spread `json:"p50_ratio,omitempty"`
	P99Ratio  *bench.Spread `json:"p99_ratio,omitempty"`
	P999Ratio *bench.Spread `json:"p999_ratio,omitempty"`
	CPURatio  *bench.Spread `json:"cpu_ratio,omitempty"`
}

// Settle sums up the rounds and decides whether the comparison is good: valid, and every change of everybody as it must be.
func (r *Report) Settle() {
	r.Drain, r.Latency, r.Invalid = nil, nil, nil
	for _, v := range drains {
		mine := func(d *Drain) bool { return d.Name == v.name }
		if !slices.ContainsFunc(r.Drains, func(d Drain) bool { return mine(&d) }) {
			continue
		}
		spread := func(f func(*Drain) float64) bench.Spread { return spreadOf(r.Drains, mine, f) }
		ratio := func(f func(*Drain) float64) *bench.Spread {
			return ratioOf(r.Drains, v.name, mine, func(d *Drain) (int, string) { return d.Round, d.Name }, f)
		}
		rate, cpu := func(d *Drain) float64 { return d.Rate }, func(d *Drain) float64 { return d.CPU }
		rest := func(d *Drain) float64 { return d.Rest }
		r.Drain = append(r.Drain, DrainSummary{Name: v.name, Rate: spread(rate), CPU: spread(cpu), Rest: spread(rest),
			Broker: spread(func(d *Drain) float64 { return d.Broker }), RateRatio: ratio(rate), CPURatio: ratio(cpu), RestRatio: ratio(rest)})
	}
	for _, offered := range r.Settings.Rates {
		at := slices.DeleteFunc(slices.Clone(r.Lives), func(l Live) bool { return l.Rate != offered })
		for _, v := range lives {
			r.live(at, v.name, offered)
		}
	}
	for i := range r.Drains {
		if d := &r.Drains[i]; d.Events*2 < int64(r.Settings.Drain) {
			r.Invalid = append(r.Invalid, fmt.Sprintf("%s in round %d: all but %d events of the backlog were done before the clock ran; take a larger one", d.Name, d.Round, d.Events))
		}
	}
	for i := range r.Lives {
		if l := &r.Lives[i]; !l.Kept {
			r.Invalid = append(r.Invalid, fmt.Sprintf("the generator did not keep its plan of %.0f/s for %s in round %d", l.Rate, l.Name, l.Round))
		}
	}
	r.OK = len(r.Invalid) == 0 && len(r.Checks) > 0
	for _, c := range r.Checks {
		r.OK = r.OK && c.OK
	}
}

// live adds the summary of one application at one rate, if there is anything to sum up.
func (r *Report) live(at []Live, name string, offered float64) {
	mine := func(l *Live) bool { return l.Name == name }
	if !slices.ContainsFunc(at, func(l Live) bool { return mine(&l) }) {
		return
	}
	spread := func(f func(*Live) float64) bench.Spread { return spreadOf(at, mine, f) }
	ratio := func(f func(*Live) float64) *bench.Spread {
		return ratioOf(at, name, mine, func(l *Live) (int, string) { return l.Round, l.Name }, f)
	}
	p50, p99 := func(l *Live) float64 { return l.Latency.P50 }, func(l *Live) float64 { return l.Latency.P99 }
	p999, cpu := func(l *Live) float64 { return l.Latency.P999 }, func(l *Live) float64 { return l.CPU }
	r.Latency = append(r.Latency, LiveSummary{Name: name, Offered: offered, P50: spread(p50), P99: spread(p99), P999: spread(p999),
		Hiccup: spread(func(l *Live) float64 { return l.Hiccups.P99 }), CPU: spread(cpu), Broker: spread(func(l *Live) float64 { return l.Broker }),
		P50Ratio: ratio(p50), P99Ratio: ratio(p99), P999Ratio: ratio(p999), CPURatio: ratio(cpu)})
}

func spreadOf[T any](list []T, mine func(*T) bool, f func(*T) float64) bench.Spread {
	var values []float64
	for i := range list {
		if mine(&list[i]) {
			values = append(values, f(&list[i]))
		}
	}
	return bench.SpreadOf(values)
}

// ratioOf divides Portrait's figure by the application's own of each round that has both; nil if none has, or it is Portrait.
func ratioOf[T any](list []T, name string, mine func(*T) bool, of func(*T) (round int, name string), f func(*T) float64) *bench.Spread {
	if name == Portrait {
		return nil
	}
	ours := map[int]float64{}
	for i := range list {
		if round, name := of(&list[i]); name == Portrait {
			ours[round] = f(&list[i])
		}
	}
	var values []float64
	for i := range list {
		round, _ := of(&list[i])
		if our, ok := ours[round]; ok && mine(&list[i]) && f(&list[i]) > 0 {
			values = append(values, our/f(&list[i]))
		}
	}
	if len(values) == 0 {
		return nil
	}
	s := bench.SpreadOf(values)
	return &s
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	s := &r.Settings
	fmt.Fprintf(w, "Portrait and Kafka Streams on one Apache Kafka: %d tags, %s keys, %d profiles, %d rounds; %d cores\n",
		s.Tags, s.Keys, s.Profiles, s.Rounds, r.Machine.Cores)
	if len(r.Drain) > 0 {
		fmt.Fprintf(w, "\na backlog of %d events; CPU in µs per event until the last tag change, and until everything put off is done\n", s.Drain)
		fmt.Fprintf(w, "  %-27s %26s %22s %22s %8s   %s\n", "", "events/s", "CPU", "CPU to rest", "broker", "Portrait / this: events/s, CPU, CPU to rest")
		for i := range r.Drain {
			d := &r.Drain[i]
			fmt.Fprintf(w, "  %-27s %26s %22s %22s %8.2f   %s  %s  %s\n", d.Name, wide(d.Rate, "%.0f"), wide(d.CPU, "%.2f"), wide(d.Rest, "%.2f"), d.Broker.Median,
				times(d.RateRatio), times(d.CPURatio), times(d.RestRatio))
		}
	}
	last := 0.0
	for i := range r.Latency {
		l := &r.Latency[i]
		if l.Offered != last {
			last = l.Offered
			fmt.Fprintf(w, "\n%.0f events/s for %.0f s; planned instant to tag change received, ms\n", l.Offered, s.Duration)
			fmt.Fprintf(w, "  %-27s %18s %22s %22s %8s %8s %8s   %s\n", "", "p50", "p99", "p99.9", "hiccups", "CPU", "broker", "Portrait / this: p50, p99, CPU")
		}
		fmt.Fprintf(w, "  %-27s %18s %22s %22s %8.1f %8.2f %8.2f   %s  %s  %s\n", l.Name, wide(l.P50, "%.1f"), wide(l.P99, "%.1f"), wide(l.P999, "%.1f"),
			l.Hiccup.Median, l.CPU.Median, l.Broker.Median, times(l.P50Ratio), times(l.P99Ratio), times(l.CPURatio))
	}
	fmt.Fprintln(w)
	for i := range r.Lives {
		if l := &r.Lives[i]; l.Unanswered > 0 {
			fmt.Fprintf(w, "  %s at %.0f/s in round %d: %d tag changes were still missing %v after the window\n", l.Name, l.Rate, l.Round, l.Unanswered, answerLimit)
		}
	}
	for _, c := range r.Checks {
		verdict := "ok  "
		if !c.OK {
			verdict = "FAIL"
		}
		fmt.Fprintf(w, "  %s %s: %s\n", verdict, c.Name, c.Detail)
	}
	for _, text := range r.Invalid {
		fmt.Fprintln(w, "  INVALID:", text)
	}
}

// wide is a median with its extremes, if there are any.
func wide(s bench.Spread, format string) string {
	if s.N == 1 {
		return fmt.Sprintf(format, s.Median)
	}
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.Median, s.Min, s.Max)
}

func times(s *bench.Spread) string {
	if s == nil {
		return "-"
	}
	return wide(*s, "%.2f")
}
