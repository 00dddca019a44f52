package pipeline

import (
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portrait/pipeline/broker"
)

const hourMS = int64(time.Hour / time.Millisecond)

// wallNode runs a node whose wall differs from the broker's by what shift holds, in
// ms. cart_abandoned is entered two seconds after a cart without an order.
func wallNode(t *testing.T, addr string, shift *atomic.Int64) *running {
	t.Helper()
	return runNode(t, newWallNode(t, addr, shift))
}

func newWallNode(t *testing.T, addr string, shift *atomic.Int64) *Node {
	t.Helper()
	n := testNode(t, addr, t.TempDir())
	n.routers.wall = func() int64 { return time.Now().UnixMilli() + shift.Load() }
	return n
}

// embedded starts a broker in memory.
func embedded(t *testing.T) string {
	t.Helper()
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b.Addr()
}

// apache starts an Apache Kafka, which stamps records itself where the topic says so.
func apache(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("Apache Kafka takes seconds to start: not with -short")
	}
	node, err := broker.StartApache(t.Context(), broker.ApacheConfig{Dir: t.TempDir()})
	if errors.Is(err, broker.ErrToolMissing) && !strings.Contains(os.Getenv("PORTRAIT_REQUIRE"), "kafka") {
		t.Skipf("no Apache Kafka: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Close)
	return node.Addr()
}

func (r *running) suspect() bool { return r.n.Status().Clock != "" }

// watermark is the smallest over the node's machines; 0 until all have one.
func (r *running) watermark() int64 {
	least := int64(0)
	machines := r.n.Status().Machines
	for i, m := range machines {
		if i == 0 || m.Watermark < least {
			least = m.Watermark
		}
	}
	if len(machines) < r.n.dep.InboxPartitions {
		return 0
	}
	return least
}

// TestWallJumpsAhead sets the wall an hour ahead under way: no machine hears of that hour, timers wait, and
// when the wall is right again, an event shows it and they go on. Nothing is restarted.
func TestWallJumpsAhead(t *testing.T) {
	var shift atomic.Int64
	r := wallNode(t, embedded(t), &shift)
	r.buy("early", 1)
	r.until("a watermark", func() bool { return r.watermark() > time.Now().UnixMilli()-5_000 })
	shift.Store(hourMS)
	r.until("suspicion", r.suspect)
	if !strings.Contains(r.n.Status().Clock, "set the wall right") {
		t.Errorf("status %q", r.n.Status().Clock)
	}
	r.buy("meanwhile", 1)
	r.counted("meanwhile", 1)
	stood := r.watermark()
	if ahead := stood - time.Now().UnixMilli(); ahead > 0 {
		t.Fatalf("the watermark is %d ms ahead of the broker's clock", ahead)
	}
	shift.Store(0)
	r.until("the wall is trusted again", func() bool { return !r.suspect() })
	r.until("timers go on", func() bool { return r.watermark() > stood+1_000 })
	if ahead := r.watermark() - time.Now().UnixMilli(); ahead > 0 {
		t.Fatalf("the watermark is %d ms ahead of the broker's clock", ahead)
	}
}

// TestWallAheadFromTheStart: no clock of the process has parted from another, so only the broker's stamps
// show it. After a suspension it is the other way round: the clocks have parted for good, and the wall is
// right; again the broker's stamps show it, and no restart is needed.
func TestWallAheadFromTheStart(t *testing.T) {
	var shift, asleep atomic.Int64
	shift.Store(hourMS)
	n := newWallNode(t, apache(t), &shift)
	mono := n.routers.mono
	n.routers.mono = func() int64 { return mono() - asleep.Load() } // it does not run while the machine is suspended
	r := runNode(t, n)
	events := 0
	witness := func(what string, holds func() bool) {
		t.Helper()
		r.until(what, func() bool { // a record is a witness once the partition's end was seen before it
			events++
			r.buy("witness", events)
			if err := r.n.producer.Flush(r.ctx); err != nil {
				t.Fatal(err)
			}
			return holds()
		})
	}
	witness("suspicion", r.suspect)
	shift.Store(0)
	witness("trust", func() bool { return !r.suspect() })
	asleep.Store(hourMS)
	witness("trust after a suspension", func() bool { return !r.suspect() })
}

// TestWallBehind runs an hour behind the broker: events count at once, and timers are late, never early.
func TestWallBehind(t *testing.T) {
	var shift atomic.Int64
	shift.Store(-hourMS)
	r := wallNode(t, embedded(t), &shift)
	r.buy("first", 1)
	r.counted("first", 1)
	r.until("a watermark", func() bool { return r.watermark() > 0 })
	if late := time.Now().UnixMilli() - r.watermark(); late < hourMS-1_000 {
		t.Errorf("the watermark is %d ms behind, want an hour: stamps never run ahead of the wall", late)
	}
	clamped := 0
	for _, s := range r.n.Status().Routers {
		clamped += s.Counts.KafkaClamped
	}
	if clamped != 1 || r.suspect() {
		t.Errorf("%d clamped, suspect %v", clamped, r.suspect())
	}
}
