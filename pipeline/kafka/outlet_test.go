package kafka

import (
	"testing"
	"time"
)

// TestGapsEndTogether: outlets of one producer that wait for the same gap wake at the same instants, those of Config.Ahead
// three fifths of the largest gap before the others, and never does one wait longer than its gap, or not at all.
func TestGapsEndTogether(t *testing.T) {
	config := DefaultProducerConfig()
	config.Ahead, config.Gaps = "inbox", map[string]time.Duration{"facts": 8 * config.MaxGap}
	p := &Producer{config: config}
	tags, inbox, facts := newOutlet(p, place{"tags", 0}), newOutlet(p, place{"inbox", 3}), newOutlet(p, place{"facts", 1})
	after := func(o *outlet, now time.Duration) time.Duration {
		wait := o.rest(now, o.most)
		if wait <= 0 || wait > o.most {
			t.Fatalf("%v waits %v at %v, its gap is %v", o.place, wait, now, o.most)
		}
		return now + wait
	}
	for now := time.Duration(0); now < 200*time.Millisecond; now += 370 * time.Microsecond {
		if at := after(inbox, now); at%config.MaxGap != 0 {
			t.Fatalf("at %v the inbox waits until %v", now, at)
		}
		at := after(tags, now)
		if at%config.MaxGap != config.MaxGap*3/5 {
			t.Fatalf("at %v tags wait until %v", now, at)
		}
		if end := after(facts, now); end%config.MaxGap != config.MaxGap*3/5 || end%(8*config.MaxGap) != config.MaxGap*3/5 {
			t.Fatalf("at %v facts wait until %v, tags until %v", now, end, at)
		}
		for gap := minGap; gap < config.MaxGap; gap *= 2 { // while it grows
			if wait := tags.rest(now, gap); wait <= 0 || wait > gap {
				t.Fatalf("at %v a gap of %v is %v", now, gap, wait)
			}
		}
	}
}
