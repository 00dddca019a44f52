package check

import (
	"context"
	"slices"
	"strings"
	"testing"

	"portrait/bench"
)

func (w *world) input(t *testing.T) Input {
	t.Helper()
	return Input{Ledger: w.ledger, Topic: w.topic(t), Query: w.query, Canonical: canonical, AsOf: w.asOf}
}

func (w *world) run(t *testing.T) *bench.Report {
	t.Helper()
	report, err := Run(context.Background(), w.input(t))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func failed(r *bench.Report) []string {
	var names []string
	for _, c := range r.Checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestAPerfectRunPasses(t *testing.T) {
	w := perfect(t)
	r := w.run(t)
	for _, c := range r.Checks {
		t.Logf("%v %s: %s", c.OK, c.Name, c.Detail)
		if !c.OK {
			t.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	if len(r.Checks) != 11 {
		t.Errorf("%d checks", len(r.Checks))
	}
	people := len(w.ledger.People())
	if r.People != people || r.Profiles != people || r.IdentityWrong != 0 {
		t.Errorf("%d people, %d profiles, %d wrong; want %d, %d, 0", r.People, r.Profiles, r.IdentityWrong, people, people)
	}
	stored, duplicates, rejected := w.ledger.Counts()
	if r.EventsStored != stored || r.Duplicates != duplicates || r.Rejected != rejected || r.EventsSent != int64(w.ledger.Len()) {
		t.Errorf("%+v, want %d, %d, %d", r, stored, duplicates, rejected)
	}
	if r.TagChanges != int64(len(w.published)) {
		t.Errorf("%d changes, want %d", r.TagChanges, len(w.published))
	}
	if r.Settle(int64(w.ledger.Len())); !r.OK {
		t.Error("the report is not ok")
	}
}

// TestEachDamageIsSeen damages one thing at a time and looks at exactly which checks fail.
func TestEachDamageIsSeen(t *testing.T) {
	whole := perfect(t)
	for _, c := range damages {
		t.Run(c.name, func(t *testing.T) {
			w := whole.clone()
			c.do(t, w)
			r := w.run(t)
			if got := strings.Join(failed(r), " "); got != c.want {
				for _, each := range r.Checks {
					t.Logf("%v %s: %s", each.OK, each.Name, each.Detail)
				}
				t.Fatalf("failed: %q, want %q", got, c.want)
			}
			for _, each := range r.Checks {
				if n := each.Lost + each.Doubled + each.Wrong; each.OK != (n == 0) {
					t.Errorf("%s: ok %v with %d lost, %d doubled, %d wrong", each.Name, each.OK, each.Lost, each.Doubled, each.Wrong)
				}
			}
		})
	}
}

// TestKindsOfDamage: what is missing, what is there twice and what is another are told apart.
func TestKindsOfDamage(t *testing.T) {
	whole := perfect(t)
	for name, want := range map[string][3]int64{
		"an event is missing":                         {3, 0, 0}, // in its table, its offset, and in the sum
		"an event is stored twice":                    {0, 2, 0},
		"an event nobody sent takes the place of one": {1, 0, 1},
		"a rejection is missing":                      {3, 0, 0},
		"ClickHouse misses a change":                  {1, 0, 0},
		"ClickHouse has a change twice":               {0, 1, 0},
		"ClickHouse has a change nobody published":    {0, 0, 1},
		"a text is another":                           {0, 0, 1},
		"an absence is not noticed":                   {1, 0, 0},
		"another run is in the same directory":        {0, 0, 0},
	} {
		w, sum := whole.clone(), [3]int64{}
		damages[slices.IndexFunc(damages, func(d damage) bool { return d.name == name })].do(t, w)
		for _, each := range w.run(t).Checks {
			sum[0], sum[1], sum[2] = sum[0]+each.Lost, sum[1]+each.Doubled, sum[2]+each.Wrong
		}
		if sum != want {
			t.Errorf("%s: lost, doubled, wrong %v, want %v", name, sum, want)
		}
	}
}

func TestAnUnreachableClickHouseIsAnError(t *testing.T) {
	whole := perfect(t)
	for _, part := range []string{"portrait.events WHERE", "portrait.duplicates", "portrait.rejections", "portrait.accounting",
		"ARRAY JOIN", "features FROM", "windowFunnel", "portrait.events_now", "portrait.tag_changes"} {
		t.Run(part, func(t *testing.T) {
			w := whole.clone()
			w.failing = part
			_, err := Run(context.Background(), w.input(t))
			if err == nil || !strings.Contains(err.Error(), "connection refused") {
				t.Fatalf("error %v", err)
			}
		})
	}
}
