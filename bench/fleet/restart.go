package fleet

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"portrait/bench"
	"portrait/bench/drive"
)

// Kill says how a restart after kill -9 is measured.
type Kill struct {
	Rate    float64       // events per second meanwhile
	Before  time.Duration // load before the kill
	After   time.Duration // and after it; what waits then is waited for
	Repeats int
	Say     func(format string, args ...any)
}

// Restart kills a node and starts it again, time after time, while events go on, and sums it up in the report.
func (c *Cluster) Restart(ctx context.Context, d *drive.Driver, n *Node, k Kill, report *drive.Report) error {
	homes := d.Homes()
	for i := range k.Repeats {
		k.Say("waiting for the node to be at rest")
		if err := c.Rest(ctx); err != nil {
			return err
		}
		d.KeepArrivals()
		struck := make(chan struck, 1)
		go func() { struck <- c.strike(ctx, d, n, k.Before) }()
		windows, err := d.Run(ctx, drive.Stretch{Rate: k.Rate, Duration: k.Before + k.After, Windows: 1})
		s := <-struck
		if err == nil {
			err = s.err
		}
		if err != nil {
			return fmt.Errorf("restart %d: %w", i+1, err)
		}
		first, every := firstChanges(d.Arrivals(), s.killed, c.config.Partitions, homes)
		if first.IsZero() || every.IsZero() {
			return fmt.Errorf("restart %d: not every partition changed a tag within %v; raise --rate", i+1, k.After)
		}
		s.FirstTag, s.Partitions = first.Sub(s.launched).Seconds(), every.Sub(s.launched).Seconds()
		report.Restarts = append(report.Restarts, s.Restart)
		report.AddWindows(windows)
		report.Marks = append(report.Marks, drive.Mark{At: s.At, Text: "kill -9"}, drive.Mark{At: d.Seconds(s.launched) + s.Ready, Text: "ready"})
		k.Say("kill -9 %d: first tag %.2f s after the start (every partition %.2f), announced %.2f, open %.2f, caught up %.2f, ready %.2f s",
			i+1, s.FirstTag, s.Partitions, s.Announced, s.Owned, s.CaughtUp, s.Ready)
	}
	return nil
}

// struck is what came of one kill.
type struck struct {
	drive.Restart
	killed, launched time.Time
	err              error
}

// strike kills the node when its time has come, starts it, and watches it until it is ready.
func (c *Cluster) strike(ctx context.Context, d *drive.Driver, n *Node, after time.Duration) (s struck) {
	if s.err = bench.Pause(ctx, after); s.err != nil {
		return s
	}
	info, err := os.Stat(n.dir + ".log")
	if s.err = err; s.err != nil {
		return s
	}
	s.killed = time.Now()
	n.Process().Kill()
	s.launched = time.Now()
	s.At, s.Down = d.Seconds(s.killed), s.launched.Sub(s.killed).Seconds()
	if s.err = n.Launch(); s.err != nil {
		return s
	}
	watching, cancel := context.WithTimeout(ctx, StartLimit)
	defer cancel()
	if s.err = c.watch(watching, n, &s); s.err != nil {
		return s
	}
	said, _, err := n.LogSince(info.Size())
	s.err = err
	for line := range strings.Lines(said) {
		if len(s.Said) < saidLines {
			s.Said = append(s.Said, strings.TrimSpace(line))
		}
	}
	return s
}

// saidLines bounds how much of a log a report holds.
const saidLines = 60

// watchPoll is how often a node that comes up is asked; it costs the node a page of metrics each time.
const watchPoll = 20 * time.Millisecond

// watch notes when the node has done what.
func (c *Cluster) watch(ctx context.Context, n *Node, s *struck) error {
	since := func(at *float64) {
		if *at == 0 {
			*at = time.Since(s.launched).Seconds()
		}
	}
	for s.Ready == 0 || s.CaughtUp == 0 {
		if n.Announced() {
			since(&s.Announced)
		}
		if m, err := n.Metrics(ctx); err == nil {
			lags := m.Each["portrait_inbox_lag_records"]
			behind := 0.0
			for _, lag := range lags {
				behind = max(behind, lag)
			}
			if len(lags) == c.config.Partitions {
				since(&s.Owned)
				if behind <= restLag {
					since(&s.CaughtUp)
				}
			}
			if _, err := n.ask(ctx, "/readyz"); err == nil {
				since(&s.Ready)
			}
		}
		select {
		case <-n.Process().Exited():
			return n.Process().EndedEarly()
		case <-ctx.Done():
			return fmt.Errorf("%s after kill -9: not ready: %w", n.Name, ctx.Err())
		case <-time.After(watchPoll):
		}
	}
	return nil
}

// firstChanges returns when the first change was received that an event planned after an instant caused, and when each
// partition had had one; zero: never.
func firstChanges(list []drive.Arrival, after time.Time, partitions int, homes func(int64) int) (first, every time.Time) {
	seen := make([]time.Time, partitions)
	for _, a := range list {
		if a.Planned.Before(after) {
			continue
		}
		if p := homes(a.Event); seen[p].IsZero() || a.Received.Before(seen[p]) {
			seen[p] = a.Received
		}
	}
	for _, at := range seen {
		if at.IsZero() {
			every = time.Time{}
			continue
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	for _, at := range seen {
		if at.IsZero() {
			return first, time.Time{}
		}
		if at.After(every) {
			every = at
		}
	}
	return first, every
}
