package sim

import (
	"flag"
	"runtime/debug"
	"testing"
	"time"
)

var (
	seedCount = flag.Uint64("seeds", 0, "how many seeds to run; 0: a fixed range and a fresh one")
	seedFrom  = flag.Uint64("from", 0, "the first seed; 0: the day's date")
	brief     = flag.Bool("brief", false, "name the first seed that fails, and stop: no shrinking")
)

// The seeds of a plain run: the same every day, and others each day.
const (
	fixedSeeds = 3_500
	freshSeeds = 1_500
)

// today is the first fresh seed: the day's date, as 20261122000000, with room for a million seeds.
func today() uint64 {
	y, m, d := time.Now().UTC().Date()
	return uint64((y*10_000 + int(m)*100 + d)) * 1_000_000
}

// TestSimulation runs worlds. `go test ./bench/sim -run Simulation -args -seeds N -from S` runs N seeds from S
// on, and prints seeds per second.
func TestSimulation(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // worlds are small and short-lived
	ranges := [][2]uint64{{1, fixedSeeds}, {today(), freshSeeds}}
	switch {
	case *seedCount > 0 && *seedFrom > 0:
		ranges = [][2]uint64{{*seedFrom, *seedCount}}
	case *seedCount > 0:
		ranges = [][2]uint64{{today(), *seedCount}}
	case testing.Short():
		ranges = [][2]uint64{{1, fixedSeeds / 10}, {today(), freshSeeds / 10}}
	}
	for _, r := range ranges {
		began := time.Now()
		for seed := r[0]; seed < r[0]+r[1]; seed++ {
			o := NewOptions(seed)
			if faults := NewWorld(o, nil).Run(); len(faults) > 0 {
				if *brief {
					t.Fatalf("seed %d breaks a promise: %.500s", seed, faults[0])
				}
				t.Fatalf("%s", Report(o, faults))
			}
		}
		t.Logf("%d seeds from %d: %.0f seeds/s", r[1], r[0], float64(r[1])/time.Since(began).Seconds())
	}
}
