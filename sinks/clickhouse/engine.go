package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// EngineConfig says where the embedded ClickHouse keeps its data and where it listens.
type EngineConfig struct {
	Dir      string    // data, created if absent; one engine at a time
	Log      io.Writer // download progress and what the engine says on stderr; nil: dropped
	TCPPort  int       // native protocol on 127.0.0.1; 0: a free port
	HTTPPort int       // HTTP on 127.0.0.1; 0: a free port
}

// startLimit bounds how long an engine may take to answer: 0.2 s is usual, loading a big data
// directory on a busy machine takes several.
const startLimit = 90 * time.Second

// stopLimit bounds a clean end, which takes 20 ms unless somebody's client is still connected: then
// the engine waits 5 s for it to go. A kill loses nothing that was acknowledged, so we do not.
const stopLimit = 2 * time.Second

// Engine is a running embedded ClickHouse: a child process that serves the native protocol and HTTP
// on loopback until Close, or until this process ends in whatever way.
type Engine struct {
	addr, httpAddr string
	pid            int
	stdin          io.WriteCloser
	tail           *tailWriter
	done           chan struct{} // closed once the child has been reaped
	err            error         // how it ended; set before done is closed
	mu             sync.Mutex
	closing        bool
}

// StartEngine fetches the engine if this user does not have it yet, starts it and waits until it
// answers. The child is this very executable, so its main must begin with IsChild and ChildMain. A
// directory that another engine still holds is waited for (a killed one needs a moment to go).
func StartEngine(ctx context.Context, c EngineConfig) (*Engine, error) {
	if c.Dir == "" {
		return nil, errors.New("clickhouse engine: no data directory given")
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	library, err := FetchEngine(ctx, c.Log)
	if err != nil {
		return nil, fmt.Errorf("clickhouse engine: %w", err)
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("clickhouse engine: data directory: %w", err)
	}
	if err := writeServerConfig(dir); err != nil {
		return nil, fmt.Errorf("clickhouse engine: %w", err)
	}
	for attempt := 1; ; attempt++ {
		e, err := startOnce(ctx, c, dir, library)
		// A free port can be taken between choosing it and listening on it: choose again.
		if err == nil || attempt == 3 || ctx.Err() != nil || c.TCPPort != 0 && c.HTTPPort != 0 {
			return e, err
		}
	}
}

func startOnce(ctx context.Context, c EngineConfig, dir, library string) (*Engine, error) {
	tcp, http, err := choosePorts(c.TCPPort, c.HTTPPort)
	if err != nil {
		return nil, fmt.Errorf("clickhouse engine: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("clickhouse engine: own executable: %w", err)
	}
	cmd := exec.Command(self, ChildArg, library, dir, strconv.Itoa(tcp), strconv.Itoa(http))
	cmd.SysProcAttr = childAttributes()
	e := &Engine{
		addr:     net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp)),
		httpAddr: net.JoinHostPort("127.0.0.1", strconv.Itoa(http)),
		tail:     &tailWriter{to: c.Log},
		done:     make(chan struct{}),
	}
	cmd.Stderr = e.tail
	if e.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("clickhouse engine: stdin: %w", err)
	}
	if err := e.spawn(cmd); err != nil {
		return nil, fmt.Errorf("clickhouse engine: start child: %w", err)
	}
	if err := e.await(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// spawn starts the child and watches it from one goroutine that keeps its thread: the death signal
// of a child is tied to the thread that started it, not to the process.
func (e *Engine) spawn(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			e.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		e.reap(cmd.Wait())
	}()
	return <-started
}

func (e *Engine) reap(err error) {
	e.mu.Lock()
	closing := e.closing
	e.mu.Unlock()
	switch {
	case closing: // asked for, cleanly or by the kill of a Close that took too long
	case err == nil:
		e.err = fmt.Errorf("clickhouse engine (process %d) ended by itself: %s", e.pid, e.tail.last())
	default:
		e.err = fmt.Errorf("clickhouse engine (process %d): %w: %s", e.pid, err, e.tail.last())
	}
	close(e.done)
}

