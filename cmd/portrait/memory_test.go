package main

import (
	"context"
	"math"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

func TestHeapLimit(t *testing.T) {
	for _, c := range []struct {
		cacheMB int
		live    uint64
		want    int64
	}{
		{0, 0, 3584 << 20},
		{256, 700 << 20, 2048 << 20},
		{256, 1500 << 20, 3000 << 20}, // something else is large: the embedded broker's index of what it keeps
		{1 << 20, 0, 2<<40 + 1536<<20},
	} {
		if got := heapLimit(c.cacheMB, c.live); got != c.want {
			t.Errorf("%d MiB of cache, %d bytes live: %d, want %d", c.cacheMB, c.live, got, c.want)
		}
	}
}

// TestBoundHeap: the limit holds while a service runs, and the environment's counts.
func TestBoundHeap(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	during := func() (limit int64) {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- boundHeap(ctx, 256) }()
			time.Sleep(limitEvery + time.Second) // of the bubble's clock
			limit = debug.SetMemoryLimit(-1)
			stop()
			if err := <-ended; err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
		return limit
	}
	t.Setenv("GOMEMLIMIT", "")
	if got := during(); got != 2048<<20 {
		t.Errorf("limit %d while the service runs", got)
	}
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("limit %d behind it", got)
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	if got := during(); got != math.MaxInt64 {
		t.Errorf("limit %d although the environment has one", got)
	}
}
