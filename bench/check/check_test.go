package check

import (
	"context"
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
		})
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
