package drive

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Trend says how a figure of a process or a directory moved over the last two thirds of a long run: the first third is
// filling up. It is a straight line through the samples by least squares.
type Trend struct {
	What    string  `json:"what"`     // memory, goroutines, files or disk, and whose
	Unit    string  `json:"unit"`     // bytes, or none
	From    float64 `json:"from"`     // of the line, at its two ends
	To      float64 `json:"to"`       //
	PerHour float64 `json:"per_hour"` // its slope
	Seconds float64 `json:"seconds"`
	Judged  bool    `json:"judged"` // false: it grows by design, and is only told
	Flat    bool    `json:"flat"`
	Why     string  `json:"why"`
}

// SteadyLeast is from how many seconds of samples on a run says anything about leaks: collections of garbage, checkpoints and
// compactions repeat within a minute or two.
const SteadyLeast = 300.0

// What counts as flat: the line rises by less than a twentieth, or by less than the floor, which is what a pool or a cache of
// this size may take up.
const (
	flatShare     = 0.05
	flatBytes     = 32 << 20
	flatGrown     = 20  // goroutines, threads and files
	flatDiskShare = 0.2 // a store's size swings with its compactions
)

// Steady looks for leaks in the samples between two places of the series (seconds); nil if that is too short to tell.
// Logs and tables keep what retention says, so only the disk of the state is judged, and nothing of Apache Kafka; ClickHouse
// keeps files of its tables open, and they are not judged either. Where the broker runs in Portrait's process, its
// segments and their index are files and memory of that, and the verdict is about them, too.
func Steady(series []Sample, from, to float64) []Trend {
	if to-from < SteadyLeast {
		return nil
	}
	from += (to - from) / 3
	series = slices.DeleteFunc(slices.Clone(series), func(s Sample) bool { return s.At < from || s.At > to })
	ours := func(name string) bool { return name != "kafka" }
	var list []Trend
	for _, kind := range []struct {
		name, unit string
		of         func(*Sample) map[string]int64
		share      float64
		floor      float64
		judged     func(name string) bool
	}{
		{"memory", "bytes", func(s *Sample) map[string]int64 { return s.Memory }, flatShare, flatBytes, ours},
		{"goroutines", "", func(s *Sample) map[string]int64 { return s.Running }, flatShare, flatGrown, ours},
		{"files", "", func(s *Sample) map[string]int64 { return s.Files }, flatShare, flatGrown, func(name string) bool { return ours(name) && name != "clickhouse" }},
		{"disk", "bytes", func(s *Sample) map[string]int64 { return s.Disk }, flatDiskShare, flatBytes, func(name string) bool { return name == "state" }},
	} {
		points := map[string][][2]float64{}
		for i := range series {
			for name, v := range kind.of(&series[i]) {
				points[name] = append(points[name], [2]float64{series[i].At, float64(v)})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(points)) {
			t, ok := line(points[name])
			if !ok {
				continue
			}
			t.What, t.Unit = kind.name+" of "+name, kind.unit
			t.Judged = kind.judged(name)
			most := max(kind.share*math.Abs(t.From), kind.floor)
			t.Flat = t.To-t.From <= most
			t.Why = fmt.Sprintf("%+.3g in %.0f s (%+.3g an hour); flat is at most %+.3g", t.To-t.From, t.Seconds, t.PerHour, most)
			if !t.Judged {
				t.Why = fmt.Sprintf("%+.3g in %.0f s (%+.3g an hour); told, not judged", t.To-t.From, t.Seconds, t.PerHour)
			}
			list = append(list, t)
		}
	}
	return list
}

// line fits a straight line; ok is false for fewer than three points.
func line(points [][2]float64) (t Trend, ok bool) {
	n := float64(len(points))
	if n < 3 {
		return t, false
	}
	x, y := 0.0, 0.0
	for _, p := range points {
		x += p[0] / n
		y += p[1] / n
	}
	up, down := 0.0, 0.0
	for _, p := range points {
		up += (p[0] - x) * (p[1] - y)
		down += (p[0] - x) * (p[0] - x)
	}
	if down == 0 {
		return t, false
	}
	slope, first, last := up/down, points[0][0], points[len(points)-1][0]
	return Trend{From: y + slope*(first-x), To: y + slope*(last-x), PerHour: 3600 * slope, Seconds: last - first}, true
}

// Leaks names what a long run shows to grow.
func Leaks(list []Trend) (grown []string) {
	for _, t := range list {
		if t.Judged && !t.Flat {
			grown = append(grown, t.What+" grows: "+t.Why)
		}
	}
	return grown
}
