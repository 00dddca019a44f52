package store

import (
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// Restore fills a new generation of a partition with a state that comes from elsewhere, by ordinary
// transactions beside those of other partitions. The generation counts when Commit has returned; until
// then, and if it never does, the partition is as it was. Not safe for concurrent use.
type Restore struct {
	db         *DB
	number     uint32
	generation uint32
	b          *batch
}

// Restore begins to restore a partition.
func (db *DB) Restore(partition int) (*Restore, error) {
	if partition < 0 || partition > maxPartition {
		return nil, fmt.Errorf("store: partition %d; want 0 to %d", partition, maxPartition)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.readers.closed() {
		return nil, ErrClosed
	}
	r := &Restore{db: db, number: uint32(partition), b: db.newBatch()}
	current, err := db.generation(r.number)
	if err != nil {
		return nil, fmt.Errorf("store: restore partition %d: %w", partition, err)
	}
	for r.generation = current + 1; db.used(r.number, r.generation); r.generation++ {
		// what a restore that did not end has left; Sweep removes it
	}
	return r, nil
}

// used reports whether any key lies in a generation.
func (db *DB) used(partition, generation uint32) bool {
	txn := db.badger.NewTransaction(false)
	defer txn.Discard()
	prefix := generationPrefix(partition, generation)
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	it.Seek(prefix)
	return it.Valid()
}

func generationPrefix(partition, generation uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, partition), generation)
}

// Put sets a key, or deletes it if value is nil.
func (r *Restore) Put(key, value []byte) error {
	if len(key) > MaxKey || len(value) > MaxValue {
		return fmt.Errorf("store: restore partition %d: key of %d bytes, value of %d: %w", r.number, len(key), len(value), ErrTooLarge)
	}
	r.db.mu.Lock()
	defer r.db.mu.Unlock()
	if r.db.readers.closed() {
		return ErrClosed
	}
	k := append(r.b.key(r.number, r.generation, roomData, len(key)), key...)
	var err error
	if value == nil {
		err = r.b.put(k)
	} else {
		err = r.b.put(k, value)
	}
	if err != nil {
		return fmt.Errorf("store: restore partition %d: %w", r.number, err)
	}
	return nil
}

// Commit makes what was put the partition's state at a position. Handles acquired before are refused
// from then on.
func (r *Restore) Commit(position int64, meta []byte) error {
	if len(meta) > MaxValue {
		return fmt.Errorf("store: restore partition %d: meta of %d bytes: %w", r.number, len(meta), ErrTooLarge)
	}
	r.db.mu.Lock()
	defer r.db.mu.Unlock()
	if r.db.readers.closed() {
		return ErrClosed
	}
	record := appendRecord(make([]byte, 0, 8+len(meta)), position, meta)
	err := r.b.flush()
	if err == nil {
		err = r.b.put(roomKey(r.number, r.generation, roomCheckpoint), record)
	}
	if err == nil { // in one transaction with the record: position last
		err = r.b.put(roomKey(r.number, 0, roomGeneration), binary.BigEndian.AppendUint32(nil, r.generation))
	}
	if err == nil {
		err = r.b.flush()
	}
	if err != nil {
		return fmt.Errorf("store: restore partition %d at %d: %w", r.number, position, err)
	}
	if s := r.db.seats[int(r.number)]; s != nil {
		r.db.unseat(s)
	}
	r.db.readers.renew(r.db.badger.NewTransaction(false))
	return nil
}

// Abort gives up; what was written already is removed by Sweep.
func (r *Restore) Abort() {
	r.db.mu.Lock()
	defer r.db.mu.Unlock()
	r.b.drop()
}

// sweepEntries is how many keys Sweep removes at a time: few, because commits of other partitions wait.
const sweepEntries = 2_000

// Sweep removes the generations of a partition that do not count: older ones, and what restores that did
// not end have left. No Restore of the partition may be under way. Commits of other partitions go between.
func (db *DB) Sweep(partition int) error {
	for {
		more, err := db.sweepSome(uint32(partition))
		if err != nil {
			return fmt.Errorf("store: sweep partition %d: %w", partition, err)
		}
		if !more {
			return nil
		}
	}
}

func (db *DB) sweepSome(partition uint32) (more bool, err error) {
	defer recoverDamage(&err)
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.readers.closed() {
		return false, ErrClosed
	}
	current, err := db.generation(partition)
	if err != nil {
		return false, err
	}
	txn := db.badger.NewTransaction(false)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{Prefix: binary.BigEndian.AppendUint32(nil, partition)})
	defer it.Close()
	it.Seek(generationPrefix(partition, 1)) // 0 holds the number itself
	b := db.newBatch()
	for n := 0; it.Valid(); {
		key := it.Item().KeyCopy(nil)
		if binary.BigEndian.Uint32(key[4:]) == current {
			it.Seek(generationPrefix(partition, current+1))
			continue
		}
		if n == sweepEntries {
			return true, b.flush()
		}
		n++
		if err := b.put(key); err != nil {
			return false, err
		}
		it.Next()
	}
	return false, b.flush()
}

// Export reads the newest checkpoint: begin gets its position and meta, then f each key in ascending
// order, until one fails. All is of one checkpoint, however many are committed meanwhile.
func (p *Partition) Export(begin func(position int64, meta []byte) error, f func(key, value []byte) error) error {
	v, release, err := p.db.readers.enter()
	if err != nil {
		return err
	}
	defer release()
	position, meta, err := p.record(v)
	if stale := p.stale(); stale != nil { // after the read: see Load
		return stale
	}
	if err != nil {
		return err
	}
	if err := begin(position, meta); err != nil {
		return err
	}
	it := p.newIterator(v, roomData, nil, nil)
	defer it.Close()
	for {
		page, err := it.page(maxPage)
		if stale := p.stale(); stale != nil {
			return stale
		}
		if err != nil {
			return fmt.Errorf("store: export of partition %d: %w", p.number, err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, e := range page {
			if err := f(e.key, e.value); err != nil {
				return err
			}
		}
	}
}
