package broker

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lockFile, in the data directory, is held by the process that uses it.
const lockFile = "lock"

// lock takes the data directory for this process. The kernel lets go of it when the process ends,
// however it ends; two brokers on one directory would overwrite each other's segments.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("%s is in use by another process (%w); stop it, or take another directory", dir, err)
	}
	return f, nil
}
