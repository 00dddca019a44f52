package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// Partition is one incarnation's handle on a partition. All methods may be used by any goroutine; the
// usual pair is one that loads and scans and one that commits. A read that overlaps a Commit sees the
// checkpoint before it.
type Partition struct {
	db          *DB
	seat        *seat
	incarnation uint64
	number      uint32
	generation  uint32

	// Guarded by db.mu.
	position int64 // of the newest checkpoint
	littered bool  // parts of a refused commit may lie in roomStaged
}

// stale says that somebody acquired the partition after this handle.
func (p *Partition) stale() error {
	if p.seat.incarnation.Load() == p.incarnation {
		return nil
	}
	return fmt.Errorf("store: partition %d was acquired again, or a commit failed half-way: %w; this handle must stop", p.number, ErrStale)
}

// Position returns the position and meta of the newest checkpoint; 0 and nil if there is none.
func (p *Partition) Position() (position int64, meta []byte, err error) {
	v, release, err := p.db.readers.enter()
	if err != nil {
		return 0, nil, err
	}
	defer release()
	position, meta, err = p.record(v)
	if stale := p.stale(); stale != nil { // after the read: see Load
		return 0, nil, stale
	}
	return position, meta, err
}

// Position returns the position and meta of a partition's newest checkpoint, 0 and nil if there is none,
// without acquiring the partition.
func (db *DB) Position(partition int) (position int64, meta []byte, err error) {
	v, release, err := db.readers.enter()
	if err != nil {
		return 0, nil, err
	}
	defer release()
	p := Partition{db: db, number: uint32(partition)}
	value, err := db.get(v, roomKey(p.number, 0, roomGeneration))
	if err != nil {
		return 0, nil, fmt.Errorf("store: generation of partition %d: %w", partition, err)
	}
	if len(value) != 4 {
		return 0, nil, nil // never acquired
	}
	p.generation = binary.BigEndian.Uint32(value)
	return p.record(v)
}

func (p *Partition) record(v *badger.Txn) (position int64, meta []byte, err error) {
	value, err := p.db.get(v, p.key(roomCheckpoint))
	if err == nil && value != nil {
		position, meta, err = parseRecord(value)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("store: checkpoint of partition %d: %w", p.number, err)
	}
	return position, meta, nil
}

// Load returns the value of a key, nil if it is absent, empty and not nil if it is empty. The caller
// owns it.
func (p *Partition) Load(key []byte) ([]byte, error) {
	v, release, err := p.db.readers.enter()
	if err != nil {
		return nil, err
	}
	defer release()
	value, err := p.db.get(v, append(p.key(roomData), key...))
	// Only now: had the partition been taken before the read ended, the new owner might have committed.
	if stale := p.stale(); stale != nil {
		return nil, stale
	}
	if err != nil {
		return nil, fmt.Errorf("store: load in partition %d: %w", p.number, err)
	}
	return value, nil
}

// Scan calls f for each key above after (nil: from the first) that begins with prefix, in ascending
// order, at most limit times (0: all), until f returns false. All of one Scan is from one checkpoint.
// f owns key and value; it may load and scan, but not close the database.
func (p *Partition) Scan(after, prefix []byte, limit int, f func(key, value []byte) bool) error {
	v, release, err := p.db.readers.enter()
	if err != nil {
		return err
	}
	defer release()
	it := p.newIterator(v, roomData, after, prefix)
	defer it.Close()
	for given := 0; ; {
		want := maxPage
		if limit > 0 {
			want = min(want, limit-given)
		}
		page, err := it.page(want)
		if stale := p.stale(); stale != nil { // after the read: see Load
			return stale
		}
		if err != nil {
			return fmt.Errorf("store: scan in partition %d: %w", p.number, err)
		}
		for _, e := range page {
			if !f(e.key, e.value) {
				return nil
			}
		}
		given += len(page)
		if len(page) == 0 || limit > 0 && given >= limit {
			return nil
		}
	}
}

// A page bounds what a scan holds in memory, and how long it reads between two checks.
const (
	maxPage      = 256
	maxPageBytes = 1 << 20
)

type entry struct{ key, value []byte }

// iterator walks one room in pages.
type iterator struct {
	badger *badger.Iterator
	prefix int // bytes of each key that the caller does not see
}

func (p *Partition) newIterator(txn *badger.Txn, r room, after, prefix []byte) *iterator {
	inside := p.key(r)
	first := append(bytes.Clone(inside), prefix...)
	// No prefetching: it starts a goroutine per entry, and values lie beside their keys.
	it := txn.NewIterator(badger.IteratorOptions{Prefix: first})
	if after != nil && bytes.Compare(after, prefix) >= 0 {
		it.Seek(append(append(bytes.Clone(inside), after...), 0))
	} else {
		it.Seek(first)
	}
	return &iterator{badger: it, prefix: len(inside)}
}

// page returns the next entries, at least one and at most n, none at the end.
func (it *iterator) page(n int) (page []entry, err error) {
	defer recoverDamage(&err)
	for size := 0; len(page) < n && size < maxPageBytes && it.badger.Valid(); it.badger.Next() {
		item := it.badger.Item()
		key := item.KeyCopy(nil)
		stored, err := item.ValueCopy(nil)
		if err != nil {
			return nil, fmt.Errorf("entry %x: %w", key, err)
		}
		value, err := unseal(key, stored)
		if err != nil {
			return nil, err
		}
		page = append(page, entry{key[it.prefix:], value})
		size += len(key) + len(value)
	}
	return page, nil
}

// Close ends the walk.
func (it *iterator) Close() { it.badger.Close() }

func (p *Partition) key(r room) []byte { return roomKey(p.number, p.generation, r) }
