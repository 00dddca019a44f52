package store

import (
	"bytes"
	"errors"
	"fmt"

	"portrait/profile"
)

// Commit makes c the newest checkpoint: all of it or, if it fails, nothing. It is refused with
// ErrStale if the handle was superseded or c's position does not grow, with ErrDiskFull below the
// free-space mark, with ErrTooLarge beyond MaxKey or MaxValue; then nothing happened and it may be
// tried again (unless superseded). When a write fails half-way, also for want of space, only Acquire can
// tell which checkpoint is on disk, so every later call on the handle says ErrStale. Commit returns when
// c is synced, and keeps nothing of it.
func (p *Partition) Commit(c *profile.Checkpoint) error {
	p.db.mu.Lock()
	defer p.db.mu.Unlock()
	if p.db.readers.closed() {
		return ErrClosed
	}
	if err := p.stale(); err != nil {
		return err
	}
	if err := p.grows(c); err != nil {
		return err
	}
	if err := check(c); err != nil {
		return fmt.Errorf("store: checkpoint of partition %d at %d: %w", p.number, c.Position, err)
	}
	certain, err := p.write(c)
	if err != nil {
		if !certain {
			p.db.unseat(p.seat)
		}
		return fmt.Errorf("store: commit partition %d at %d: %w", p.number, c.Position, err)
	}
	p.position = c.Position
	p.db.readers.renew(p.db.badger.NewTransaction(false))
	return nil
}

// grows refuses to go back: a repeat would be a machine that replays what another has done.
func (p *Partition) grows(c *profile.Checkpoint) error {
	if c.Position > p.position {
		return nil
	}
	return fmt.Errorf("store: checkpoint of partition %d at position %d does not grow beyond %d: %w", p.number, c.Position, p.position, ErrStale)
}

// check refuses a checkpoint that could not be written as a whole.
func check(c *profile.Checkpoint) error {
	if len(c.Meta) > MaxValue {
		return fmt.Errorf("meta of %d bytes, at most %d: %w", len(c.Meta), MaxValue, ErrTooLarge)
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if len(ch.Key) > MaxKey || len(ch.Value) > MaxValue {
			return fmt.Errorf("change %d has a key of %d bytes, at most %d, and a value of %d, at most %d: %w",
				i, len(ch.Key), MaxKey, len(ch.Value), MaxValue, ErrTooLarge)
		}
		if i > 0 && bytes.Compare(c.Changes[i-1].Key, ch.Key) >= 0 {
			return fmt.Errorf("change %d: keys must ascend, each once", i)
		}
	}
	return nil
}

// write stores c. It says whether a failure certainly left the checkpoint before.
func (p *Partition) write(c *profile.Checkpoint) (certain bool, err error) {
	if p.littered {
		if err := p.discard(); err != nil {
			return true, err
		}
		p.littered = false
	}
	entries, size := p.demand(c)
	if p.db.fits(entries, size) {
		return p.writeAtOnce(c)
	}
	// Before the first part: a commit that began should not run out of space in the middle. All is
	// written twice, and the parts once more as deletions.
	if err := p.db.checkSpace(3 * size); err != nil {
		return true, err
	}
	return p.writeStaged(c)
}

// demand returns the entries and bytes of c as one transaction.
func (p *Partition) demand(c *profile.Checkpoint) (entries, size int64) {
	entries = int64(len(c.Changes)) + 1
	size = prefixSize + entryCost + recordSize(c) + sumSize
	for i := range c.Changes {
		size += prefixSize + cost(c.Changes[i].Key, c.Changes[i].Value)
	}
	return entries, size
}

func recordSize(c *profile.Checkpoint) int64 { return int64(8 + len(c.Meta)) }

// writeAtOnce is the usual way: one transaction.
func (p *Partition) writeAtOnce(c *profile.Checkpoint) (certain bool, err error) {
	b := p.db.newBatch()
	for i := range c.Changes {
		if err := p.apply(b, c.Changes[i].Key, c.Changes[i].Value); err != nil {
			return true, err
		}
	}
	record := appendRecord(make([]byte, 0, recordSize(c)), c.Position, c.Meta)
	if err := b.put(p.key(roomCheckpoint), record); err != nil {
		return true, err
	}
	err = b.flush()
	return errors.Is(err, ErrDiskFull), err
}

// apply writes one change to the state.
func (p *Partition) apply(b *batch, key, value []byte) error {
	k := append(b.key(p.number, p.generation, roomData, len(key)), key...)
	if value == nil {
		return b.put(k)
	}
	return b.put(k, value)
}
