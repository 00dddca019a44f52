package drive

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Search finds the highest rate that is held.
type Search struct {
	From, Most float64       // events/s: the first rate tried, and the highest
	Short      time.Duration // window of an exploring trial
	Long       time.Duration // window of a confirming one
	Warmup     time.Duration
	Confirm    int           // confirming trials in all
	Budget     time.Duration // for all trials; a confirmation that was begun is ended
	P99        float64       // ms
	Precision  float64       // exploring ends when the gap is this part of the rate
	Say        func(format string, args ...any)
	// Try drives a window; it may give it up once more than Hopeless of the traffic is behind.
	Try func(ctx context.Context, rate float64, window time.Duration) (Window, error)
}

// Hopeless is the lag, as a time of traffic, beyond which a window cannot be held any more: the events of that time but for
// the last P99 are late already, and they are a twentieth of the window.
func (s *Search) Hopeless(window time.Duration) time.Duration {
	return time.Duration(s.P99*float64(time.Millisecond)) + max(window/20, time.Second)
}

// Run explores by doubling and halving, each rate that fails twice unless it was given up, then confirms; a rate that fails a
// confirmation is lowered and confirmed anew: by Precision, by twice that after the next failure, and so on, or to what the failed
// trial suggests if that is less, up to a quarter, because each takes minutes and short trials flatter by more than they differ. With
// time left it goes back up half-way. The rate returned was held Confirm times in a row; 0: none was within the budget.
func (s *Search) Run(ctx context.Context) (rate float64, trials []Trial, err error) {
	deadline := time.Now().Add(s.Budget)
	confirming := time.Duration(s.Confirm) * (s.Long + s.Warmup)
	try := func(r float64, long bool) (*Trial, error) {
		window := s.Short
		if long {
			window = s.Long
		}
		w, err := s.Try(ctx, r, window)
		if err != nil {
			return nil, err
		}
		t := Trial{Rate: r, Confirm: long, Window: w}
		t.Held, t.Why = Held(&w, r, s.P99)
		trials = append(trials, t)
		s.Say("%.0f events/s: p99 %.1f ms, lag %d events: %s", r, w.Latency.P99, w.LagAfter, map[bool]string{true: "held", false: t.Why}[t.Held])
		return &t, nil
	}
	low, high := 0.0, math.Inf(1)
	for r := s.From; time.Until(deadline) > confirming; {
		t, err := try(r, false)
		if err == nil && !t.Held && !t.Window.GivenUp { // a burst in a few seconds says little, and all higher rates would be ruled out by it
			t, err = try(r, false)
		}
		if err != nil {
			return 0, trials, err
		}
		if t.Held {
			low = r
		} else {
			high = r
		}
		if low >= s.Most || !math.IsInf(high, 1) && high-low <= s.Precision*high || high < 100 {
			break
		}
		switch {
		case math.IsInf(high, 1):
			r = min(2*low, s.Most)
		case low == 0:
			r = high / 2
		default:
			r = math.Round((low + high) / 2)
		}
	}
	rate, err = s.settle(ctx, low, deadline, confirming, try)
	return rate, trials, err
}

// settle confirms a rate or lowers it, and goes back up half-way while there is time.
func (s *Search) settle(ctx context.Context, r float64, deadline time.Time, confirming time.Duration,
	try func(rate float64, long bool) (*Trial, error)) (best float64, err error) {
	failed := math.Inf(1) // the lowest rate that did
	for step := s.Precision; r >= 100; {
		var t *Trial
		for n := 0; n < s.Confirm && (t == nil || t.Held); n++ {
			if t, err = try(r, true); err != nil {
				return 0, err
			}
		}
		if t == nil || t.Held {
			best = r
		} else {
			failed = r
		}
		switch {
		case best == 0:
			r, step = math.Floor(r*min(1-step, s.lower(t))), min(2*step, lowerMost)
			if time.Until(deadline) < 0 {
				return 0, nil
			}
		case math.IsInf(failed, 1) || failed-best <= s.Precision*failed || time.Until(deadline) < confirming:
			return best, nil
		default:
			r = math.Floor((best + failed) / 2)
		}
	}
	return best, ctx.Err()
}

// lowerMost is the part by which a rate that failed is lowered at most.
const lowerMost = 0.25

// lower guesses which part of a rate is held that was not: a little less than what was worked off, and less by the fourth root of
// what p99 was too high, because p99 grows steeply near the limit (here from 400 to 900 ms between 67,500 and 75,000/s).
func (s *Search) lower(t *Trial) float64 {
	w := &t.Window
	answered := (float64(w.HandedOver) - float64(w.LagAfter-w.LagBefore)) / w.Seconds
	steep := math.Pow(s.P99/max(w.Latency.P99, s.P99), 0.25)
	return max(1-lowerMost, min(answered/t.Rate*(1-s.Precision), steep))
}

// Held says whether a window held its rate: it kept its plan, its lag at the end is below a second of traffic and has
// not grown by a third of one over the window, and p99 is at most so many ms. If not, why.
func Held(w *Window, rate, p99 float64) (held bool, why string) {
	switch {
	case !w.Kept:
		return false, fmt.Sprintf("%.1f %% of the plan were handed over", 100*float64(w.HandedOver)/float64(max(1, w.Planned)))
	case w.GivenUp:
		return false, fmt.Sprintf("given up after %.0f s, %d events behind", w.Seconds, w.LagAfter)
	case w.Unanswered > 0:
		return false, fmt.Sprintf("%d events were not counted %v later", w.Unanswered, settleMost)
	case float64(w.LagAfter) >= rate:
		return false, fmt.Sprintf("lag of %d events at the end", w.LagAfter)
	case w.LagTrend*w.Seconds > rate/3:
		return false, fmt.Sprintf("lag grew by %.0f events/s", w.LagTrend)
	case w.Samples == 0:
		return false, "no tag change came"
	case w.Latency.P99 > p99:
		return false, fmt.Sprintf("p99 %.0f ms", w.Latency.P99)
	}
	return true, ""
}

// trend is the slope of the lag over samples, by least squares, in events per second.
func trend(samples []Sample) float64 {
	n, at, lag := float64(len(samples)), 0.0, 0.0
	for i := range samples {
		at += samples[i].At / n
		lag += float64(samples[i].Lag) / n
	}
	up, down := 0.0, 0.0
	for i := range samples {
		d := samples[i].At - at
		up += d * (float64(samples[i].Lag) - lag)
		down += d * d
	}
	if down == 0 {
		return 0
	}
	return up / down
}
