package torture

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

// process is a child of ours with its log file.
type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer // open as long as we live
	log    string
	exited chan struct{}
	err    error // how it ended; set before exited is closed
}

// launch starts a command, which says what it says into a log file, behind what earlier ones said.
func launch(command []string, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
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

// errEnded says that a part ended by itself while it was started.
var errEnded = errors.New("it ended while starting")

// endedEarly is the error of a process that did; exited is closed.
func (p *process) endedEarly() error {
	return fmt.Errorf("%w: %v: %s", errEnded, p.cmd.ProcessState, p.said())
}

// kill is kill -9; the process is gone when it returns.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only for a process that is gone
	<-p.exited
	_ = p.stdin.Close() // nobody reads it any more
}

// stopLimit is how soon a process must have ended after SIGTERM. A node under load makes its last checkpoint and leaves its
// groups in one or two seconds; beside others that catch up it takes its time.
const stopLimit = 20 * time.Second

// stop asks the process to end, which it must do well and soon.
func (p *process) stop() error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-p.exited:
		_ = p.stdin.Close() // nobody reads it any more
		if p.err != nil {
			return fmt.Errorf("after SIGTERM: %w: %s", p.err, p.said())
		}
		return nil
	case <-timer.C:
		p.kill()
		return fmt.Errorf("still there %v after SIGTERM; killed: %s", stopLimit, p.said())
	}
}

func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %v: %w", s, err)
	}
	return nil
}

// said is the end of the log.
func (p *process) said() string { return tail(p.log) }

func tail(file string) string {
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