// await returns once the engine answers a query.
func (e *Engine) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	conn, err := ch.Open(&ch.Options{Addr: []string{e.addr}, DialTimeout: time.Second, MaxOpenConns: 1})
	if err != nil {
		return fmt.Errorf("clickhouse engine: %w", err)
	}
	defer conn.Close()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		err := conn.Ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-e.done:
			return errors.New("clickhouse engine did not start")
		case <-ctx.Done():
			return fmt.Errorf("clickhouse engine does not answer on %s: %w: %s", e.addr, err, e.tail.last())
		case <-retry.C:
		}
	}
}

// Addr returns host:port of the native protocol.
func (e *Engine) Addr() string { return e.addr }

// HTTPAddr returns host:port of the HTTP interface.
func (e *Engine) HTTPAddr() string { return e.httpAddr }

// ports returns what Addr and HTTPAddr end with.
func (e *Engine) ports() (tcp, http int, err error) {
	for addr, to := range map[string]*int{e.addr: &tcp, e.httpAddr: &http} {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return 0, 0, err
		}
		if *to, err = strconv.Atoi(port); err != nil {
			return 0, 0, err
		}
	}
	return tcp, http, nil
}

// DSN returns the address for Connect and Migrate: user default, no password, database portrait.
func (e *Engine) DSN() string { return "clickhouse://default@" + e.addr + "/" + DefaultDatabase }

// PID returns the process id of the child.
func (e *Engine) PID() int { return e.pid }

// Done is closed when the engine has ended, expected or not; Err then says why.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Err returns how the engine ended: nil while it runs and after a clean Close.
func (e *Engine) Err() error {
	select {
	case <-e.done:
		return e.err
	default:
		return nil
	}
}

// Wait blocks until the engine has ended and returns Err.
func (e *Engine) Wait() error {
	<-e.done
	return e.err
}

// Close ends the engine by closing its stdin and waits for it; one that does not end in time is
// killed, which loses nothing that was acknowledged. Close may be called again. It returns an error
// if the engine had ended by itself before.
func (e *Engine) Close() error {
	e.mu.Lock()
	first := !e.closing
	e.closing = true
	e.mu.Unlock()
	if first {
		_ = e.stdin.Close() // fails only if the child is gone, and then e.err tells more
	}
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-e.done:
		return e.err
	case <-limit.C:
	}
	if err := e.Kill(); err != nil {
		return fmt.Errorf("clickhouse engine (process %d) neither ended nor could be killed: %w", e.pid, err)
	}
	<-e.done
	return nil
}

// Kill ends the engine at once, as a crash would; everything acknowledged is kept.
func (e *Engine) Kill() error {
	p, err := os.FindProcess(e.pid)
	if err != nil {
		return err
	}
	select {
	case <-e.done: // reaped: its number may belong to somebody else by now
		return nil
	default:
	}
	if err := p.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) { // it ended this instant, and will be reaped
		return err
	}
	return nil
}

// choosePorts replaces each 0 by a port that was free a moment ago.
func choosePorts(tcp, http int) (int, int, error) {
	ports := [2]int{tcp, http}
	for i, p := range ports {
		if p != 0 {
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, 0, fmt.Errorf("free port: %w", err)
		}
		defer l.Close() // both stay taken until the end, so they differ
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports[0], ports[1], nil
}

// tailWriter passes on what the engine says and keeps the end of it for error messages.
type tailWriter struct {
	mu  sync.Mutex
	to  io.Writer
	end []byte
}

const tailSize = 2048

// Write never fails: a full disk under the log must not stop the engine.
func (t *tailWriter) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, b...)
	if len(t.end) > tailSize {
		t.end = append(t.end[:0], t.end[len(t.end)-tailSize:]...)
	}
	_, _ = t.to.Write(b)
	return len(b), nil
}

func (t *tailWriter) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.end) == 0 {
		return "it said nothing"
	}
	return string(t.end)
}
