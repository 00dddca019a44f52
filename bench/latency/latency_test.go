package latency

import (
	"math"
	"sync"
	"testing"
	"time"

	"portrait/bench"
)

func near(got, want float64) bool { return math.Abs(got-want) <= want/1000 }

func TestTotal(t *testing.T) {
	r := NewRecorder()
	for i := 1; i <= 10_000; i++ {
		r.Record(Event, time.Duration(i)*time.Millisecond/10)
	}
	r.Record(Timer, 42*time.Millisecond)
	got := r.Total(Event)
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"p50", got.P50, 500}, {"p99", got.P99, 990}, {"p999", got.P999, 999}, {"max", got.Max, 1000}, {"timer", r.Total(Timer).P50, 42}} {
		t.Run(c.name, func(t *testing.T) {
			if !near(c.got, c.want) {
				t.Fatalf("%v ms, want %v", c.got, c.want)
			}
		})
	}
	if r.Total(Merge) != (bench.Latency{}) {
		t.Fatalf("a cause without samples has %+v", r.Total(Merge))
	}
	if r.Count(Event) != 10_000 || r.Count(Timer) != 1 || r.Count(Freshness) != 0 {
		t.Fatalf("counts %d, %d, %d", r.Count(Event), r.Count(Timer), r.Count(Freshness))
	}
}

func TestRecentForgets(t *testing.T) {
	r := NewRecorder()
	r.Record(Event, 8*time.Second)
	if got := r.Recent(Event); !near(got.Max, 8000) {
		t.Fatalf("%+v", got)
	}
	r.Record(Event, 3*time.Millisecond)
	if got := r.Recent(Event); !near(got.Max, 3) {
		t.Fatalf("the earlier sample is still there: %+v", got)
	}
	if got := r.Total(Event); !near(got.Max, 8000) {
		t.Fatalf("the total forgot: %+v", got)
	}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		name    string
		sample  time.Duration
		want    float64 // ms
		clamped int64
	}{
		{"a clock that runs behind", -time.Second, 0.001, 1},
		{"nothing at all", 0, 0.001, 1},
		{"the least", time.Microsecond, 0.001, 0},
		{"the most", 10 * time.Minute, 600_000, 0},
		{"an hour", time.Hour, 600_000, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewRecorder()
			r.Record(Merge, c.sample)
			if got := r.Total(Merge).Max; !near(got, c.want) || r.Clamped() != c.clamped || r.Count(Merge) != 1 {
				t.Fatalf("%v ms, clamped %d, count %d", got, r.Clamped(), r.Count(Merge))
			}
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	r := NewRecorder()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				r.Record(Event, time.Millisecond)
				r.Recent(Merge)
			}
		})
	}
	group.Wait()
	if r.Count(Event) != 8000 {
		t.Fatalf("%d samples", r.Count(Event))
	}
}
