package store

import (
	"fmt"
	"log/slog"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Sizes of one entry, in bytes. They keep every value, staged or not, below Badger's value threshold.
const (
	MaxKey   = 32 << 10
	MaxValue = valueThreshold - 64 // also of Checkpoint.Meta
)

// valueThreshold is the size from which Badger puts values into its value log: the largest it allows.
const valueThreshold = 1 << 20

// layoutVersion is the version of the layout in doc.go; Badger refuses a directory of another one.
const layoutVersion = 1

// Options of a database. Start from DefaultOptions.
type Options struct {
	// MemTable is the size in bytes of one in-memory table; at most 15 % of it go into one transaction.
	MemTable int64
	// FreeSpace is the mark: with fewer bytes free on the file system, nothing is written.
	FreeSpace uint64
	// Free says how many bytes the file system of dir has left for us. Nil asks the file system.
	Free func(dir string) (uint64, error)
	// Log gets Badger's warnings and errors. Nil drops them.
	Log *slog.Logger

	beforeWrite func() error // tests: called before each transaction is committed; its error replaces it
	afterRead   func()       // tests: called between a read and the check of the incarnation
}

// DefaultOptions returns what `portrait run` uses.
//
//   - MemTable 64 MiB: a transaction holds 9.6 MiB or 104,000 entries, seconds of changed profiles of a
//     partition; the larger it is, the fewer times an active profile is written. 32 MiB wrote each three
//     times as often in a demo; more takes memory, three tables at full load.
//   - FreeSpace 1 GiB: a flush and one compaction of level 0 write up to 15 tables of MemTable before
//     they remove any, beside the logs. Less can end in SIGBUS; more wastes the disk.
func DefaultOptions() Options {
	return Options{MemTable: 64 << 20, FreeSpace: 1 << 30}
}

// Validate reports the first option that cannot work, and the remedy.
func (o *Options) Validate() error {
	if o.MemTable < 8<<20 || o.MemTable > 512<<20 {
		return fmt.Errorf("store: memtable of %d bytes; want 8 MiB to 512 MiB, see DefaultOptions", o.MemTable)
	}
	return nil
}

// badgerOptions are the settings of the database below.
func badgerOptions(dir string, o *Options) badger.Options {
	return badger.DefaultOptions(dir).
		// A commit that returned survives the machine; with hundreds of changes each it costs nothing
		// measurable. Without it a crash of the host loses transactions in the middle.
		WithSyncWrites(true).
		// 15 % of it bound a transaction.
		WithMemTableSize(o.MemTable).
		// Three in flight absorb a burst while one is flushed; five cost memory only.
		WithNumMemtables(3).
		// The least Badger allows: compaction must not take the cores of the machines.
		WithNumCompactors(2).
		// Profiles are already packed; compression would force the block cache, and with it copies.
		WithCompression(options.None).
		// Hot profiles live in the machine, cold ones are read once: the page cache serves them.
		WithBlockCacheSize(0).
		// One writer per key, by the mutex here; tracking of reads and writes would be for nothing.
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		// Every value stays in the tree (a profile is at most 256 KiB by default): no value log to
		// collect, and no deleted key that comes back after such a collection (Badger issue 2286).
		WithValueThreshold(valueThreshold).
		// The value log stays empty; it is mapped at twice this size and synced with each commit.
		WithValueLogFileSize(16 << 20).
		// Our values carry their own checksum; see doc.go for what Badger's would do.
		WithChecksumVerificationMode(options.NoVerification).
		// A restart soon after is the usual case: close at once, compact later.
		WithCompactL0OnClose(false).
		WithExternalMagic(layoutVersion).
		WithLogger(logger{o.Log})
}

// logger passes on Badger's warnings and errors; its progress messages are of no use to an operator.
type logger struct{ log *slog.Logger }

func (l logger) Errorf(format string, args ...any) {
	if l.log != nil {
		l.log.Error("badger: " + fmt.Sprintf(format, args...))
	}
}

func (l logger) Warningf(format string, args ...any) {
	if l.log != nil {
		l.log.Warn("badger: " + fmt.Sprintf(format, args...))
	}
}

func (logger) Infof(string, ...any)  {}
func (logger) Debugf(string, ...any) {}
