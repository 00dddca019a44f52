package fleet

import "syscall"

// childAttributes makes the kernel end a child with this process, whatever ends it, and keeps the terminal's Ctrl-C from it: parts
// are ended in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
