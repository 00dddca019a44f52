package clickhouse

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A kept engine is started again at most keepRestarts times within keepWindow: one that cannot live is
// an operator's business, one that a rare fault ended is not.
const (
	keepRestarts = 5
	keepWindow   = 10 * time.Minute
)

// Kept is an embedded ClickHouse that is started again, on the same ports and data, whenever it ends
// by itself: nothing acknowledged is lost by that, and clients that retry see a pause of a second.
type Kept struct {
	config EngineConfig
	report func(error)

	mu     sync.Mutex
	engine *Engine // the current one
	cancel context.CancelFunc
	done   chan struct{} // closed when it is closed, or given up
	err    error         // why it was given up; set before done is closed
}

// KeepEngine starts an engine and keeps it running until Close. report hears of each end that was not
// asked for; it is called from the keeper's goroutine.
func KeepEngine(ctx context.Context, c EngineConfig, report func(error)) (*Kept, error) {
	e, err := StartEngine(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.TCPPort, c.HTTPPort, err = e.ports(); err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	k := &Kept{config: c, report: report, engine: e, cancel: cancel, done: make(chan struct{})}
	go k.keep(life)
	return k, nil
}

func (k *Kept) keep(ctx context.Context) {
	defer close(k.done)
	var restarts []time.Time
	for {
		e := k.Current()
		select {
		case <-ctx.Done():
			return
		case <-e.Done():
		}
		if ctx.Err() != nil {
			return
		}
		k.report(fmt.Errorf("starting it again: %w", e.Err()))
		now := time.Now()
		for len(restarts) > 0 && now.Sub(restarts[0]) > keepWindow {
			restarts = restarts[1:]
		}
		if restarts = append(restarts, now); len(restarts) > keepRestarts {
			k.err = fmt.Errorf("clickhouse engine ended %d times within %s; last: %w", len(restarts), keepWindow, e.Err())
			return
		}
		next, err := StartEngine(ctx, k.config)
		if ctx.Err() != nil { // closed meanwhile
			if err == nil {
				k.err = next.Close()
			}
			return
		}
		if err != nil {
			k.err = fmt.Errorf("clickhouse engine does not start again: %w", err)
			return
		}
		k.mu.Lock()
		k.engine = next
		k.mu.Unlock()
	}
}

// Current is the engine that runs now; its addresses stay the same for all of them.
func (k *Kept) Current() *Engine {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.engine
}

// Addr returns host:port of the native protocol.
func (k *Kept) Addr() string { return k.Current().Addr() }

// HTTPAddr returns host:port of the HTTP interface.
func (k *Kept) HTTPAddr() string { return k.Current().HTTPAddr() }

// DSN returns the address for Connect and Migrate.
func (k *Kept) DSN() string { return k.Current().DSN() }

// Done is closed when the engine was closed, or given up; Err then says why.
func (k *Kept) Done() <-chan struct{} { return k.done }

// Err returns why the engine was given up; nil while it is kept and after Close.
func (k *Kept) Err() error {
	select {
	case <-k.done:
		return k.err
	default:
		return nil
	}
}

// Kill ends the engine at once, as a crash would, and does not start it again; for tests of just that.
func (k *Kept) Kill() error {
	k.cancel()
	<-k.done
	return k.Current().Kill()
}

// Close ends the engine and waits for it. One that had ended before was reported then.
func (k *Kept) Close() error {
	k.cancel()
	<-k.done
	e := k.Current()
	select {
	case <-e.Done():
		return k.err
	default:
		return e.Close()
	}
}
