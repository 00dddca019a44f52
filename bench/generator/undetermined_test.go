package generator

import (
	"testing"
	"time"

	"portrait/bench/ledger"
)

// TestFewTagsAreUndetermined: when the checker looks soon after the run, few enough tags are about to flip that it can
// call the rest exact. (From 16 s after the end on, everybody turns silent; the checker then looks back.)
func TestFewTagsAreUndetermined(t *testing.T) {
	const most, margin = 0.02, 2 * time.Second // as package check asks
	for _, size := range []struct {
		name string
		c    Config
	}{
		{"ten seconds", Config{Seed: 2, Rate: 1000, Duration: 10 * time.Second}},
		{"the demo", Config{Seed: 4, Rate: 1000, Duration: time.Minute}},
		{"three minutes", Config{Seed: 5, Rate: 300, Duration: 3 * time.Minute}},
	} {
		t.Run(size.name, func(t *testing.T) {
			g, records := planned(t, size.c)
			l := ledger.New(g.Run())
			for i := range records {
				l.Record(records[i].Event, start.Add(records[i].At))
			}
			people := l.People()
			for after := 3 * time.Second; after <= 15*time.Second; after += 2 * time.Second {
				count := 0
				for _, p := range people {
					for _, undetermined := range l.Expect(p, start.Add(size.c.Duration+after), margin).Undetermined {
						if undetermined {
							count++
						}
					}
				}
				if share := float64(count) / float64(len(people)*int(ledger.TagCount)); share >= most {
					t.Errorf("%v after the end %.2f %% are undetermined", after, 100*share)
				}
			}
		})
	}
}
