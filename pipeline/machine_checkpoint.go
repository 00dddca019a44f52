package pipeline

import (
	"errors"
	"fmt"
	"time"

	"portrait/profile/machine"
	"portrait/profile/store"
)

// Cut when so much has changed, or when this long has passed. Not sooner: a profile that is active is
// serialised and written once per cut, whatever happened to it in between; with a second or two between
// cuts that was a third of all CPU at 20,000 events/s. Not later: a crash repeats what came since, 7 MiB
// hold the machine up for some 20 ms, and more would not fit one transaction of the store (15 % of
// store.Options.MemTable), which then writes everything three times.
const (
	cutBytes    = 7 << 20
	cutChanges  = 75_000 // of the 104,000 of such a transaction; the step that goes beyond needs the rest
	cutInterval = 10 * time.Second
	diskRetry   = time.Second // between tries while the disk is full
	// maxUncut bounds memory when checkpoints cannot be committed (a full disk, a broker away): the
	// machine then waits instead of applying more.
	maxUncut = 200_000
	// maxOwed bounds outputs that are not acknowledged; producers' queues are bounded as well.
	maxOwed = 100_000
)

// CutDue reports whether so much has changed that the next checkpoint should not wait for its interval.
func CutDue(m *machine.Machine) bool {
	return m.UncutChanges() >= cutChanges || m.UncutBytes() >= cutBytes
}

// checkpoint tells the step what was acknowledged, cuts when it is time, and starts a commit. Only
// two tickets can be open at once, because only one cut can be on its way.
func (d *machineDriver) checkpoint() {
	for i := range d.acked {
		if n := d.acked[i].Swap(0); n > 0 {
			ticket := d.step.ticket
			if ticket&1 != int64(i) {
				ticket--
			}
			d.step.Acked(ticket, int(n))
		}
	}
	if CutDue(d.step.Machine()) || time.Since(d.cutAt) >= d.node.pace.interval {
		if d.step.cut == nil {
			d.cutAt = time.Now()
			d.step.Cut()
		}
	}
	if time.Now().Before(d.retryAt) {
		return
	}
	if due := d.step.Due(); due != nil {
		d.committing = true
		go func() {
			c := due.Checkpoint()
			err := d.db.Commit(c)
			if err == nil {
				d.node.keeper.committed(d.partition, c)
			}
			d.commits <- err
		}()
	}
}

// commitDone takes the store's answer. A full disk is waited out; a handle that was superseded ends
// this owner, whose outputs are the same as its successor's.
func (d *machineDriver) commitDone(err error) error {
	d.committing = false
	switch {
	case err == nil:
		d.committed, d.trouble = time.Now(), ""
		d.node.machines.Commit(d.partition, d.step.cut.Position)
		d.step.Committed()
		return nil
	case errors.Is(err, store.ErrDiskFull):
		if d.trouble == "" { // once, not each time: the log may be on the same disk
			d.node.trouble("checkpoint", err)
		}
		d.trouble = err.Error()
		d.step.Refused()
		d.retryAt = time.Now().Add(diskRetry)
		return nil
	default:
		return fmt.Errorf("inbox %d: checkpoint: %w", d.partition, err)
	}
}
