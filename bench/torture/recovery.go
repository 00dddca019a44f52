package torture

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Strike is a fault that happened.
type Strike struct {
	Fault
	Struck time.Time     // when the signal was sent
	Back   time.Duration // until the part was of use again
	Tags   time.Duration // until every machine had published a change caused by an event sent after it; 0: not seen
	Stored time.Duration // until ClickHouse held a fact from after it; 0: not seen
}

// watch follows what comes out while things break.
type watch struct {
	mu       sync.Mutex
	machines int
	from     time.Time // silence counts from here, until to
	to       time.Time
	newest   time.Time
	silence  time.Duration
	behind   time.Duration // the longest that a timer or a merge was decided after its instant
	strikes  []*Strike
	waiting  map[*Strike]map[int]bool // machines that have not published yet
}

func newWatch(machines int, from, to time.Time) *watch {
	return &watch{machines: machines, from: from, to: to, newest: from, waiting: map[*Strike]map[int]bool{}}
}

// struck notes a strike at the instant before it.
func (w *watch) struck(s *Strike) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.strikes = append(w.strikes, s)
	w.waiting[s] = map[int]bool{}
	for q := range w.machines {
		w.waiting[s][q] = true
	}
}

// back notes that the part is of use again.
func (w *watch) back(s *Strike, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Back = at.Sub(s.Struck)
}

// change notes a tag change received at an instant. sent is when the event that caused it was due; zero: no event did, and
// late is then how long after its instant it was decided.
func (w *watch) change(at time.Time, id string, sent time.Time, late time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quiet(at)
	w.newest = at
	if sent.IsZero() {
		w.behind = max(w.behind, late)
	}
	machine, ok := machineOf(id)
	if !ok || sent.IsZero() {
		return
	}
	for s, machines := range w.waiting {
		if !sent.After(s.Struck) || !machines[machine] {
			continue
		}
		if delete(machines, machine); len(machines) == 0 {
			s.Tags = at.Sub(s.Struck)
			delete(w.waiting, s)
		}
	}
}

// quiet stretches the longest silence to an instant.
func (w *watch) quiet(until time.Time) {
	if until.After(w.to) {
		until = w.to
	}
	w.silence = max(w.silence, until.Sub(w.newest))
}

// stored notes that ClickHouse holds facts up to a Kafka timestamp.
func (w *watch) stored(at, logTime time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.strikes {
		if s.Stored == 0 && logTime.After(s.Struck) {
			s.Stored = at.Sub(s.Struck)
		}
	}
}

// result returns the longest silence until an instant, how far the pipeline was behind at worst, and a copy of the strikes.
func (w *watch) result(at time.Time) (silence, behind time.Duration, strikes []Strike) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quiet(at)
	for _, s := range w.strikes {
		strikes = append(strikes, *s)
	}
	return w.silence, w.behind, strikes
}

// machineOf reads which machine published a change from its id, e1-p3-…
func machineOf(id string) (int, bool) {
	_, rest, ok := strings.Cut(id, "-p")
	number, _, more := strings.Cut(rest, "-")
	n, err := strconv.Atoi(number)
	return n, ok && more && err == nil
}

// Recovery is how long it took, by what was struck, in ms.
type Recovery struct {
	Strikes int          `json:"strikes"`
	Back    Distribution `json:"back_ms"`   // until the part was of use again
	Tags    Distribution `json:"tags_ms"`   // until every machine had published a change caused by an event sent after the strike
	Stored  Distribution `json:"stored_ms"` // until ClickHouse held a fact from after the strike
}

// Distribution of durations in ms; strikes whose recovery nobody saw, because the load ended first, are left out.
type Distribution struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	Max float64 `json:"max"`
}

func distribution(list []time.Duration) Distribution {
	list = slices.DeleteFunc(slices.Clone(list), func(d time.Duration) bool { return d <= 0 })
	if len(list) == 0 {
		return Distribution{}
	}
	slices.Sort(list)
	at := func(share float64) float64 {
		return float64(list[min(len(list)-1, int(share*float64(len(list))))].Milliseconds())
	}
	return Distribution{N: len(list), P50: at(0.5), P90: at(0.9), Max: at(1)}
}

// recoveries sorts strikes by kind and class.
func recoveries(strikes []Strike) map[string]Recovery {
	type times struct{ back, tags, stored []time.Duration }
	sorted := map[string]*times{}
	for _, s := range strikes {
		key := string(s.Kind) + " " + string(s.Class)
		if sorted[key] == nil {
			sorted[key] = new(times)
		}
		t := sorted[key]
		t.back, t.tags, t.stored = append(t.back, s.Back), append(t.tags, s.Tags), append(t.stored, s.Stored)
	}
	out := map[string]Recovery{}
	for key, t := range sorted {
		out[key] = Recovery{Strikes: len(t.back), Back: distribution(t.back), Tags: distribution(t.tags), Stored: distribution(t.stored)}
	}
	return out
}
