package drive

import (
	"testing"
	"testing/synctest"
	"time"

	"portrait/bench/latency"
)

// TestWindowGivenUp: a window ends early only when more is behind than it may be, and not for what was behind when it began.
func TestWindowGivenUp(t *testing.T) {
	for _, c := range []struct {
		name   string
		behind time.Duration
		lag    int64
		want   bool
	}{
		{"never", 0, 1e9, false},
		{"nobody knows the lag", 50 * time.Millisecond, -1, false},
		{"near the limit", 50 * time.Millisecond, 49, false},
		{"beyond it", 50 * time.Millisecond, 51, true},
		{"beyond it, but not yet of its own", time.Second, 1e9, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				w := &window{start: start, length: 400 * time.Millisecond}
				if err := w.await(t.Context(), &Stretch{Rate: 1000, Behind: c.behind}, func() int64 { return c.lag }); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); w.givenUp != c.want || c.want != (took < w.length) {
					t.Errorf("given up: %v after %v of %v, want %v", w.givenUp, took, w.length, c.want)
				}
			})
		})
	}
	w := &window{from: 100, to: 500, givenUp: true, recorder: latency.NewRecorder()}
	w.after.handed, w.after.at = 300, w.before.at.Add(time.Second)
	if r := w.result(latency.NewRecorder().Total(latency.Lateness)); r.Planned != 200 || r.HandedOver != 200 || !r.Kept || !r.GivenUp {
		t.Errorf("result %+v; want 200 events planned and handed over", r)
	}
	if held, why := Held(&Window{Kept: true, GivenUp: true, Samples: 1}, 1000, 500); held {
		t.Errorf("held: %s", why)
	}
}
