package main

import (
	"cmp"
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"portrait/pipeline"
)

// What the heap may take: the profiles in memory twice, and beside them the tables of the store and what builds them, fetched
// records, and blocks for ClickHouse, of which 0.6 GB were live at once at 30,000 events/s. Four times what is live, which
// is when garbage is collected, would be 4 GB where 2 will do: a table that is being built is 120 MB for a second, and
// each time it happened to be there the heap grew by half a gigabyte and stayed.
const (
	besideProfiles = 1536 << 20
	limitEvery     = 10 * time.Second
)

// heapLimit is a soft limit in bytes, never so tight that collecting would be all that the process does.
func heapLimit(cacheMB int, live uint64) int64 {
	return max(2*cmp.Or(int64(cacheMB)<<20, pipeline.DefaultCacheBytes)+besideProfiles, 2*int64(live))
}

// boundHeap keeps the runtime's limit at heapLimit until ctx ends, unless GOMEMLIMIT says what it is.
func boundHeap(ctx context.Context, cacheMB int) error {
	if os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}} // as of the last collection
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	tick := time.NewTicker(limitEvery)
	defer tick.Stop()
	for {
		metrics.Read(live)
		debug.SetMemoryLimit(heapLimit(cacheMB, live[0].Value.Uint64()))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
