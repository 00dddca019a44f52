package router

import (
	"testing"

	"pgregory.net/rapid"

	"portrait/schemas"
)

// TestTickerProperties drives a ticker at random and checks it against what it was told: a stamp sent
// to an inbox partition only grows and never exceeds what was handed on; nothing waits longer than a
// step and a pause; and between two tick records to an inbox partition lies a pause.
func TestTickerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dep := schemas.DefaultDeployment()
		dep.EventsPartitions, dep.InboxPartitions = 3, 2
		ticker := NewTicker(&dep)
		var handed [3]int64  // 0: not assigned, or nothing known
		var sent [3][2]int64 // largest stamp each inbox partition has heard
		var last = [2]int64{-1000, -1000}
		var assigned [3]bool
		clock := int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			clock += rapid.Int64Range(0, 300).Draw(t, "ms")
			e := rapid.Int32Range(0, 2).Draw(t, "events")
			stamp := 1_000_000 + clock - rapid.Int64Range(0, 400).Draw(t, "behind")
			switch rapid.IntRange(0, 5).Draw(t, "action") {
			case 0:
				ticker.Assign(e)
				assigned[e], handed[e], sent[e] = true, 0, [2]int64{}
			case 1:
				ticker.Revoke(e)
				assigned[e], handed[e], sent[e] = false, 0, [2]int64{}
			case 2:
				inbox := rapid.IntRange(0, 1).Draw(t, "inbox")
				ticker.Sent(inbox, e, stamp, clock)
				if assigned[e] {
					sent[e][inbox] = max(sent[e][inbox], stamp)
				}
			case 3:
				ticker.Read(e, stamp)
				if assigned[e] {
					handed[e] = max(handed[e], stamp)
				}
			default:
				ticker.ReachedEnd(e, stamp)
				if assigned[e] {
					handed[e] = max(handed[e], stamp)
				}
			}
			for _, in := range ticker.Due(clock, false) {
				p := in.Partition
				if clock-last[p] < TickBusy || len(in.Record.Ticks) == 0 {
					t.Fatalf("inbox %d: %d ticks at %d after a record at %d", p, len(in.Record.Ticks), clock, last[p])
				}
				last[p] = clock
				for _, tick := range in.Record.Ticks {
					if tick.Stamp <= sent[tick.Partition][p] || tick.Stamp != handed[tick.Partition] {
						t.Fatalf("inbox %d: tick %+v after %d, handed on %d", p, tick, sent[tick.Partition][p], handed[tick.Partition])
					}
					sent[tick.Partition][p] = tick.Stamp
				}
			}
			for p := range last {
				for e := range handed {
					if handed[e]-sent[e][p] >= TickIdle && clock-last[p] >= TickIdle && handed[e] > 0 {
						t.Fatalf("inbox %d has not heard of partition %d for %d ms, the last record was %d ms ago", p, e, handed[e]-sent[e][p], clock-last[p])
					}
				}
			}
		}
	})
}

// TestClockGuardWitness: a record stamped by the broker shows that the wall is ahead, or that it is right
// again; one that took its time shows nothing.
func TestClockGuardWitness(t *testing.T) {
	const start, hour = int64(1772359200000), int64(3_600_000)
	for _, c := range []struct {
		name                string
		jump                int64 // of the wall, before the record
		asked, stamped, got int64 // our wall without the jump, the broker's wall, our wall without the jump
		suspect, afterwards bool  // before and after the record
	}{
		{"together", 0, 1_000, 1_200, 1_210, false, false},
		{"an hour ahead", hour, 1_000, 1_200, 1_210, true, true},
		{"a second and a half ahead", 1_500, 1_000, 1_200, 1_210, true, true},
		{"half a second ahead", 500, 1_000, 1_200, 1_210, false, false},
		{"an hour behind", -hour, 1_000, 1_200, 1_210, true, false}, // timers late, never false
		{"suspended for an hour, and right now", hour, hour + 1_000 - hour, hour + 1_200, 1_210, true, false},
		{"right, and the record was long on its way", 0, 1_000, 1_200, 9_000, false, false},
		{"ahead, and the record was long on its way", 2_000, 1_000, 4_000, 9_000, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g ClockGuard
			g.Suspect(start, 0)
			if got := g.Suspect(start+c.jump+c.got, c.got); got != c.suspect {
				t.Errorf("suspect %v before the record, want %v", got, c.suspect)
			}
			g.Witness(start+c.jump+c.asked, start+c.stamped, start+c.jump+c.got, c.got)
			if got := g.Suspect(start+c.jump+c.got, c.got); got != c.afterwards {
				t.Errorf("suspect %v behind the record, want %v", got, c.afterwards)
			}
		})
	}
	t.Run("ahead from the start, then set right", func(t *testing.T) {
		var g ClockGuard
		wall := start + hour
		if g.Suspect(wall, 0) {
			t.Fatal("nothing has shown it yet")
		}
		g.Witness(wall, start+100, wall+110, 110)
		if !g.Suspect(wall+110, 110) {
			t.Fatal("not suspect, an hour ahead of the broker")
		}
		if wall = start; !g.Suspect(wall+200, 200) {
			t.Fatal("nothing has shown yet that it is right")
		}
		g.Witness(wall+200, start+300, wall+310, 310)
		if g.Suspect(wall+310, 310) {
			t.Fatal("still suspect, and right")
		}
	})
}

func TestClockGuard(t *testing.T) {
	const start = int64(1772359200000)
	cases := []struct {
		name       string
		wall, mono int64 // since the first look
		want       bool
	}{
		{"together", 5_000_000, 5_000_000, false},
		{"slightly apart", 61_000, 60_000, false},
		{"wall jumped ahead", 61_001, 60_000, true},
		{"wall jumped back", 58_999, 60_000, true},
		{"slightly behind", 59_000, 60_000, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var g ClockGuard
			if g.Suspect(start, 77) {
				t.Fatal("suspect at the first look")
			}
			if got := g.Suspect(start+c.wall, 77+c.mono); got != c.want {
				t.Errorf("suspect %v, want %v", got, c.want)
			}
			if g.Suspect(start+70_000, 77+70_000) {
				t.Error("still suspect when the clocks are together again")
			}
		})
	}
}
