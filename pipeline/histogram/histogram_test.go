package histogram

import (
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	for name, c := range map[string]struct {
		d    time.Duration
		want int
	}{
		"negative":             {-time.Second, 0},
		"nothing":              {0, 0},
		"at the first bound":   {first, 0},
		"above the first":      {first + 1, 1},
		"at the second bound":  {2 * first, 1},
		"above the second":     {2*first + 1, 2},
		"at the last bound":    {Bound(Buckets - 2), Buckets - 2},
		"above the last bound": {Bound(Buckets-2) + 1, Buckets - 1},
		"a day":                {24 * time.Hour, Buckets - 1},
	} {
		t.Run(name, func(t *testing.T) {
			var r Recorder
			r.Observe(c.d)
			s := r.Snapshot()
			if s.Counts[c.want] != 1 || s.Count() != 1 {
				t.Errorf("%v: counts %v; want it in bucket %d", c.d, s.Counts, c.want)
			}
			if s.Sum != max(c.d, 0) {
				t.Errorf("sum %v", s.Sum)
			}
		})
	}
}

func TestCumulative(t *testing.T) {
	var r Recorder
	for _, d := range []time.Duration{0, first, 3 * first, time.Hour} {
		r.Observe(d)
	}
	s := r.Snapshot()
	got := s.Cumulative()
	if len(got) != Buckets-1 {
		t.Fatalf("%d bounds, want %d", len(got), Buckets-1)
	}
	for bound, want := range map[time.Duration]uint64{first: 2, 2 * first: 2, 4 * first: 3, Bound(Buckets - 2): 3} {
		if got[bound.Seconds()] != want {
			t.Errorf("at or below %v: %d, want %d", bound, got[bound.Seconds()], want)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	var r Recorder
	for i := range b.N {
		r.Observe(time.Duration(i) * time.Microsecond)
	}
}
