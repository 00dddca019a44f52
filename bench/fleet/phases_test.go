package fleet

import (
	"slices"
	"testing"
	"time"

	"portrait/bench/drive"
)

// TestPhases sums up a rolling restart of two phases: events are numbered in ms from the start, partition is number modulo 4.
func TestPhases(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	at := func(ms int64) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	a := analysis{homes: func(n int64) int { return int(n % 4) }, began: []time.Time{at(10_000), at(20_000)}, end: at(30_000),
		struck: []string{"node-1", ""}, seconds: func(i time.Time) float64 { return i.Sub(start).Seconds() }}
	for _, s := range []struct {
		ms     int64
		owners map[int]string
	}{
		{0, map[int]string{0: "node-1", 1: "node-1", 2: "node-2", 3: "node-2"}},
		{11_000, map[int]string{0: "node-1", 1: "node-2", 2: "node-2", 3: "node-2"}}, // 0 came back unseen
		{19_000, map[int]string{0: "node-1", 1: "node-1", 2: "node-2", 3: "node-2"}},
		{25_000, map[int]string{0: "node-1", 1: "node-1", 2: "node-3", 3: "node-2"}},
		{40_000, map[int]string{3: "node-9"}}, // behind the end
	} {
		a.owners = append(a.owners, sighting{at(s.ms), s.owners})
	}
	for ms := int64(0); ms < 30_000; ms++ {
		wait := int64(10)
		switch p := ms % 4; {
		case ms >= 12_000 && ms < 14_500 && p == 1: // silent until 14,500
			wait = 14_500 - ms
		case ms >= 20_000 && p == 3:
			wait = 400
		case ms >= 25_000 && ms < 25_600 && p == 2:
			wait = 600
		}
		a.arrivals = append(a.arrivals, drive.Arrival{Event: ms, Planned: at(ms), Received: at(ms + wait)})
	}
	report := &drive.Report{}
	a.sum([]drive.Phase{{Name: "restart node-1"}, {Name: "join node-3"}}, report)
	one, two := report.Phases[0], report.Phases[1]
	if !slices.Equal(one.Moved, []int{0, 1}) || !slices.Equal(two.Moved, []int{2}) {
		t.Errorf("moved %v, then %v", one.Moved, two.Moved)
	}
	if one.FirstTag < 2.49 || one.FirstTag > 2.5 || one.OthersP99 != 10 || one.Slow != 2 || one.Changes != 10_000 || one.Seconds != 10 {
		t.Errorf("restart: %+v", one)
	}
	if two.FirstTag != 0.6 || two.OthersP99 != 400 || two.MovedP99 != 600 || two.Slow != 1 {
		t.Errorf("join: %+v", two)
	}
	if report.Slow.Median != 3 || report.FirstTag.Max != one.FirstTag || report.OthersP99.Max != 400 || len(report.Seconds) != 30 || report.Seconds[3].P99 != 10 {
		t.Errorf("%+v, %+v, %+v, %d seconds", report.Slow, report.FirstTag, report.OthersP99, len(report.Seconds))
	}
}

// TestFirstChanges: what events before the kill cause does not count, and a partition that stays silent shows.
func TestFirstChanges(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	homes := func(n int64) int { return int(n) }
	list := []drive.Arrival{{Event: 0, Planned: at(1), Received: at(20)}, {Event: 1, Planned: at(11), Received: at(16)}, {Event: 1, Planned: at(12), Received: at(15)}}
	if first, every := firstChanges(list, at(10), 2, homes); !first.Equal(at(15)) || !every.IsZero() {
		t.Errorf("first %v, every %v", first, every)
	}
	list = append(list, drive.Arrival{Event: 0, Planned: at(13), Received: at(18)})
	if first, every := firstChanges(list, at(10), 2, homes); !first.Equal(at(15)) || !every.Equal(at(18)) {
		t.Errorf("first %v, every %v", first, every)
	}
}
