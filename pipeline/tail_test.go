package pipeline

import (
	"testing"

	"portrait/schemas/wire"
)

// TestTailIsEnded sees markers follow the last facts once they are acknowledged, however long that took,
// and none while facts flow.
func TestTailIsEnded(t *testing.T) {
	s := newStepped(t, emptyView{})
	var sent []int64
	watch := func(from, to int64) {
		for now := from; now < to; now += 100 {
			out, due := s.p.Marker(now)
			if !due {
				continue
			}
			sent = append(sent, now)
			r, err := wire.DecodeFacts(out.Record.Value)
			if err != nil || len(r.Facts) > 0 || r.Seq != s.p.Machine().FactsNext() || r.Deployment != s.dep.Hash() {
				t.Fatalf("marker %+v, %v", r, err)
			}
		}
	}
	expect := func(when string, want ...int64) {
		t.Helper()
		if len(sent) != len(want) {
			t.Fatalf("%s: markers at %v, want %v", when, sent, want)
		}
		for i := range want {
			if sent[i] != want[i] {
				t.Fatalf("%s: markers at %v, want %v", when, sent, want)
			}
		}
		sent = nil
	}
	watch(0, 3_000)
	expect("a machine that was opened", 2_000)
	n, ticket := s.step(1)
	watch(3_000, 100_000)
	expect("the broker is away")
	s.p.Acked(ticket, n)
	watch(100_000, 200_000)
	expect("facts are acknowledged", 102_000, 110_000, 160_000)
	for now := int64(200_000); now < 210_000; now += 1_000 {
		n, ticket = s.step(1)
		s.p.Acked(ticket, n)
		watch(now, now+1_000)
	}
	expect("facts flow")
	watch(210_000, 212_000)
	expect("the flow ends", 211_000)
}
