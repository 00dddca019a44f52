// Package latency records how long changes took to arrive, in HdrHistograms, so that the tail is exact to
// three digits whatever the count, and memory is constant.
//
// Vocabulary. A sample is the time from a reference instant to an arrival. The reference of a change that an event
// caused is the event's planned send, not its actual one: a generator held up by the system under test
// would otherwise leave out just the waits that matter (coordinated omission). The reference of a timer's
// change is its deadline; of a row, the planned send of its event (freshness).
package latency

import (
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"portrait/bench"
)

// Cause is what a sample is counted under.
type Cause int

// The causes.
const (
	Event     Cause = iota // from the causing event's planned send
	Merge                  // likewise; the change came with a merge
	Timer                  // from the deadline
	Freshness              // from an event's planned send until ClickHouse answers with it
	Hiccup                 // how much later than asked an idle goroutine woke up
	Lateness               // from an event's planned send until it was handed to the producer
	causes
)

// Samples are kept between one microsecond and ten minutes; what lies outside counts as the bound.
const (
	lowest  = int64(1)
	highest = int64(10 * time.Minute / time.Microsecond)
	digits  = 3
)

// Recorder holds one histogram per cause. It is safe for concurrent use.
type Recorder struct {
	mu         sync.Mutex
	histograms [causes]*hdrhistogram.Histogram
	recent     [causes]*hdrhistogram.Histogram // since the last Recent
	clamped    int64
}

// NewRecorder makes an empty recorder of about 2 MB.
func NewRecorder() *Recorder {
	r := &Recorder{}
	for c := range r.histograms {
		r.histograms[c] = hdrhistogram.New(lowest, highest, digits)
		r.recent[c] = hdrhistogram.New(lowest, highest, digits)
	}
	return r
}

// Record adds a sample. A sample below one microsecond, so a negative one too (clocks of two hosts), counts
// as one microsecond; one above ten minutes as ten minutes.
func (r *Recorder) Record(c Cause, d time.Duration) {
	us := int64(d / time.Microsecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	if us < lowest || us > highest {
		r.clamped++
		us = min(max(us, lowest), highest)
	}
	// The value lies within the histograms' bounds, which is all that RecordValue can complain about.
	_ = r.histograms[c].RecordValue(us)
	_ = r.recent[c].RecordValue(us)
}

// Clamped returns how many samples lay outside the bounds.
func (r *Recorder) Clamped() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clamped
}

// Count returns how many samples of a cause there are.
func (r *Recorder) Count(c Cause) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.histograms[c].TotalCount()
}

// Total returns the distribution of a cause since the beginning.
func (r *Recorder) Total(c Cause) bench.Latency {
	r.mu.Lock()
	defer r.mu.Unlock()
	return summary(r.histograms[c])
}

// Recent returns the distribution of a cause since the last call of Recent for it, for a live view.
func (r *Recorder) Recent(c Cause) bench.Latency {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := summary(r.recent[c])
	r.recent[c].Reset()
	return s
}

func summary(h *hdrhistogram.Histogram) bench.Latency {
	if h.TotalCount() == 0 {
		return bench.Latency{}
	}
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return bench.Latency{P50: ms(h.ValueAtQuantile(50)), P99: ms(h.ValueAtQuantile(99)),
		P999: ms(h.ValueAtQuantile(99.9)), Max: ms(h.Max())}
}

// Point is one place of a distribution: that share of the samples, 0 to 1, took at most so many milliseconds.
type Point struct {
	Quantile float64 `json:"q"`
	MS       float64 `json:"ms"`
}

// Spectrum returns the distribution of a cause at quantiles that halve the rest with every second point, as percentile
// plots show it; empty if nothing was measured.
func (r *Recorder) Spectrum(c Cause) []Point {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.histograms[c]
	if h.TotalCount() == 0 {
		return nil
	}
	var list []Point
	for rest := 1.0; rest*float64(h.TotalCount()) >= 0.5; rest /= math.Sqrt2 {
		list = append(list, Point{1 - rest, float64(h.ValueAtQuantile(100*(1-rest))) / 1000})
	}
	return append(list, Point{1, float64(h.Max()) / 1000})
}
