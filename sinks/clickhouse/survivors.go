package clickhouse

import (
	"context"
	"fmt"
	"time"
)

// survivors keeps the dictionary of merged profiles current from a goroutine of its own, so that
// storing never waits for it. A ClickHouse server reloads dictionaries by itself every few seconds;
// the embedded engine never does, so there this is what makes merges visible.
type survivors struct {
	server  *server
	trouble func(error)
	pause   time.Duration // after a failure; it doubles
	wake    chan struct{} // holds one: merges that come during a reload ask for one more
}

// pauseLimit bounds the pause between two failures: a user without the right to reload is told the
// remedy now and then, not all the time.
const pauseLimit = 5 * time.Minute

func newSurvivors(s *server, trouble func(error), pause time.Duration) *survivors {
	return &survivors{s, trouble, pause, make(chan struct{}, 1)}
}

// changed says that there are new merges, or may be.
func (s *survivors) changed() {
	select {
	case s.wake <- struct{}{}:
	default: // asked for already
	}
}

// rest is the pause after a reload that took so long, and the one before it so long. A reload reads all merges, so it takes at
// most a tenth of the time, however long it becomes. One that hung because the server stood still says nothing about
// that: the shorter of the two counts.
func rest(took, before time.Duration) time.Duration { return 9 * min(took, before) }

// run reloads when asked to, until ctx ends.
func (s *survivors) run(ctx context.Context) {
	failures, before := 0, time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		began := time.Now()
		err := s.server.reloadSurvivors(ctx)
		took := time.Since(began)
		pause := rest(took, before)
		before = took
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			pause = min(s.pause<<min(failures, 10), pauseLimit)
			failures++
			s.trouble(fmt.Errorf("%w; trying again in %s", err, pause))
			s.changed()
		} else {
			failures = 0
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}
