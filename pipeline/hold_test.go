package pipeline

import (
	"testing"
	"time"
)

// TestHoldKeepsOrder: whatever the store does meanwhile, everything goes once, in order, and nothing waits longer than
// holdMost.
func TestHoldKeepsOrder(t *testing.T) {
	var h hold
	outs, now := make([]Output, 300), time.Unix(0, 0)
	var sent []*Output
	said := map[*Output]time.Time{}
	ahead := false
	for i := range outs {
		if i%7 == 3 {
			ahead = !ahead
		}
		o := &outs[i]
		said[o] = now
		if !h.keep(o, nil, ahead, now) {
			sent = append(sent, o)
			if ahead {
				t.Fatalf("output %d was sent ahead of the store", i)
			}
		}
		now = now.Add(time.Duration(i%50) * time.Millisecond)
		for _, held := range h.due(ahead, now) {
			sent = append(sent, held.out)
		}
		for _, held := range h.list {
			if now.Sub(said[held.out]) >= holdMost {
				t.Fatalf("output %d: something has waited for %v", i, now.Sub(said[held.out]))
			}
			if !ahead {
				t.Fatalf("output %d: held although the store has caught up", i)
			}
		}
	}
	for _, held := range h.all() {
		sent = append(sent, held.out)
	}
	if len(sent) != len(outs) || len(h.list) != 0 {
		t.Fatalf("%d of %d were sent, %d are left", len(sent), len(outs), len(h.list))
	}
	for i := range outs {
		if sent[i] != &outs[i] {
			t.Fatalf("output %d is out of order", i)
		}
	}
}
