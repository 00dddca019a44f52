package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"portrait/bench/latency"
)

// view prints a line per second while the shop is open; the function returned stops it.
func (d *demo) view(ctx context.Context) func() {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		t := time.NewTicker(time.Second)
		defer t.Stop()
		before := int64(0)
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			sent := d.sender.Sent()
			l := d.latency.Recent(latency.Event)
			kept, _ := d.watcher.Kept()
			fmt.Fprintf(d.out, "%4.0f s  %7d events/s  %8d sent  %7d tag changes  event→tag p50 %6.1f p99 %6.1f ms\n",
				time.Since(d.begin).Seconds(), sent-before, sent, kept, l.P50, l.P99)
			before = sent
		}
	}()
	return func() { cancel(); done.Wait() }
}
