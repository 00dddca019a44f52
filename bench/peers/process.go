package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is a child with its log file.
type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer // open as long as it is to live
	log    string
	exited chan struct{}
	err    error // how it ended; set before exited is closed
}

// launch starts a command that says what it says into a log file.
func launch(command []string, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own copy
	p := &process{cmd: exec.Command(command[0], command[1:]...), log: log, exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = out, out, childAttributes()
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the death signal of a child is tied to the thread that started it
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, <-started
}

const (
	startLimit = 2 * time.Minute
	startPoll  = 20 * time.Millisecond
	stopLimit  = 40 * time.Second
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
		case <-p.exited:
			return fmt.Errorf("it ended while starting: %v: %s", p.cmd.ProcessState, p.said())
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w: %w: %s", why, ctx.Err(), p.said())
		case <-time.After(startPoll):
		}
	}
}

// pid is the process's number.
func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process as an operator would: it is asked by a signal, or by the end of its stdin. One that does not
// end well or in time is an error; it is gone in any case.
func (p *process) stop(bySignal bool) error {
	if bySignal {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("it has ended by itself: %w: %s", err, p.said())
		}
	} else {
		_ = p.stdin.Close() // fails only if it is gone
	}
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-p.exited:
		_ = p.stdin.Close() // nobody reads it any more
		if p.err != nil {
			return fmt.Errorf("it did not end well: %w: %s", p.err, p.said())
		}
		return nil
	case <-timer.C:
		p.kill()
		return fmt.Errorf("still there after %v; killed: %s", stopLimit, p.said())
	}
}

// kill ends the process at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only for a process that is gone
	<-p.exited
	_ = p.stdin.Close() // nobody reads it any more
}

// said is the end of the log.
func (p *process) said() string {
	const most = 2000
	text, err := os.ReadFile(p.log)
	if errors.Is(err, os.ErrNotExist) {
		return "it said nothing"
	}
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-most):]))
}
