package drive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"portrait/bench"
)

// drainMost bounds how long a backlog may take.
const drainMost = 20 * time.Minute

// Drained watches a backlog of skip and then n events being counted, and returns the time that the n took: from when
// skip were counted until all are.
func (d *Driver) Drained(ctx context.Context, skip, n int64) (Window, error) {
	if !d.tells() {
		return Window{}, errors.New("a deployment that does not tell what it counted cannot be timed")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, drainMost, fmt.Errorf("the backlog was not drained within %v", drainMost))
	defer cancel()
	var before edge
	from := int64(-1)
	for {
		counted := d.counted()
		if from < 0 && counted >= skip {
			before, from = d.edge(), counted
		}
		if counted >= skip+n {
			if 2*(counted-from) < n {
				return Window{}, fmt.Errorf("of %d events %d were counted between two looks at the deployment: too few to be timed; raise --backlog", n, n-(counted-from))
			}
			return d.drainWindow(before, d.edge(), counted-from), d.Err()
		}
		if err := bench.Pause(ctx, 5*time.Millisecond); err != nil {
			return Window{}, fmt.Errorf("%d of %d events are counted: %w", counted, skip+n, err)
		}
	}
}

func (d *Driver) drainWindow(before, after edge, events int64) Window {
	w := Window{Seconds: after.at.Sub(before.at).Seconds(), Planned: events, HandedOver: events, Kept: true,
		Changes: after.changes - before.changes, CPU: map[string]float64{}, CPUCores: map[string]float64{}}
	for name, t := range after.cpu {
		used := t - before.cpu[name]
		w.CPU[name], w.CPUCores[name] = float64(used.Microseconds())/float64(max(1, events)), used.Seconds()/w.Seconds
	}
	return w
}
