package fleet

import (
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

// Process is a child of ours with its log file. Its methods are called by one goroutine at a time; Exited by any.
type Process struct {
	cmd    *exec.Cmd
	stdin  io.Closer // open as long as we live
	log    string
	exited chan struct{}
	err    error // how it ended; set before exited is closed
}

// Launch starts a command, which says what it says into a log file, behind what earlier ones said.
func Launch(command []string, log string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own copy
	p := &Process{cmd: exec.Command(command[0], command[1:]...), log: log, exited: make(chan struct{})}
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

// ErrEnded says that a part ended by itself while it was started.
var ErrEnded = errors.New("it ended while starting")

// EndedEarly is the error of a process that did; exited is closed.
func (p *Process) EndedEarly() error {
	return fmt.Errorf("%w: %v: %s", ErrEnded, p.cmd.ProcessState, p.Said())
}

// Kill is kill -9; the process is gone when it returns.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only for a process that is gone
	<-p.exited
	_ = p.stdin.Close() // nobody reads it any more
}

// StopLimit is how soon a process must have ended after SIGTERM. A node under load makes its last checkpoint and leaves its
// groups in one or two seconds; beside others that catch up it takes its time.
const StopLimit = 20 * time.Second

// Stop asks the process to end, which it must do well and soon.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.EndWithin(StopLimit)
}

// CloseInput ends the process's stdin: what asks one to end that does not hear signals.
func (p *Process) CloseInput() { _ = p.stdin.Close() } // fails only if it is gone

// EndWithin waits for a process that was asked to end. One that does not end well or in time is an error; it is gone in any case.
func (p *Process) EndWithin(limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
		_ = p.stdin.Close() // nobody reads it any more
		if p.err != nil {
			return fmt.Errorf("it was asked to end: %w: %s", p.err, p.Said())
		}
		return nil
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("still there %v after it was asked to end; killed: %s", limit, p.Said())
	}
}

// Signal sends a signal to a process that must be there.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %v: %w", s, err)
	}
	return nil
}

// PID is the kernel's number of it.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended in whatever way, and said what it said last.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Said is the end of the log.
func (p *Process) Said() string { return Tail(p.log) }

// Tail is the end of a log file.
func Tail(file string) string {
	const most = 1500
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return "it said nothing"
	}
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-most):]))
}
