package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// errNotRunning says that no service of the data directory runs on this machine.
var errNotRunning = errors.New("no running service")

// findRunning reads running.json of a data directory. One that a killed service left behind does not count.
func findRunning(dir string) (*Running, error) {
	b, err := os.ReadFile(filepath.Join(dir, "running.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w of data directory %s: start it with `portrait run --data %s`", errNotRunning, dir, dir)
	}
	if err != nil {
		return nil, err
	}
	r := new(Running)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("running.json: %w", err)
	}
	if p, err := os.FindProcess(r.PID); err != nil || p.Signal(syscall.Signal(0)) != nil {
		return nil, fmt.Errorf("%w of data directory %s: process %d is gone", errNotRunning, dir, r.PID)
	}
	conn, err := net.DialTimeout("tcp", r.HTTP, 2*time.Second)
	if err != nil { // numbers of processes are used again
		return nil, fmt.Errorf("%w of data directory %s: process %d is not it, nobody listens on %s", errNotRunning, dir, r.PID, r.HTTP)
	}
	return r, conn.Close()
}
