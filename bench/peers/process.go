package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"portrait/bench/fleet"
)

// process is one of the applications.
type process struct {
	*fleet.Process
	log string
}

// launch starts a command that says what it says into a log file, which begins anew: what is in it says that the
// application is ready.
func launch(command []string, log string) (*process, error) {
	if err := os.Remove(log); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	p, err := fleet.Launch(command, log)
	if err != nil {
		return nil, err
	}
	return &process{p, log}, nil
}

const (
	startLimit = 2 * time.Minute
	startPoll  = 20 * time.Millisecond
	stopLimit  = 40 * time.Second // Kafka Streams closes its stores; Portrait makes its last checkpoints
)

// await asks until ready says nothing more.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		why := ready(ctx)
		if why == nil {
			return nil
		}
		select {
		case <-p.Exited():
			return p.EndedEarly()
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w: %w: %s", why, ctx.Err(), p.Said())
		case <-time.After(startPoll):
		}
	}
}

// pid is the process's number.
func (p *process) pid() int { return p.PID() }

// stop ends the process as an operator would: it is asked by a signal, or by the end of its stdin. One that does not
// end well or in time is an error; it is gone in any case.
func (p *process) stop(bySignal bool) error {
	if !bySignal {
		p.CloseInput()
	} else if err := p.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("it has ended by itself: %w: %s", err, p.Said())
	}
	return p.EndWithin(stopLimit)
}

// kill ends the process at once.
func (p *process) kill() { p.Kill() }
