package pipeline

import (
	"context"
	"time"
)

// restLimit bounds the last checkpoint. Usually it takes an acknowledgement and a commit, some
// milliseconds; a broker or a disk that is away must hold up neither a rebalance (10 s) nor a stop.
const restLimit = 2 * time.Second

// rest makes a last checkpoint of everything applied, so that the next owner repeats nothing, and who
// looks at the directory of a stopped service sees its last state. It may give up at any point: what
// is not committed is repeated from the log, as after a crash.
func (d *machineDriver) rest() {
	ctx, cancel := context.WithTimeout(context.Background(), restLimit)
	defer cancel()
	if d.release(ctx, d.hold.all()) != nil {
		return
	}
	for {
		d.cutAt = time.Time{} // due
		d.checkpoint()
		if d.step.cut == nil {
			return // nothing was applied since the newest checkpoint
		}
		select {
		case <-d.wake:
		case err := <-d.commits:
			if d.commitDone(err) != nil || err != nil {
				return // superseded, or the disk is full: the log has everything
			}
		case <-ctx.Done():
			return
		}
	}
}
