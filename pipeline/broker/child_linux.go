package broker

import "syscall"

// childAttributes makes the kernel end the child with this process, whatever ends it.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
