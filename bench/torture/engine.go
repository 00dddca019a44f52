package torture

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"portrait/bench/fleet"
	"portrait/sinks/clickhouse"
)

// engine is the ClickHouse of all nodes. One that ends by itself is kept by its keeper, and counted: the embedded library
// aborts now and then when a client dies in the middle of a query.
type engine struct {
	config clickhouse.EngineConfig
	log    string
	kept   *clickhouse.Kept
	aborts atomic.Int64
}

func newEngine(c *Config) (*engine, error) {
	dir := filepath.Join(c.Dir, "clickhouse")
	e := &engine{log: dir + ".log"}
	out, err := os.OpenFile(e.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	e.config = clickhouse.EngineConfig{Dir: dir, Log: out}
	return e, nil
}

func (e *engine) start(ctx context.Context) (err error) {
	e.kept, err = clickhouse.KeepEngine(ctx, e.config, func(err error) {
		e.aborts.Add(1)
		fmt.Fprintln(e.config.Log, err) // a full disk under the log is the least of our worries
	})
	if err != nil {
		return fmt.Errorf("clickhouse: %w", err)
	}
	for addr, port := range map[string]*int{e.kept.Addr(): &e.config.TCPPort, e.kept.HTTPAddr(): &e.config.HTTPPort} {
		_, text, err := net.SplitHostPort(addr)
		if err != nil {
			return err
		}
		if *port, err = strconv.Atoi(text); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) kill() error {
	if err := e.kept.Kill(); err != nil {
		return err
	}
	<-e.kept.Current().Done()
	return nil
}

// freeze waits for an engine that has just aborted to be kept.
func (e *engine) freeze() (err error) {
	for range 100 {
		if err = signalTo(e.kept.Current().PID(), syscall.SIGSTOP); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

func (e *engine) thaw() error            { return signalTo(e.kept.Current().PID(), syscall.SIGCONT) }
func (e *engine) stop() error            { return e.kept.Close() }
func (e *engine) ended() <-chan struct{} { return e.kept.Done() }
func (e *engine) said() string           { return fleet.Tail(e.log) }
