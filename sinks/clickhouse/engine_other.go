//go:build !linux

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

func checkPlatform() error {
	return fmt.Errorf("there is no embedded engine for %s; configure the address of a ClickHouse server", runtime.GOOS)
}

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func lockFile(context.Context, string, time.Duration) (*os.File, error) {
	return nil, errors.ErrUnsupported
}

// yieldCPU does nothing where there is no engine.
func yieldCPU() {}
