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
	Try        func(ctx context.Context, rate float64, window time.Duration) (Window, error)
}

// Run explores by doubling and halving, each rate that fails twice, then confirms; a rate that fails a confirmation is lowered and confirmed anew: by
// Precision, by twice that after the next failure, and so on up to a quarter, because each takes minutes and short trials flatter by
// more than they differ. With time left it goes back up half-way. The rate returned was held Confirm times in a row; 0: none
// was within the budget.
func (s *Search) Run(ctx context.Context) (rate float64, trials []Trial, err error) {
	deadline := time.Now().Add(s.Budget)
	confirming := time.Duration(s.Confirm) * (s.Long + s.Warmup)
	try := func(r float64, long bool) (bool, error) {
		window := s.Short
		if long {
			window = s.Long
		}
		w, err := s.Try(ctx, r, window)
		if err != nil {
			return false, err
		}
		t := Trial{Rate: r, Confirm: long, Window: w}
		t.Held, t.Why = Held(&w, r, s.P99)
		trials = append(trials, t)
		s.Say("%.0f events/s: p99 %.1f ms, lag %d events: %s", r, w.Latency.P99, w.LagAfter, map[bool]string{true: "held", false: t.Why}[t.Held])
		return t.Held, nil
	}
	low, high := 0.0, math.Inf(1)
	for r := s.From; time.Until(deadline) > confirming; {
		held, err := try(r, false)
		if err == nil && !held { // a burst in a few seconds says little, and all higher rates would be ruled out by it
			held, err = try(r, false)
		}
		if err != nil {
			return 0, trials, err
		}
		if held {
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
	try func(rate float64, long bool) (bool, error)) (best float64, err error) {
	failed := math.Inf(1) // the lowest rate that did
	for step := s.Precision; r >= 100; {
		held := true
		for n := 0; n < s.Confirm && held; n++ {
			if held, err = try(r, true); err != nil {
				return 0, err
			}
		}
		if held {
			best = r
		} else {
			failed = r
		}
		switch {
		case best == 0:
			r, step = math.Floor(r*(1-step)), min(2*step, 0.25)
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

// Held says whether a window held its rate: it kept its plan, its lag at the end is below a second of traffic and has
// not grown by a third of one over the window, and p99 is at most so many ms. If not, why.
func Held(w *Window, rate, p99 float64) (held bool, why string) {
	switch {
	case !w.Kept:
		return false, fmt.Sprintf("%.1f %% of the plan were handed over", 100*float64(w.HandedOver)/float64(max(1, w.Planned)))
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
