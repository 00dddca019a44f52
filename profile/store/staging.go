package store

import (
	"encoding/binary"
	"fmt"

	"portrait/profile"
)

// How a staged value begins.
const (
	stagedSet    = '='
	stagedDelete = '-'
)

// end is the record that makes staged parts a checkpoint: parts u32, entries u32, checkpoint record.
type end struct {
	parts, entries uint32
	record         []byte
}

const endSize = 8

// writeStaged writes a checkpoint that is larger than a transaction.
func (p *Partition) writeStaged(c *profile.Checkpoint) (certain bool, err error) {
	p.littered = true
	parts, err := p.stage(c)
	if err != nil {
		return true, err // without its end the checkpoint does not exist
	}
	record := appendRecord(make([]byte, 0, recordSize(c)), c.Position, c.Meta)
	if err := p.seal(end{parts, uint32(len(c.Changes)), record}); err != nil {
		return false, err
	}
	b := p.db.newBatch()
	for i := range c.Changes {
		if err := p.apply(b, c.Changes[i].Key, c.Changes[i].Value); err != nil {
			return false, err
		}
	}
	if err := p.finish(b, record); err != nil {
		return false, err
	}
	// The checkpoint is complete. Parts that cannot be removed now go before the next one.
	p.littered = p.discard() != nil
	return true, nil
}

// stage writes the changes in numbered parts, a transaction each, and returns their number.
func (p *Partition) stage(c *profile.Checkpoint) (parts uint32, err error) {
	b := p.db.newBatch()
	for i := range c.Changes {
		ch := &c.Changes[i]
		// Exactly what put will count, so that a part is a transaction and put never ends one.
		if !b.takes(int64(prefixSize + partSize + len(ch.Key) + 1 + len(ch.Value) + sumSize + entryCost)) {
			if err := b.flush(); err != nil {
				return 0, fmt.Errorf("part %d: %w", parts, err)
			}
			parts++
		}
		key := b.key(p.number, p.generation, roomStaged, partSize+len(ch.Key))
		key = append(binary.BigEndian.AppendUint32(key, parts), ch.Key...)
		mark := []byte{stagedSet}
		if ch.Value == nil {
			mark[0] = stagedDelete
		}
		if err := b.put(key, mark, ch.Value); err != nil {
			return 0, fmt.Errorf("part %d: %w", parts, err)
		}
	}
	if err := b.flush(); err != nil {
		return 0, fmt.Errorf("part %d: %w", parts, err)
	}
	return parts + 1, nil
}

// seal makes the parts valid: from here on the new checkpoint is the one that a crash leaves.
func (p *Partition) seal(e end) error {
	b := p.db.newBatch()
	value := make([]byte, 0, endSize+len(e.record))
	value = binary.BigEndian.AppendUint32(value, e.parts)
	value = binary.BigEndian.AppendUint32(value, e.entries)
	if err := b.put(p.key(roomEnd), value, e.record); err != nil {
		return fmt.Errorf("end record: %w", err)
	}
	if err := b.flush(); err != nil {
		return fmt.Errorf("end record: %w", err)
	}
	return nil
}

// finish commits what b still holds, then in one transaction writes the checkpoint record and removes
// the end record: until then a crash applies the parts once more, which changes nothing.
func (p *Partition) finish(b *batch, record []byte) error {
	if err := b.flush(); err != nil {
		return err
	}
	if err := b.put(p.key(roomCheckpoint), record); err != nil {
		return err
	}
	if err := b.put(p.key(roomEnd)); err != nil {
		return err
	}
	return b.flush()
}

// discard removes all parts.
func (p *Partition) discard() error {
	txn := p.db.badger.NewTransaction(false)
	defer txn.Discard()
	it := p.newIterator(txn, roomStaged, nil, nil)
	defer it.Close()
	b := p.db.newBatch()
	for {
		page, err := it.page(maxPage)
		if err != nil {
			return fmt.Errorf("remove parts: %w", err)
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if err := b.put(append(p.key(roomStaged), e.key...)); err != nil {
				return fmt.Errorf("remove parts: %w", err)
			}
		}
	}
	if err := b.flush(); err != nil {
		return fmt.Errorf("remove parts: %w", err)
	}
	return nil
}

// resume brings the partition to exactly one checkpoint, whatever a crash left, and reads where it is.
func (p *Partition) resume() error {
	generation, err := p.db.generation(p.number)
	if err != nil {
		return err
	}
	p.generation = generation
	txn := p.db.badger.NewTransaction(false)
	defer txn.Discard()
	value, err := p.db.get(txn, p.key(roomEnd))
	if err != nil {
		return fmt.Errorf("end record: %w", err)
	}
	if value != nil {
		if len(value) < endSize {
			return fmt.Errorf("end record of %d bytes: %w; %s", len(value), ErrCorrupt, remedy)
		}
		e := end{binary.BigEndian.Uint32(value), binary.BigEndian.Uint32(value[4:]), value[endSize:]}
		if err := p.complete(e); err != nil {
			return fmt.Errorf("complete a checkpoint of %d parts: %w", e.parts, err)
		}
	}
	if err := p.discard(); err != nil {
		return err
	}
	after := p.db.badger.NewTransaction(false)
	defer after.Discard()
	p.position, _, err = p.record(after)
	return err
}

// complete applies the parts on disk and finishes the checkpoint.
func (p *Partition) complete(e end) error {
	// Counted before anything is applied: parts that do not add up must not touch the state.
	var parts, entries uint32
	if err := p.eachStaged(func(part uint32, _ []byte, _ []byte) error {
		parts, entries = max(parts, part+1), entries+1
		return nil
	}); err != nil {
		return err
	}
	if parts != e.parts || entries != e.entries {
		return fmt.Errorf("%d parts with %d entries on disk, its end record says %d and %d: %w; %s",
			parts, entries, e.parts, e.entries, ErrCorrupt, remedy)
	}
	b := p.db.newBatch()
	if err := p.eachStaged(func(_ uint32, key, value []byte) error { return p.apply(b, key, value) }); err != nil {
		return err
	}
	return p.finish(b, e.record)
}

// eachStaged calls f for each staged change in order; value is nil for a deletion.
func (p *Partition) eachStaged(f func(part uint32, key, value []byte) error) error {
	txn := p.db.badger.NewTransaction(false)
	defer txn.Discard()
	it := p.newIterator(txn, roomStaged, nil, nil)
	defer it.Close()
	for {
		page, err := it.page(maxPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, e := range page {
			if len(e.key) < partSize || len(e.value) == 0 {
				return fmt.Errorf("staged entry %x: %w; %s", e.key, ErrCorrupt, remedy)
			}
			value := e.value[1:]
			if e.value[0] == stagedDelete {
				value = nil
			}
			if err := f(binary.BigEndian.Uint32(e.key), e.key[partSize:], value); err != nil {
				return err
			}
		}
	}
}
