package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"golang.org/x/term"

	"portrait/bench"
	"portrait/bench/latency"
	"portrait/bench/ledger"
	"portrait/bench/live"
	"portrait/sinks/clickhouse"
)

// frame is what the view shows at one moment.
type frame struct {
	elapsed, duration time.Duration
	rate              float64 // events/s since the frame before
	sent, planned     int64
	stored            int64
	changes           int64
	merges            int64
	event, timer      bench.Latency // of the last second
	fresh             bench.Latency
	inboxLag          int64
	eventsLag         int64
	watermarkAge      time.Duration
	moves             map[string]live.Moves
	funnel            []clickhouse.FunnelStep
	phase             string
}

// funnelSteps are the steps of the funnel shown live.
var funnelSteps = []string{"product_viewed", "cart_added", "order_paid"}

// frames measures a frame per second until ctx ends.
func (d *demo) frames(ctx context.Context, show func(frame)) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	var before int64
	last := time.Now()
	var funnel []clickhouse.FunnelStep
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if n%2 == 1 {
			if f, err := clickhouse.Funnel(ctx, d.service.conn, funnelSteps, ledger.FunnelWindow, d.begin.Add(-time.Minute), time.Time{}); err == nil {
				funnel = f
			}
		}
		now := time.Now()
		f := d.frame(now)
		f.rate, f.funnel = float64(f.sent-before)/now.Sub(last).Seconds(), funnel
		before, last = f.sent, now
		show(f)
	}
}

func (d *demo) frame(now time.Time) frame {
	f := frame{elapsed: now.Sub(d.begin), duration: d.o.duration, sent: d.sender.Sent(), planned: int64(d.plan.Planned()),
		moves: d.watcher.Moves(), event: d.latency.Recent(latency.Event), timer: d.latency.Recent(latency.Timer),
		fresh: d.latency.Total(latency.Freshness), phase: d.phase}
	f.changes, _ = d.watcher.Kept()
	f.stored = d.latency.Count(latency.Freshness)
	for _, m := range d.service.node.Status().Machines {
		f.inboxLag += max(0, m.High-m.Position)
		f.merges += m.Counters.Merges
		f.watermarkAge = max(f.watermarkAge, time.Duration(now.UnixMilli()-m.Watermark)*time.Millisecond)
	}
	for _, r := range d.service.node.Status().Routers {
		f.eventsLag += max(0, r.High-r.Position)
	}
	return f
}

// view shows the run while the shop is open: a moving picture on a terminal, else a line per second.
// The function returned ends it.
func (d *demo) view(ctx context.Context, interrupt func()) func() {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	if d.o.json || !term.IsTerminal(int(os.Stderr.Fd())) {
		done.Add(1)
		go func() {
			defer done.Done()
			d.frames(ctx, func(f frame) {
				fmt.Fprintf(d.out, "%4.0f s  %7.0f events/s  %8d sent  %7d tag changes  event→tag p50 %6.1f p99 %6.1f ms\n",
					f.elapsed.Seconds(), f.rate, f.sent, f.changes, f.event.P50, f.event.P99)
			})
		}()
		return func() { cancel(); done.Wait() }
	}
	program := tea.NewProgram(newPicture(d), tea.WithOutput(os.Stderr), tea.WithAltScreen(), tea.WithoutSignalHandler())
	done.Add(2)
	go func() {
		defer done.Done()
		d.frames(ctx, func(f frame) { program.Send(f) })
	}()
	go func() {
		defer done.Done()
		m, err := program.Run()
		if p, ok := m.(*picture); err == nil && ok && p.quit {
			interrupt()
		}
	}()
	return func() { cancel(); program.Quit(); done.Wait() }
}
