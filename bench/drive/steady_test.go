package drive

import (
	"slices"
	"testing"
)

// TestSteady tells a leak from what swings, fills up or grows by design.
func TestSteady(t *testing.T) {
	const mb = 1 << 20
	series := func(of func(at float64) Sample) (list []Sample) {
		for at := 0.0; at < 900; at += 5 {
			s := of(at)
			s.At = at
			list = append(list, s)
		}
		return list
	}
	one := func(v float64) map[string]int64 { return map[string]int64{"state": int64(v)} }
	fill := func(at float64) float64 { return min(at, 200) }
	for _, c := range []struct {
		name  string
		of    func(at float64) Sample
		leaks []string
	}{
		{"flat", func(at float64) Sample {
			return Sample{Memory: one(900 * mb), Running: one(120), Files: one(80), Disk: one(500 * mb)}
		}, nil},
		{"a saw", func(at float64) Sample { return Sample{Memory: one(mb * (800 + 4*float64(int(at)%60)))} }, nil},
		{"filling up", func(at float64) Sample { return Sample{Memory: one(mb * (100 + 4*fill(at)))} }, nil},
		{"memory", func(at float64) Sample { return Sample{Memory: one(mb * (900 + at/5))} }, []string{"memory of state"}},
		{"goroutines and files", func(at float64) Sample { return Sample{Running: one(100 + at/10), Files: one(100 + at/12)} },
			[]string{"goroutines of state", "files of state"}},
		{"disk of the state", func(at float64) Sample { return Sample{Disk: one(mb * (200 + at))} }, []string{"disk of state"}},
		{"files of others", func(at float64) Sample {
			return Sample{Files: map[string]int64{"clickhouse": int64(100 + at), "kafka": int64(100 + at)}, Running: map[string]int64{"kafka": int64(100 + at)}}
		}, nil},
		{"disk of the log", func(at float64) Sample { return Sample{Disk: map[string]int64{"broker": int64(mb * at)}} }, nil},
	} {
		var leaks []string
		for _, x := range Steady(series(c.of), 0, 900) {
			if x.Judged && !x.Flat {
				leaks = append(leaks, x.What)
			}
		}
		if !slices.Equal(leaks, c.leaks) {
			t.Errorf("%s: leaks %v", c.name, leaks)
		}
	}
	memory := Steady(series(func(at float64) Sample { return Sample{Memory: one(mb * (900 + at/5))} }), 0, 900)
	if len(memory) != 1 || memory[0].PerHour < 719*mb || memory[0].PerHour > 721*mb || len(Leaks(memory)) != 1 {
		t.Errorf("%+v", memory)
	}
	if Steady(series(func(float64) Sample { return Sample{} }), 0, 100) != nil {
		t.Error("a short run was judged")
	}
}
