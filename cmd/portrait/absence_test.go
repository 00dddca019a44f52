package main

import (
	"syscall"
	"testing"
	"time"
)

// pauseTime is how long a machine stands still; below the session timeout, so nobody takes its partitions over.
const pauseTime = 5 * time.Second

// One of two nodes stands still under load while the other goes on, reads and ticks. What the sleeper has not read yet
// must not make anybody absent: the checker compares each absence with what was sent.
func TestPausedNode(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of load: not with -short")
	}
	needEngine(t)
	t.Parallel()
	p := startParts(t, "")
	data, config := p.node(t, "awake")
	startProcess(t.Context(), t, data, config)
	data, config = p.node(t, "sleeper")
	sleeper := startProcess(t.Context(), t, data, config)
	f := newFeeder(t.Context(), t, loadRate, loadDuration, 7)
	f.connect(t, []string{p.broker})
	f.start()
	for range 2 {
		if err := pause(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		sleeper.signal(t, syscall.SIGSTOP)
		if err := pause(t.Context(), pauseTime); err != nil {
			t.Fatal(err)
		}
		sleeper.signal(t, syscall.SIGCONT)
	}
	f.wait(t)
	openWorld(t, f, p.engine.DSN(), p.keyFile).judge(t)
}
