package clickhouse

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestKeptEngine kills the engine under a table, and finds the table again at the same address.
func TestKeptEngine(t *testing.T) {
	var reports atomic.Int64
	k, err := KeepEngine(t.Context(), EngineConfig{Dir: t.TempDir()}, func(err error) {
		reports.Add(1)
		if !strings.Contains(err.Error(), "killed") {
			t.Errorf("report %v does not say how it ended", err)
		}
	})
	skipWithoutEngine(t, err)
	addr, ctx, first := k.Addr(), t.Context(), k.Current()
	if err := Migrate(ctx, k.DSN()); err != nil {
		t.Fatal(err)
	}
	if err := k.Current().Kill(); err != nil {
		t.Fatal(err)
	}
	deadline, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := Connect(k.DSN())
	if err != nil {
		t.Fatal(err)
	}
	for {
		rows, err := Texts(deadline, conn, "SELECT toString(count()) FROM events")
		if err == nil && k.Current() != first { // the killed one may answer once more
			if len(rows) != 1 || rows[0][0] != "0" {
				t.Errorf("events: %v", rows)
			}
			break
		}
		if deadline.Err() != nil {
			t.Fatalf("not back: %v", err)
		}
	}
	if k.Addr() != addr || reports.Load() != 1 {
		t.Errorf("address %s, was %s; %d reports", k.Addr(), addr, reports.Load())
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := k.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := k.Err(); err != nil {
		t.Errorf("after close: %v", err)
	}
}

// TestKeptEngineClosedWhileItStarts closes the keeper at once after the engine ended.
func TestKeptEngineClosedWhileItStarts(t *testing.T) {
	k, err := KeepEngine(t.Context(), EngineConfig{Dir: t.TempDir()}, func(error) {})
	skipWithoutEngine(t, err)
	first := k.Current()
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	<-first.Done()
	if err := k.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := k.Err(); err != nil {
		t.Errorf("after close: %v", err)
	}
	select {
	case <-k.Current().Done():
	default:
		t.Error("an engine runs on")
	}
}

// An engine that ends in the very instant in which a slow stop turns into a kill was reported as one that cannot be killed.
func TestKillOfAnEngineThatJustEnded(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	e := &Engine{pid: cmd.Process.Pid, done: make(chan struct{})} // gone, and not noticed yet
	if err := e.Kill(); err != nil {
		t.Errorf("kill of one that is gone: %v", err)
	}
}
