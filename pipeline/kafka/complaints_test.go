package kafka

import (
	"strconv"
	"testing"
	"time"
)

// What lasts is told at once, when its reason changes, and now and then.
func TestComplaints(t *testing.T) {
	var c Complaints
	begin := time.Unix(1_700_000_000, 0)
	for _, step := range []struct {
		at         time.Duration
		what, text string
		want       bool
	}{
		{0, "join", "refused", true},
		{200 * time.Millisecond, "join", "refused", false},
		{300 * time.Millisecond, "heartbeat", "refused", true}, // another thing
		{400 * time.Millisecond, "join", "closed", false},      // reasons that alternate are not told each time
		{5 * time.Second, "join", "closed", true},
		{6 * time.Second, "join", "closed", false},
		{34 * time.Second, "join", "closed", false},
		{35 * time.Second, "join", "closed", true},
		{36 * time.Second, "join", "", false}, // it works again
		{37 * time.Second, "join", "closed", true},
	} {
		if step.text == "" {
			c.Over(step.what)
		} else if got := c.Due(step.what, step.text, begin.Add(step.at)); got != step.want {
			t.Errorf("after %v, %s %s: told %v, want %v", step.at, step.what, step.text, got, step.want)
		}
	}
}

// Reasons that are different each time do not pile up.
func TestComplaintsAreBounded(t *testing.T) {
	var c Complaints
	for i := range 10_000 {
		c.Due(strconv.Itoa(i), "", time.Unix(0, int64(i)))
		if len(c.told) > maxComplaints {
			t.Fatalf("%d are remembered", len(c.told))
		}
	}
}

// A rejoin is asked for so often that it costs a twentieth of an outage at most, and never more than a second.
func TestRejoinPause(t *testing.T) {
	for away, want := range map[time.Duration]time.Duration{0: 0, 2 * time.Second: 100 * time.Millisecond, 20 * time.Second: time.Second, time.Hour: time.Second} {
		if got := rejoinPause(away); got != want {
			t.Errorf("after %v: %v, want %v", away, got, want)
		}
	}
}
