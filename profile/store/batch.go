package store

import (
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// What Badger (txn.go checkSize, db.go sendToWriteCh) counts in a transaction: each entry as its key,
// its value and entryCost bytes; beside them one closing entry, of at most closingCost bytes. Count
// and bytes must both stay below the cap, not at it.
const (
	entryCost      = 12
	closingCost    = 41
	closingEntries = 1
)

// batch gathers writes into transactions as large as Badger takes, in order. It owns its keys and
// values. Not safe for concurrent use.
type batch struct {
	db      *DB
	txn     *badger.Txn
	entries int64
	bytes   int64
	slab    []byte
}

func (db *DB) newBatch() *batch { return &batch{db: db} }

// cost is what an entry adds to a transaction's bytes; value without its checksum, nil for a deletion.
func cost(key, value []byte) int64 {
	n := int64(len(key) + entryCost)
	if value != nil {
		n += int64(len(value) + sumSize)
	}
	return n
}

// fits reports whether so many entries and bytes are one transaction.
func (db *DB) fits(entries, bytes int64) bool {
	return entries+closingEntries < db.badger.MaxBatchCount() && bytes+closingCost < db.badger.MaxBatchSize()
}

// takes reports whether an entry of that cost still goes into the open transaction.
func (b *batch) takes(bytes int64) bool { return b.db.fits(b.entries+1, b.bytes+bytes) }

// key starts a key in the batch's memory; more is appended by the caller, up to extra bytes.
func (b *batch) key(partition, generation uint32, r room, extra int) []byte {
	return appendPrefix(b.alloc(prefixSize+extra), partition, generation, r)
}

// alloc returns an empty slice of that capacity that nobody else appends to.
func (b *batch) alloc(size int) []byte {
	if cap(b.slab)-len(b.slab) < size {
		b.slab = make([]byte, 0, max(size, 64<<10))
	}
	n := len(b.slab)
	b.slab = b.slab[:n+size]
	return b.slab[n:n:len(b.slab)]
}

// put adds an entry, the concatenation of value; without any value it deletes the key. The key must
// stay unchanged until flush. A full transaction is committed first.
func (b *batch) put(key []byte, value ...[]byte) error {
	var stored []byte
	size := int64(len(key) + entryCost)
	if len(value) > 0 {
		n := 0
		for _, v := range value {
			n += len(v)
		}
		stored = b.alloc(n + sumSize)
		for _, v := range value {
			stored = append(stored, v...)
		}
		stored = binary.BigEndian.AppendUint32(stored, sum(key, stored))
		size += int64(len(stored))
	}
	if !b.takes(size) {
		if err := b.flush(); err != nil {
			return err
		}
	}
	if b.txn == nil {
		b.txn = b.db.badger.NewTransaction(true)
	}
	var err error
	if stored == nil {
		err = b.txn.Delete(key)
	} else {
		err = b.txn.Set(key, stored)
	}
	if err != nil {
		b.drop()
		return fmt.Errorf("entry of %d bytes: %w", size, err)
	}
	b.entries++
	b.bytes += size
	return nil
}

// flush commits what was put since the last one. On an error that is not ErrDiskFull it is not known
// whether the transaction took place.
func (b *batch) flush() error {
	if b.txn == nil {
		return nil
	}
	defer b.drop()
	if err := b.db.checkSpace(b.bytes); err != nil {
		return err
	}
	if b.db.options.beforeWrite != nil {
		if err := b.db.options.beforeWrite(); err != nil {
			return err
		}
	}
	return b.txn.Commit()
}

// drop forgets what was put since the last flush.
func (b *batch) drop() {
	if b.txn != nil {
		b.txn.Discard()
	}
	b.txn, b.entries, b.bytes = nil, 0, 0
}
