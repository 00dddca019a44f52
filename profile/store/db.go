package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
)

// DB is the database of one process. All methods may be used by any goroutine.
type DB struct {
	dir     string
	options Options
	badger  *badger.DB
	lock    *os.File
	readers readers

	mu    sync.Mutex // the single writer: held by Acquire, Commit, SetDeployment and Close
	seats map[int]*seat
	last  uint64 // newest incarnation given out
}

// seat says which incarnation of a partition is served.
type seat struct{ incarnation atomic.Uint64 }

// Open opens or creates the database in dir. It fails with ErrLocked if another process has it open
// and with ErrCorrupt, naming the remedy, if the directory is damaged.
func Open(dir string, o Options) (*DB, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Free == nil {
		o.Free = freeBytes
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	held, err := lock(dir)
	if err != nil {
		return nil, err
	}
	db := &DB{dir: dir, options: o, lock: held, seats: make(map[int]*seat)}
	if err := db.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("store: open %s: %w", dir, err), held.Close())
	}
	return db, nil
}

func (db *DB) open() error {
	// Opening flushes the logs of a killed process into tables, so it writes as well.
	if err := db.checkSpace(0); err != nil {
		return err
	}
	settings := badgerOptions(db.dir, &db.options)
	if err := inspect(db.dir, settings); err != nil {
		return err
	}
	if err := removeUnborn(db.dir); err != nil {
		return err
	}
	b, err := badger.Open(settings)
	if err != nil {
		return classify(err)
	}
	db.badger = b
	db.readers.renew(b.NewTransaction(false))
	return nil
}

// removeUnborn removes tables in memory that a process was killed over between making the file and giving it its size. Nothing was
// written to them yet; Badger refuses to open them.
func removeUnborn(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if at, err := os.Stat(name); err != nil || at.Size() > 0 {
			continue // what is wrong with it Badger will say
		}
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// Close waits for the commit and the reads under way and closes the database. Later calls on it or on
// its partitions fail with ErrClosed. It must not be called from a Scan's callback. A second Close
// does nothing.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if !db.readers.close() {
		return nil
	}
	return errors.Join(db.badger.Close(), db.lock.Close())
}

// Acquire takes a partition: its newest checkpoint is completed, if a crash left one half-written, and
// handles taken before are refused from then on. It waits for a Commit under way.
func (db *DB) Acquire(partition int) (*Partition, error) {
	if partition < 0 || partition > maxPartition {
		return nil, fmt.Errorf("store: partition %d; want 0 to %d", partition, maxPartition)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.readers.closed() {
		return nil, ErrClosed
	}
	s := db.seats[partition]
	if s == nil {
		s = new(seat)
		db.seats[partition] = s
	}
	p := &Partition{db: db, seat: s, incarnation: db.unseat(s), number: uint32(partition)}
	if err := p.resume(); err != nil {
		return nil, fmt.Errorf("store: acquire partition %d: %w", partition, err)
	}
	db.readers.renew(db.badger.NewTransaction(false))
	return p, nil
}

// unseat refuses all handles of a seat and returns the incarnation that is served from now on.
func (db *DB) unseat(s *seat) uint64 {
	db.last++
	s.incarnation.Store(db.last)
	return db.last
}

// Deployment returns what SetDeployment stored, nil if nothing was. The caller compares it with the
// deployment record it is about to run under.
func (db *DB) Deployment() ([]byte, error) {
	v, release, err := db.readers.enter()
	if err != nil {
		return nil, err
	}
	defer release()
	value, err := db.get(v, roomKey(wholeStore, 0, roomDeployment))
	if err != nil {
		return nil, fmt.Errorf("store: deployment: %w", err)
	}
	return value, nil
}

// SetDeployment stores the deployment record, in place of an earlier one; the store does not look at it.
func (db *DB) SetDeployment(record []byte) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.readers.closed() {
		return ErrClosed
	}
	b := db.newBatch()
	if err := errors.Join(b.put(roomKey(wholeStore, 0, roomDeployment), record), b.flush()); err != nil {
		return fmt.Errorf("store: deployment: %w", err)
	}
	db.readers.renew(db.badger.NewTransaction(false))
	return nil
}

// generation returns the current generation of a partition, recording the first one.
func (db *DB) generation(partition uint32) (uint32, error) {
	txn := db.badger.NewTransaction(false)
	defer txn.Discard()
	key := roomKey(partition, 0, roomGeneration)
	value, err := db.get(txn, key)
	if err != nil {
		return 0, fmt.Errorf("generation: %w", err)
	}
	if len(value) == 4 {
		return binary.BigEndian.Uint32(value), nil
	}
	if value != nil {
		return 0, fmt.Errorf("generation of %d bytes: %w; %s", len(value), ErrCorrupt, remedy)
	}
	b := db.newBatch()
	if err := errors.Join(b.put(key, binary.BigEndian.AppendUint32(nil, 1)), b.flush()); err != nil {
		return 0, fmt.Errorf("generation: %w", err)
	}
	return 1, nil
}
