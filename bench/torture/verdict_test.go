package torture

import (
	"strings"
	"testing"
	"time"

	"portrait/bench"
)

// good is a verdict of a run in which all went well, ready to be settled.
func good() (*Verdict, []bench.Check) {
	v := &Verdict{EventsSent: 1000, planned: 1000, faults: 3}
	v.count([]Strike{
		{Fault: Fault{Kind: Kill, Class: Node}, Back: time.Second, Tags: 2 * time.Second, Stored: 3 * time.Second},
		{Fault: Fault{Kind: Kill, Class: Broker}, Back: 4 * time.Second, Tags: 5 * time.Second},
		{Fault: Fault{Kind: Freeze, Class: Node}, Back: 8 * time.Second, Tags: 9 * time.Second, Stored: 10 * time.Second},
	})
	return v, []bench.Check{{Name: "events_stored", OK: true}, {Name: "identity", OK: true}}
}

// Each thing that can be wrong makes the verdict so, and says why.
func TestVerdictSeesDamage(t *testing.T) {
	v, checks := good()
	v.settle(checks, nil)
	if !v.OK || len(v.failed()) != 0 || v.Kills != 2 || v.Faults["kill node"] != 1 || v.FaultsDone != 3 {
		t.Fatalf("a good run: %+v", v)
	}
	for _, c := range []struct {
		name  string
		spoil func(*Verdict, *[]bench.Check, *[]string)
		says  string
	}{
		{"something is lost", func(_ *Verdict, list *[]bench.Check, _ *[]string) {
			(*list)[0] = bench.Check{Name: "events_stored", Lost: 2, Detail: "two are missing"}
		}, "two are missing"},
		{"something is doubled", func(_ *Verdict, list *[]bench.Check, _ *[]string) {
			(*list)[1] = bench.Check{Name: "identity", Doubled: 1, Detail: "one is there twice"}
		}, "one is there twice"},
		{"something is wrong", func(_ *Verdict, list *[]bench.Check, _ *[]string) {
			(*list)[1] = bench.Check{Name: "identity", Wrong: 1, Detail: "another"}
		}, "another"},
		{"a check failed without a count", func(_ *Verdict, list *[]bench.Check, _ *[]string) { (*list)[1].OK = false }, "identity"},
		{"nothing was checked", func(_ *Verdict, list *[]bench.Check, _ *[]string) { *list = nil }, ""},
		{"a process ended", func(_ *Verdict, _ *[]bench.Check, notes *[]string) { *notes = []string{"node-1 ended by itself"} }, "node-1 ended"},
		{"a fault did not happen", func(v *Verdict, _ *[]bench.Check, _ *[]string) { v.faults++ }, "3 of 4 faults"},
		{"the load was not sent", func(v *Verdict, _ *[]bench.Check, _ *[]string) { v.EventsSent = 980 }, "980 of 1000 records"},
	} {
		v, checks := good()
		var notes []string
		c.spoil(v, &checks, &notes)
		v.settle(checks, notes)
		if v.OK {
			t.Errorf("%s: the verdict is ok", c.name)
		}
		if text := v.String(); !strings.Contains(text, c.says) || !strings.Contains(text, "NOT as the ledger says") {
			t.Errorf("%s: it does not say %q:\n%s", c.name, c.says, text)
		}
	}
}

// A run whose last comparison was bad and is now good is good: what was counted before does not stay.
func TestVerdictForgets(t *testing.T) {
	v, checks := good()
	v.settle([]bench.Check{{Name: "events_stored", Lost: 5}}, nil)
	v.settle(checks, nil)
	if !v.OK || v.Lost != 0 {
		t.Errorf("ok %v with %d lost", v.OK, v.Lost)
	}
}

func TestRecoveries(t *testing.T) {
	v, _ := good()
	kill := v.Recovery["kill node"]
	if kill.Strikes != 1 || kill.Back != (Distribution{1, 1000, 1000, 1000}) || kill.Stored.Max != 3000 {
		t.Errorf("kill node: %+v", kill)
	}
	if b := v.Recovery["kill broker"]; b.Stored.N != 0 || b.Tags.Max != 5000 {
		t.Errorf("what nobody saw counts: %+v", b)
	}
	list := make([]time.Duration, 100)
	for i := range list {
		list[i] = time.Duration(100-i) * time.Millisecond
	}
	if d := distribution(list); d != (Distribution{100, 51, 91, 100}) {
		t.Errorf("distribution %+v", d)
	}
}

// The watch: silence is the longest gap while the load runs, a strike is over when every machine has spoken of something
// sent after it.
func TestWatch(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	w := newWatch(2, at(0), at(20))
	w.change(at(1), "e1-p0-5-0", at(0.9), 0)
	s := &Strike{Struck: at(2)}
	w.struck(s)
	w.change(at(3), "e1-p0-6-0", at(1.5), 0) // sent before
	w.change(at(4), "e1-p0-7-0", at(3.5), 0)
	w.change(at(4.5), "e1-p1-3-0", time.Time{}, 6*time.Second) // a timer's
	w.stored(at(4.6), at(1.9))
	if s.Tags != 0 || s.Stored != 0 {
		t.Fatalf("over too early: %+v", s)
	}
	w.back(s, at(5))
	w.change(at(9), "e1-p1-4-0", at(4), 0)
	w.change(at(9.5), "e1-p1-5-0", at(9), 0)
	w.stored(at(10), at(2.5))
	w.stored(at(11), at(4))
	w.change(at(30), "e1-p1-9-0", at(29), 0) // behind the load: silence ends with it
	silence, behind, strikes := w.result(at(31))
	if got := strikes[0]; got.Back != 3*time.Second || got.Tags != 7*time.Second || got.Stored != 8*time.Second {
		t.Errorf("strike %+v", got)
	}
	if silence != 10500*time.Millisecond || behind != 6*time.Second {
		t.Errorf("longest silence %v, behind %v", silence, behind)
	}
	quiet := newWatch(1, at(0), at(20))
	if silence, _, _ := quiet.result(at(21)); silence != 20*time.Second {
		t.Errorf("not a word for %v", silence)
	}
}

func TestMachineOf(t *testing.T) {
	for id, want := range map[string]int{"e1-p3-1048576-2": 3, "e12-p17-1-0": 17} {
		if got, ok := machineOf(id); !ok || got != want {
			t.Errorf("%s: %d %v", id, got, ok)
		}
	}
	for _, id := range []string{"", "e1", "e1-p", "e1-px-1-0", "e1-p3"} {
		if n, ok := machineOf(id); ok {
			t.Errorf("%q: %d", id, n)
		}
	}
}
