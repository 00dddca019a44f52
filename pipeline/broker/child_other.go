//go:build !linux

package broker

import "syscall"

// childAttributes has nothing to offer outside Linux: after a kill -9 of this process the child stays.
func childAttributes() *syscall.SysProcAttr { return nil }
