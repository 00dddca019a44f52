package peers

import (
	"math"
	"strings"
	"testing"
	"time"

	"portrait/bench"
	"portrait/bench/traffic"
)

// twoRounds is a comparison of two rounds, at which Portrait was twice and four times as fast.
func twoRounds() *Report {
	return &Report{
		Settings: Settings{Tags: 12, Keys: "zipf", Profiles: 100, Rounds: 2, Drain: 1000, Rates: []float64{500, 900}, Duration: 10},
		Drains: []Drain{
			{Round: 1, Name: Portrait, Events: 1000, Rate: 200, CPU: 5, Rest: 6, Broker: 2},
			{Round: 1, Name: "streams-exactly-once", Events: 1000, Rate: 100, CPU: 20, Rest: 24, Broker: 3},
			{Round: 2, Name: "streams-exactly-once", Events: 1000, Rate: 50, CPU: 20, Rest: 24, Broker: 5},
			{Round: 2, Name: Portrait, Events: 1000, Rate: 200, CPU: 8, Rest: 9, Broker: 2},
		},
		Lives: []Live{
			{Round: 1, Name: Portrait, Rate: 500, Kept: true, Latency: bench.Latency{P50: 10, P99: 20, P999: 30}, CPU: 10},
			{Round: 1, Name: "streams-at-least-once", Rate: 500, Kept: true, Latency: bench.Latency{P50: 20, P99: 80, P999: 90}, CPU: 40},
			{Round: 2, Name: "streams-at-least-once", Rate: 500, Kept: true, Latency: bench.Latency{P50: 20, P99: 40, P999: 90}, CPU: 20},
			{Round: 1, Name: "streams-at-least-once", Rate: 900, Kept: true, Latency: bench.Latency{P50: 500, P99: 900, P999: 950}, Unanswered: 7},
		},
		Checks: []bench.Check{{Name: "all the same", OK: true, Detail: "4 compared"}},
	}
}

func TestSettle(t *testing.T) {
	r := twoRounds()
	r.Settle()
	if !r.OK || len(r.Invalid) > 0 {
		t.Fatalf("not ok: %v", r.Invalid)
	}
	if len(r.Drain) != 2 || r.Drain[0].Name != Portrait || r.Drain[0].RateRatio != nil || r.Drain[1].Rate.Median != 75 {
		t.Fatalf("drain %+v", r.Drain)
	}
	same := func(what string, have *bench.Spread, median, lowest, highest float64, n int) {
		t.Helper()
		if have == nil || have.N != n || math.Abs(have.Median-median)+math.Abs(have.Min-lowest)+math.Abs(have.Max-highest) > 1e-9 {
			t.Errorf("%s: %+v; want %v (%v to %v) of %d", what, have, median, lowest, highest, n)
		}
	}
	same("events/s", r.Drain[1].RateRatio, 3, 2, 4, 2)
	same("CPU", r.Drain[1].CPURatio, 0.325, 0.25, 0.4, 2)
	same("CPU to rest", r.Drain[1].RestRatio, 0.3125, 0.25, 0.375, 2)
	if len(r.Latency) != 3 || r.Latency[0].Name != Portrait || r.Latency[1].Offered != 500 || r.Latency[2].Offered != 900 {
		t.Fatalf("latency %+v", r.Latency)
	}
	same("p50", r.Latency[1].P50Ratio, 0.5, 0.5, 0.5, 1) // Portrait was not asked in round 2
	same("p99", r.Latency[1].P99Ratio, 0.25, 0.25, 0.25, 1)
	if l := r.Latency[1]; l.P99.Median != 60 || l.P99.N != 2 {
		t.Errorf("p99 %+v", l.P99)
	}
	if r.Latency[2].P99Ratio != nil {
		t.Errorf("a ratio to nothing: %+v", r.Latency[2].P99Ratio)
	}
	r.Settle()
	if len(r.Drain) != 2 || len(r.Latency) != 3 {
		t.Error("summed up twice")
	}
}

func TestSettleRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*Report){
		"a difference":           func(r *Report) { r.Checks[0].OK = false },
		"nothing compared":       func(r *Report) { r.Checks = nil },
		"a generator that slept": func(r *Report) { r.Lives[2].Kept = false },
		"a backlog too small":    func(r *Report) { r.Drains[3].Events = 400 },
	} {
		r := twoRounds()
		spoil(r)
		if r.Settle(); r.OK {
			t.Errorf("%s: ok", name)
		}
	}
}

func TestPrint(t *testing.T) {
	r := twoRounds()
	r.Lives[2].Kept = false
	r.Checks = append(r.Checks, bench.Check{Name: "another", Detail: "1 differs"})
	r.Settle()
	var b strings.Builder
	r.Print(&b)
	for _, want := range []string{"12 tags, zipf keys, 100 profiles, 2 rounds", "3.00 (2.00 to 4.00)", "0.33 (0.25 to 0.40)", "75 (50 to 100)", "500 events/s",
		"900 events/s", "7 tag changes were still missing", "ok   all the same: 4 compared", "FAIL another", "INVALID: the generator"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

func TestTurn(t *testing.T) {
	first, second := turn(lives, 1), turn(lives, 2)
	if first[0].name != Portrait || second[len(second)-1].name != Portrait || lives[0].name != Portrait || len(second) != len(lives) {
		t.Errorf("rounds begin with %v and %v", first[0], second[0])
	}
}

func TestConfigValidate(t *testing.T) {
	good := Config{Rounds: 1, Drain: 1000, Rates: []float64{10, 20}, Duration: time.Second, Profiles: 10, Keys: traffic.Zipf}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Config){
		"rounds":    func(c *Config) { c.Rounds = 0 },
		"no rates":  func(c *Config) { c.Drain, c.Rates = 0, nil },
		"at least":  func(c *Config) { c.Drain = 10 },
		"ascending": func(c *Config) { c.Rates = []float64{20, 10} },
		"per second": func(c *Config) {
			c.Rates = []float64{0, 10}
		},
		"window":  func(c *Config) { c.Duration = 0 },
		"persons": func(c *Config) { c.Profiles = 1 },
		"keys":    func(c *Config) { c.Keys = "none" },
	} {
		bad := good
		spoil(&bad)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error about %q: %v", want, err)
		}
	}
}
