//go:build !linux

package fleet

import "syscall"

// childAttributes has nothing to offer outside Linux: after a kill -9 of this process its children stay until their stdin ends.
func childAttributes() *syscall.SysProcAttr { return nil }
