package drive

import (
	"context"
	"math"
	"testing"
	"time"

	"portrait/bench"
)

// TestSearch finds the limit of a made system: steady below it, behind above it.
func TestSearch(t *testing.T) {
	for _, c := range []struct {
		name             string
		limit            float64 // that short trials see
		confirm          float64 // that long ones see
		from, most, want float64
		within           float64
	}{
		{"above the first rate", 73_000, 73_000, 20_000, 1e6, 73_000, 0.05},
		{"below the first rate", 7_300, 7_300, 20_000, 1e6, 7_300, 0.05},
		{"long trials see less", 73_000, 60_000, 20_000, 1e6, 60_000, 0.10},
		{"more than is asked for", 1e6, 1e6, 20_000, 50_000, 50_000, 0},
		{"nothing is held", 0, 0, 20_000, 1e6, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Search{From: c.from, Most: c.most, Short: 8 * time.Second, Long: time.Minute, Confirm: 3, Budget: time.Hour, P99: 500, Precision: 0.05,
				Say: func(string, ...any) {}}
			var took, wasted float64 // s
			s.Try = func(_ context.Context, rate float64, window time.Duration) (Window, error) {
				limit := c.limit
				if window == s.Long {
					limit = c.confirm
				}
				w := Window{Seconds: window.Seconds(), Kept: true, Samples: 1, Latency: bench.Latency{P99: 20}}
				if rate > limit {
					w.LagTrend = rate - limit
					if after := s.Hopeless(window).Seconds() * rate / w.LagTrend; after < w.Seconds {
						w.Seconds, w.GivenUp = after, true
					}
					w.LagAfter = int64(w.LagTrend*w.Seconds + 2*rate)
				}
				w.Planned = int64(rate * w.Seconds)
				w.HandedOver = w.Planned
				if took += w.Seconds; window == s.Long && rate > limit {
					wasted += w.Seconds
				}
				return w, nil
			}
			got, trials, err := s.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(got-c.want) > c.within*c.want || got > c.confirm {
				t.Errorf("found %.0f, want %.0f; %d trials", got, c.want, len(trials))
			}
			if wasted > 2.5*s.Long.Seconds() { // of 7 minutes
				t.Errorf("%.0f of %.0f s went into long trials that failed", wasted, took)
			}
			if got > 0 {
				confirmed := 0
				for _, trial := range trials {
					if trial.Held && trial.Confirm && trial.Rate == got {
						confirmed++
					}
				}
				if confirmed != 3 {
					t.Errorf("confirmed %d times, want 3", confirmed)
				}
			}
		})
	}
}

func TestHeld(t *testing.T) {
	good := Window{Seconds: 10, Planned: 1000, HandedOver: 1000, Kept: true, Samples: 9, LagAfter: 99, LagTrend: 1, Latency: bench.Latency{P99: 500}}
	for _, c := range []struct {
		name   string
		change func(*Window)
		want   bool
	}{
		{"good", func(*Window) {}, true},
		{"plan not kept", func(w *Window) { w.Kept = false }, false},
		{"unanswered", func(w *Window) { w.Unanswered = 1 }, false},
		{"a second of lag", func(w *Window) { w.LagAfter = 100 }, false},
		{"growing lag", func(w *Window) { w.LagTrend = 4 }, false},
		{"slow", func(w *Window) { w.Latency.P99 = 501 }, false},
		{"no samples", func(w *Window) { w.Samples = 0 }, false},
	} {
		w := good
		c.change(&w)
		if held, why := Held(&w, 100, 500); held != c.want || (why == "") != held {
			t.Errorf("%s: held %v, %q", c.name, held, why)
		}
	}
	if got := trend([]Sample{{At: 1, Lag: 10}, {At: 2, Lag: 30}, {At: 3, Lag: 50}}); got != 20 {
		t.Errorf("trend %v, want 20", got)
	}
	if trend(nil) != 0 || trend([]Sample{{At: 1, Lag: 5}}) != 0 {
		t.Error("a trend of one sample")
	}
}
