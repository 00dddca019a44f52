package torture

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"portrait/bench/fleet"
)

// victim is a part with the supervisor that any deployment has: what ended without being asked is started again, and
// written down.
type victim struct {
	name     string
	class    Class
	part     part
	torturer *torturer
	downTill atomic.Int64 // ns since 1970: when it was of no use last; inUse and outOfUse write it

	turn chan struct{} // holds one while the part is struck, or brought up again; guards live
	live bool          // it is meant to run
}

// take waits for the turn; the function returned gives it back.
func (v *victim) take() func() {
	v.turn <- struct{}{}
	return func() { <-v.turn }
}

func (v *victim) outOfUse() { v.downTill.Store(math.MaxInt64) }
func (v *victim) inUse()    { v.downTill.Store(time.Now().UnixNano()) }

// usedSince reports whether the part has been of use since an instant.
func (v *victim) usedSince(at time.Time) bool { return v.downTill.Load() < at.UnixNano() }

// again is the pause before a start that failed is tried again.
const again = 500 * time.Millisecond

// up starts the part, as often as it takes while others are down, and watches it. The caller has the turn.
func (v *victim) up(ctx context.Context) error {
	limit := time.Now().Add(fleet.StartLimit)
	for {
		attempt := time.Now()
		err := v.part.start(ctx)
		if err == nil {
			v.live = true
			v.inUse()
			go v.supervise(ctx, v.part.ended())
			return nil
		}
		if ctx.Err() != nil || time.Now().After(limit) {
			return err
		}
		if errors.Is(err, fleet.ErrEnded) && !v.torturer.broker.usedSince(attempt) {
			v.torturer.mu.Lock()
			v.torturer.refused++
			v.torturer.mu.Unlock()
		} else {
			v.torturer.note("%s did not start: %v", v.name, err)
			_ = v.part.kill() // it may hang in its start
		}
		if pause(ctx, again) != nil {
			return ctx.Err()
		}
	}
}

// supervise starts the part again if it ends while it is meant to run.
func (v *victim) supervise(ctx context.Context, ended <-chan struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-ended:
	}
	defer v.take()()
	if !v.live || v.part.ended() != ended || ctx.Err() != nil {
		return // it was struck, or the run is over
	}
	v.live = false
	v.outOfUse()
	v.torturer.note("%s ended by itself: %s", v.name, v.part.said())
	if err := v.up(ctx); err != nil && ctx.Err() == nil {
		v.torturer.note("%s does not come back: %v", v.name, err)
	}
}

// strike does what the fault says and returns when the part is of use again. begun is called the instant before.
func (v *victim) strike(ctx context.Context, f Fault, begun func(time.Time)) error {
	defer v.take()()
	if !v.live {
		return fmt.Errorf("%s is down already", v.name)
	}
	v.outOfUse()
	begun(time.Now())
	if f.Kind == Freeze {
		return v.freeze(ctx, f.Away)
	}
	v.live = false
	end := v.part.kill
	if f.Kind == Restart {
		end = v.part.stop
	}
	if err := end(); err != nil {
		v.torturer.note("%s: %s: %v", v.name, f.Kind, err)
	}
	if err := pause(ctx, f.Away); err != nil {
		return err
	}
	return v.up(ctx)
}

// freeze lets the part stand still. One that wakes up to a world without it may end; that is a note of the supervisor's.
func (v *victim) freeze(ctx context.Context, d time.Duration) error {
	if err := v.part.freeze(); err != nil {
		return err
	}
	err := pause(ctx, d)
	err = errors.Join(v.part.thaw(), err)
	v.inUse()
	return err
}

// end ends the part for good.
func (v *victim) end() {
	defer v.take()()
	if v.live {
		v.live = false
		_ = v.part.thaw() // in case that the run was interrupted
		_ = v.part.kill() // it has done its work
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
