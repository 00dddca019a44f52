package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// checkPlatform says whether there is an engine for this machine.
func checkPlatform() error {
	if runtime.GOARCH != "amd64" {
		return fmt.Errorf("there is no embedded engine for linux/%s; configure the address of a ClickHouse server", runtime.GOARCH)
	}
	return nil
}

// childAttributes ties the child to this process (it dies with us, even on kill -9) and keeps the
// terminal's Ctrl-C from it: the sink still has to finish its block.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// engineNice is how much the engine yields to the process that it serves: ClickHouse merging parts may
// cost freshness, never the latency of tags.
const engineNice = 10

// yieldCPU lowers this process's priority. It is no error if that is not allowed.
func yieldCPU() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, engineNice) }

// lockFile takes an exclusive lock that the kernel releases when the holder ends in whatever way, so
// there are no stale ones. It gives up after limit.
func lockFile(ctx context.Context, path string, limit time.Duration) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s is locked by another process: %w", path, ctx.Err()), f.Close())
		case <-retry.C:
		}
	}
}
