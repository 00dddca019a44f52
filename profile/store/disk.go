package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockName is our own lock file: Badger's lock error cannot be told from others.
const lockName = "portrait.lock"

// lock takes the directory for this process until the file is closed, also by the end of the process.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(f.Name()) // only for the message
		_ = f.Close()                      // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("store: %s is open in another process (pid %s): %w; stop that process, or use another data directory",
				dir, strings.TrimSpace(string(holder)), ErrLocked)
		}
		return nil, fmt.Errorf("store: lock %s: %w", f.Name(), err)
	}
	if err := errors.Join(f.Truncate(0), writePid(f)); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("store: lock %s: %w", f.Name(), err)
	}
	return f, nil
}

func writePid(f *os.File) error {
	_, err := fmt.Fprintf(f, "%d\n", os.Getpid())
	return err
}

// freeBytes returns what an unprivileged process may still write to the file system of dir.
func freeBytes(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// checkSpace reports ErrDiskFull if a write of size bytes would go below the mark.
func (db *DB) checkSpace(size int64) error {
	free, err := db.options.Free(db.dir)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if need := db.options.FreeSpace + uint64(size); free < need {
		return fmt.Errorf("store: %s has %d bytes free, a checkpoint needs %d left: %w; free some space or move the data directory, checkpoints go on by themselves",
			db.dir, free, need, ErrDiskFull)
	}
	return nil
}
