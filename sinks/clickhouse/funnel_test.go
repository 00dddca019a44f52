package clickhouse

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"portrait/schemas/wire"
)

// taken is one event of a person, for the naive recomputation.
type taken struct {
	who, step int
	at        int64 // ms
}

// reached returns how many steps a person came, by trying every chain.
func reached(events []taken, steps int, window int64) int {
	best := 0
	var follow func(step int, start, at int64)
	follow = func(step int, start, at int64) {
		best = max(best, step)
		for _, e := range events {
			if e.step == step && (step == 0 || e.at >= at && e.at-start <= window) && step < steps {
				if step == 0 {
					start = e.at
				}
				follow(step+1, start, e.at)
			}
		}
	}
	follow(0, 0, 0)
	return best
}

func TestFunnelAgainstNaiveRecomputation(t *testing.T) {
	_, conn := startDatabase(t)
	c := testConfig(1)
	w, random := newWriter(c.Deployment), rand.New(rand.NewPCG(1, 2))
	steps := []string{"viewed", "it's \"carted\"", "paid", "reviewed"}
	const people, window = 300, int64(40)
	// Person n+people was absorbed by person n after half of the events: they are one today.
	var all []taken
	for i := range 2500 {
		who, step, at := random.IntN(people), random.IntN(5), begin+int64(random.IntN(200)) // ties are frequent
		recorded, name := who, "other"
		if who < 50 && i < 1250 {
			recorded += people
		}
		if step < len(steps) {
			name = steps[step]
			all = append(all, taken{who, step, at})
		}
		w.add(0, begin+200, eventFact(uint64(i+1), int64(i), recorded, name, at))
	}
	for n := range 50 {
		w.add(0, begin+200, mergeFact(3000+n, n+people, n, begin+300))
	}
	w.add(0, begin+2000)
	c.Rule = DefaultRule()
	runUntil(t, conn, c, w, func() bool { return ask(t, conn, "SELECT count() FROM surviving_profile") == "50" })

	for _, x := range []struct {
		name     string
		from, to int64
		steps    int
	}{
		{"everything", 0, 0, 4},
		{"two steps", 0, 0, 2},
		{"one step", 0, 0, 1},
		{"a span of time", begin + 50, begin + 120, 4},
		{"nothing", begin + 100_000, 0, 4},
	} {
		t.Run(x.name, func(t *testing.T) {
			var from, to time.Time
			if x.from != 0 {
				from = time.UnixMilli(x.from)
			}
			if x.to != 0 {
				to = time.UnixMilli(x.to)
			}
			funnel, err := Funnel(t.Context(), conn, steps[:x.steps], time.Duration(window)*time.Millisecond, from, to)
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for _, s := range funnel {
				got = append(got, s.Profiles)
			}
			want := make([]uint64, x.steps)
			for who := range people {
				mine := slices.DeleteFunc(slices.Clone(all), func(e taken) bool {
					return e.who != who || e.at < x.from || x.to != 0 && e.at >= x.to
				})
				for i := range reached(mine, x.steps, window) {
					want[i]++
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("profiles per step %v, want %v", got, want)
			}
			if want[0] > 0 && funnel[x.steps-1].Rate != float64(want[x.steps-1])/float64(want[0]) {
				t.Errorf("rate %v of %v", funnel[x.steps-1].Rate, want)
			}
		})
	}
}

func mergeFact(version, loser, winner int, ms int64) wire.Fact {
	return wire.Fact{Kind: wire.FactMerge, Version: uint64(version), Decided: ms, Profile: person(winner),
		Merge: &wire.Merge{Loser: person(loser), At: ms, Direct: true, Root: fmt.Sprint("device_id:", loser)}}
}

func TestFunnelRefuses(t *testing.T) {
	many := strings.Split(strings.Repeat("a,", 33), ",")
	for _, x := range []struct {
		name   string
		steps  []string
		window time.Duration
		want   string
	}{
		{"no step", nil, time.Hour, "0 steps"},
		{"too many", many, time.Hour, "34 steps"},
		{"a step twice", []string{"a", "b", "a"}, time.Hour, `step 3 is "a"`},
		{"no window", []string{"a"}, 0, "at least 1ms"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if _, err := Funnel(t.Context(), nil, x.steps, x.window, time.Time{}, time.Time{}); err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("error %v, want one with %q", err, x.want)
			}
		})
	}
}
