package machine_test

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

var (
	waveTimers = flag.Int("timers", 40_000, "timers of a deployment due in one second in TestMillionTimers; the failure table's figure is 1000000")
	offerings  = flag.Int("offered", 0, "identifiers offered to one profile in TestGiantProfile; the failure table's figure is 100000")
)

// TestMillionTimers makes timers of many profiles due within one second while events go on coming at 5,000
// a second, to profiles of their own: one of four partitions, with its quarter of both. The wave drains at full speed in bounded parts, and no event waits
// for more than a part of it. What that means in time is printed; how it works is checked.
func TestMillionTimers(t *testing.T) {
	profiles := *waveTimers / 4
	c := newCluster(t, 1, 1, waveCatalog, nil)
	c.cache = 2 * profiles
	c.open(0)
	b := c.members[0]
	many := func(prefix string, from, n int) {
		r := &wire.InboxRecord{Source: wire.FromRouter}
		for k := range n {
			c.index[0]++
			r.Routed = append(r.Routed, wire.Routed{Stamp: c.clock, Event: &wire.Event{At: wire.Position{Offset: int64(c.index[0])}, Time: c.clock, Kafka: c.clock,
				ID: fmt.Sprint(prefix, from+k), Name: "view", Identifiers: []string{fmt.Sprintf("device_id:%s%d", prefix, from+k)}}})
		}
		c.append(0, r)
	}
	for k := 0; k < profiles; k += schemas.ItemsPerRecord {
		c.clock = testStart + int64(k)*1_000/int64(profiles) // within a second
		many("wave", k, schemas.ItemsPerRecord)
	}
	c.tick()
	drain(c)
	before := b.m.Counters.Timers
	if b.m.Timers() < profiles {
		t.Fatalf("%d timers of %d profiles", b.m.Timers(), profiles)
	}
	c.clock += 6_100 // all of them are due
	c.tick()
	drainUntil(c, func() bool { return b.m.Counters.Timers > before }) // the wave has begun
	wave := simulateArrivals(c, many, func() bool { return len(b.tags) >= profiles })
	t.Logf("%d timers in %v of the machine's time beside %d events at 1,250/s: events waited p99 %v, at most %v; longest record %v",
		profiles, wave.busy.Round(time.Millisecond), len(wave.waits), wave.quantile(0.99), wave.quantile(1), wave.longest.Round(time.Microsecond))
	if wave.most > c.dep.TimersPerRecord+schemas.ItemsPerRecord {
		t.Errorf("%d timers in one record, at most %d and those of its own events", wave.most, c.dep.TimersPerRecord)
	}
	if wave.between > 1 {
		t.Errorf("%d records of the wave between two records of events that were there: one Continue is in flight", wave.between)
	}
}

// arrivals is what a machine did while events came.
type arrivals struct {
	busy, longest time.Duration
	waits         []time.Duration // of events, from their arrival in the log until they were applied
	most, between int             // timers in one record; records without events between two with
}

func (a *arrivals) quantile(q float64) time.Duration {
	slices.Sort(a.waits)
	return a.waits[int(q*float64(len(a.waits)-1))].Round(time.Microsecond)
}

// arrivalStep is the time between two records of 50 events at 1,250 events a second.
const arrivalStep = 40 * time.Millisecond

// simulateArrivals applies the log while a record of 50 events arrives every 40 ms, in a time that passes
// only while the machine works: so other work of the host does not show.
func simulateArrivals(c *cluster, many func(string, int, int), done func() bool) (a arrivals) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := c.members[0]
	arrived := map[int64]time.Duration{} // offset of a record of events
	sent, since := 0, 0
	for !done() {
		for ; time.Duration(sent)*arrivalStep <= a.busy; sent++ {
			arrived[int64(len(b.log))] = time.Duration(sent) * arrivalStep
			many("event", sent*schemas.ItemsPerRecord, schemas.ItemsPerRecord)
		}
		at, fired := b.next, b.m.Counters.Timers
		waiting := false
		for offset := range arrived {
			waiting = waiting || offset >= at
		}
		start := threadTime(c.t)
		if !c.step(0) {
			a.busy = time.Duration(sent) * arrivalStep // idle until the next record of events
			continue
		}
		took := threadTime(c.t) - start
		a.busy += took
		a.longest = max(a.longest, took)
		a.most = max(a.most, int(b.m.Counters.Timers-fired))
		if came, ok := arrived[at]; ok {
			for range schemas.ItemsPerRecord {
				a.waits = append(a.waits, a.busy-came)
			}
			delete(arrived, at)
			since = 0
		} else if waiting {
			if since++; since > a.between {
				a.between = since
			}
		}
	}
	return a
}

// threadTime is the CPU time of this goroutine's thread, which it is locked to.
func threadTime(t testing.TB) time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var r syscall.Rusage
	if err := syscall.Getrusage(thread, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func drain(c *cluster) { drainUntil(c, func() bool { return false }) }

func drainUntil(c *cluster, done func() bool) {
	for !done() && c.step(0) {
	}
}

// TestSharedDevice lets 1,500 people use one device at once, all over three partitions: it stays with whom
// it came to first, nobody is joined with anybody, and what each of them remembers of it is bounded.
func TestSharedDevice(t *testing.T) {
	const people = 1_500
	c := newCluster(t, 9, 3, fmt.Sprintf(shopCatalog, "{}"), nil)
	for k := range people {
		c.event(0, fmt.Sprintf("e%d", k), "view", c.clock, fmt.Sprintf("customer_id:%d", k), "device_id:tablet")
	}
	c.rest()
	for k := range people { // again, and the other way round
		c.event(1, fmt.Sprintf("f%d", k), "buy", c.clock, fmt.Sprintf("customer_id:%d", people-1-k), "device_id:tablet")
	}
	c.rest()
	c.checkIdle()
	owners, events := 0, int64(0)
	for _, b := range c.members {
		events += b.m.Counters.Events
		for _, r := range machine.Roots(b.m) {
			customers := 0
			for _, id := range r.Members {
				if schemas.BaseType(id) == "customer_id" {
					customers++
				} else if id == "device_id:tablet" {
					owners++
				}
			}
			if customers > 1 {
				t.Fatalf("%d people in one profile: %v", customers, r.Members)
			}
			if len(r.Refused) > c.dep.LinksRemembered || len(r.Linking) > c.dep.LinksRemembered {
				t.Fatalf("%d refusals and %d links, at most %d", len(r.Refused), len(r.Linking), c.dep.LinksRemembered)
			}
		}
	}
	if owners != 1 || events != 2*people {
		t.Errorf("the device has %d owners, %d of %d events were counted", owners, events, 2*people)
	}
	if len(c.faults) > 0 {
		t.Error(c.faults)
	}
}
