package torture

import (
	"slices"
	"testing"
	"time"
)

// Whatever the seed: as many faults as asked for, in order, inside the load, each part whole again before its next one, and
// with nine or more every kind for every class.
func TestPlan(t *testing.T) {
	for seed := range uint64(200) {
		for _, size := range []struct {
			faults, nodes int
			duration      time.Duration
			broker        string
		}{{0, 1, time.Minute, Embedded}, {1, 1, 20 * time.Second, Apache}, {15, 3, 3 * time.Minute, Embedded}, {15, 3, 3 * time.Minute, Apache},
			{50, 3, 10 * time.Minute, Embedded}, {60, 5, 12 * time.Minute, Embedded}, {110, 3, 10 * time.Minute, Apache}} {
			plan := Plan(seed, size.faults, size.nodes, size.duration, size.broker)
			if len(plan) != size.faults {
				t.Fatalf("seed %d: %d faults instead of %d", seed, len(plan), size.faults)
			}
			free, kinds := map[string]time.Duration{}, map[[2]string]int{}
			for i, f := range plan {
				if i > 0 && f.At < plan[i-1].At || f.At <= 0 || f.At > size.duration {
					t.Fatalf("seed %d: %v at the wrong time", seed, f)
				}
				if f.At < free[f.Part()] {
					t.Fatalf("seed %d: %v strikes a part that is down", seed, f)
				}
				if frozen := f.Kind == Freeze; frozen && (f.Away < freezeMin || f.Away > freezeMax) || !frozen && (f.Away < 0 || f.Away > awayMax) {
					t.Fatalf("seed %d: %v for too short or too long", seed, f)
				}
				if f.Node < 0 || f.Node >= size.nodes || f.Class != Node && f.Node != 0 {
					t.Fatalf("seed %d: %v strikes nobody", seed, f)
				}
				free[f.Part()] = f.At + f.Away + rest(f.Class, size.broker, size.duration)
				kinds[[2]string{string(f.Kind), string(f.Class)}]++
			}
			if size.faults >= len(weights) && len(kinds) != len(weights) {
				t.Fatalf("seed %d: of %d combinations only %v", seed, len(weights), kinds)
			}
		}
	}
}

// The same seed is the same schedule, another one is another.
func TestPlanFollowsFromSeed(t *testing.T) {
	one, again, other := Plan(7, 20, 3, 5*time.Minute, Embedded), Plan(7, 20, 3, 5*time.Minute, Embedded), Plan(8, 20, 3, 5*time.Minute, Embedded)
	if !slices.Equal(one, again) {
		t.Error("one seed, two schedules")
	}
	if slices.Equal(one, other) {
		t.Error("two seeds, one schedule")
	}
}
