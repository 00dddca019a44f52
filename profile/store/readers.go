package store

import (
	"errors"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// readers hands out the view that all reads use: a read-only transaction begun after the newest
// finished commit of any partition. Beginning one per read would wait for the commit under way.
type readers struct {
	mu      sync.Mutex
	current *view // nil before open and after close
	inside  sync.WaitGroup
}

// view is discarded when the last of its holders lets go: the current place, and each read inside.
type view struct {
	txn     *badger.Txn
	holders int // guarded by readers.mu
}

// enter returns the view for one read; release must be called when it is done.
func (r *readers) enter() (txn *badger.Txn, release func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.current
	if v == nil {
		return nil, nil, ErrClosed
	}
	v.holders++
	r.inside.Add(1)
	return v.txn, func() {
		r.mu.Lock()
		v.let()
		r.mu.Unlock()
		r.inside.Done()
	}, nil
}

// renew makes txn the view of later reads.
func (r *readers) renew(txn *badger.Txn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil {
		r.current.let()
	}
	r.current = &view{txn: txn, holders: 1}
}

func (v *view) let() {
	v.holders--
	if v.holders == 0 {
		v.txn.Discard()
	}
}

func (r *readers) closed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current == nil
}

// close refuses later reads and waits for those inside. It reports whether it was open.
func (r *readers) close() bool {
	r.mu.Lock()
	open := r.current != nil
	if open {
		r.current.let()
		r.current = nil
	}
	r.mu.Unlock()
	r.inside.Wait()
	return open
}

// get returns a copy of a key's value, nil if it is absent.
func (db *DB) get(txn *badger.Txn, key []byte) (value []byte, err error) {
	defer recoverDamage(&err)
	item, err := txn.Get(key)
	if db.options.afterRead != nil {
		db.options.afterRead()
	}
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get %x: %w", key, err)
	}
	stored, err := item.ValueCopy(nil)
	if err != nil {
		return nil, fmt.Errorf("get %x: %w", key, err)
	}
	return unseal(key, stored)
}

// recoverDamage turns a panic of Badger over a block whose structure is damaged into an error with a
// remedy: at this border there is no other way to learn of it.
func recoverDamage(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("a table cannot be read (%v): %w; %s", r, ErrCorrupt, remedy)
	}
}
