package store

import "errors"

// The errors that callers tell apart, with errors.Is.
var (
	// ErrStale: the handle was superseded by a later Acquire, or the position does not grow. The
	// holder stops; nothing was written.
	ErrStale = errors.New("stale")
	// ErrDiskFull: less than the configured number of bytes is free. The commit may be tried again;
	// if that says ErrStale, space ran out half-way, and the partition must be acquired again.
	ErrDiskFull = errors.New("disk nearly full")
	// ErrCorrupt: the directory, or a value in it, is damaged.
	ErrCorrupt = errors.New("store is damaged")
	// ErrLocked: another process has the directory open.
	ErrLocked = errors.New("store is in use")
	// ErrClosed: the database was closed.
	ErrClosed = errors.New("store is closed")
	// ErrTooLarge: a key or value is beyond MaxKey or MaxValue. Trying again cannot help.
	ErrTooLarge = errors.New("too large for the store")
)

// remedy is what every message about damage ends with.
const remedy = "move the directory away and start again: the state is rebuilt from a snapshot or from the log"
