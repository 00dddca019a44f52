package main

import (
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"portrait/schemas"
)

// How hard the shop presses, and for how long: longer than the process needs to be ended as often as below.
const (
	loadPartitions = 4   // of portrait.events, the default
	loadRate       = 400 // events per second
	loadDuration   = 40 * time.Second
)

// ends is how a process ends, time after time, in one run.
var ends = [...]syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL, syscall.SIGKILL, syscall.SIGKILL}

// stopWithin is how soon a process must have ended after SIGTERM.
const stopWithin = 10 * time.Second

// kill -9 under load of a node whose broker and ClickHouse belong to the test: nothing lost, nothing doubled.
func TestKilledNode(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute of load: not with -short")
	}
	needEngine(t)
	// Not parallel: with three more engines on two cores the embedded one aborts when its client is killed.
	p := startParts(t, "")
	data, config := p.node(t, "node", loadPartitions)
	seed, work := moments(t)
	node := startProcess(t.Context(), t, data, config)
	f := newFeeder(t.Context(), t, loadPartitions, loadRate, loadDuration, seed)
	f.connect(t, []string{p.broker})
	f.start()
	for n, end := range ends {
		work(f, node, n)
		node.end(t, end)
		node = startProcess(t.Context(), t, data, config)
	}
	f.wait(t)
	openWorld(t, f, p.engine.DSN(), p.keyFile).judge(t)
}

// kill -9 under load of everything at once: broker, engine and state die together and start again on the same
// directory. What the broker had not acknowledged the shop sends again, as any careful producer does.
func TestKilledService(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute of load: not with -short")
	}
	needEngine(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	config := writeConfig(t, data, "")
	seed, work := moments(t)
	service := startProcess(t.Context(), t, data, config)
	f := newFeeder(t.Context(), t, loadPartitions, loadRate, loadDuration, seed)
	f.connect(t, service.Running.Brokers)
	f.start()
	for n, end := range ends {
		work(f, service, n)
		service.end(t, end)
		f.disconnect()
		service = startProcess(t.Context(), t, data, config)
		f.connect(t, service.Running.Brokers) // the port may be another one
	}
	f.wait(t)
	openWorld(t, f, service.Running.ClickHouse, filepath.Join(data, "key")).judge(t)
}

// moments returns what lets a process work until a random moment; the seed is printed. Every other time it may catch up
// first, so that a slow machine is behind by two stops at most: what is ambiguous about a shared tablet is settled by
// eight seconds between its guests.
func moments(t *testing.T) (seed uint64, work func(f *feeder, p *process, n int)) {
	t.Helper()
	seed = uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	return seed, func(f *feeder, p *process, n int) {
		t.Helper()
		for limit := time.Now().Add(startLimit); n%2 == 0 && !p.current(t); waitUntil(t, time.Now().Add(50*time.Millisecond)) {
			if time.Now().After(limit) {
				t.Fatalf("does not catch up within %v", startLimit)
			}
		}
		waitUntil(t, time.Now().Add(200*time.Millisecond+time.Duration(random.Int64N(int64(4*time.Second)))))
		t.Logf("%v into the run: %v", time.Since(f.begin).Round(time.Millisecond), f)
	}
}

// current reports whether the clocks of all inbox partitions are where the wall's is.
func (p *process) current(t *testing.T) bool {
	t.Helper()
	ages := p.metrics(t, "portrait_watermark_age_seconds")
	for _, age := range ages {
		if age > 1.5 {
			return false
		}
	}
	return len(ages) == schemas.DefaultDeployment().InboxPartitions
}

// end ends a process by SIGKILL, or by SIGTERM, which it must answer soon and well.
func (p *process) end(t *testing.T, s syscall.Signal) {
	t.Helper()
	began := time.Now()
	p.signal(t, s)
	select {
	case <-p.exited:
	case <-time.After(stopWithin):
		t.Fatalf("still there %v after %v", stopWithin, s)
	}
	t.Logf("%v: ended after %v: %v", s, time.Since(began).Round(time.Millisecond), p.err)
	if s == syscall.SIGTERM && p.err != nil {
		t.Errorf("after SIGTERM: %v", p.err)
	}
}
