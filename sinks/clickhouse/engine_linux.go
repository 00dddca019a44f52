package clickhouse

import (
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

// lockFile takes an exclusive lock that the kernel releases when the holder ends in whatever way, so
// there are no stale ones. It gives up after limit.
func lockFile(path string, limit time.Duration) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	const pause = 50 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || waited >= limit {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		time.Sleep(pause)
	}
}
