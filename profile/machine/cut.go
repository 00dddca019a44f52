package machine

import (
	"bytes"
	"slices"

	"portrait/profile"
	"portrait/schemas/wire"
)

// Cut is what changed since the cut before, serialised, but not in order yet. The machine has nothing of it any more, so
// another goroutine may put it in order while it goes on.
type Cut struct {
	Number   int64 // for Committed
	Position int64 // of the machine: the next record of the inbox

	meta       []byte
	slab       []byte // key and entry, one behind the other
	ends       []int  // in slab: of a key, of its entry, and so on
	timers     [2]touched
	unsaved    map[string][]byte
	checkpoint *profile.Checkpoint
}

// touched are the timers of an index that changed, and whether they are there now.
type touched struct {
	prefix byte
	timers map[timer]bool
}

// Cut serialises what changed since the last cut. It must be called between two records, and holds up the machine for as
// long as it takes; Committed tells the machine when the store has it.
func (m *Machine) Cut() *Cut {
	c := &m.cache
	c.cuts++
	slab := wire.Encoder{B: make([]byte, 0, c.bytes+c.bytes/8)} // one allocation, not two per entry
	ends := make([]int, 0, 2*len(c.changed))
	for _, e := range c.changed {
		slab.B = append(append(slab.B, nodePrefix), e.ID...)
		ends = append(ends, len(slab.B))
		e.encode(&slab)
		ends = append(ends, len(slab.B))
		c.hold(e, e.size)
		e.dirty, e.cut = false, c.cuts
	}
	if n := len(c.changed); n > 0 {
		c.fresh = max(newBytes, len(slab.B)/n) // too low a guess makes cuts that no transaction holds
	}
	c.cutting = append(c.cutting, c.changed...)
	clear(c.changed)
	c.changed, c.bytes = c.changed[:0], 0
	cut := &Cut{Number: c.cuts, Position: m.meta.position, meta: m.meta.encode(), slab: slab.B, ends: ends,
		timers: [2]touched{m.deadlines.cut(), m.documents.cut()}, unsaved: m.unsaved}
	m.unsaved = map[string][]byte{}
	return cut
}

// Checkpoint puts the cut in order: more than half of all the work, so it is not the machine's goroutine that does it. A
// second call returns the same; two must not run at once.
func (c *Cut) Checkpoint() *profile.Checkpoint {
	if c.checkpoint != nil {
		return c.checkpoint
	}
	changes := make([]profile.Change, 0, len(c.ends)/2+len(c.timers[0].timers)+len(c.timers[1].timers)+len(c.unsaved))
	for i, from := 0, 0; i < len(c.ends); i += 2 {
		key, end := c.ends[i], c.ends[i+1]
		changes = append(changes, profile.Change{Key: c.slab[from:key:key], Value: c.slab[key:end:end]})
		from = end
	}
	for i := range c.timers {
		changes = c.timers[i].changes(changes)
	}
	for key, value := range c.unsaved {
		changes = append(changes, profile.Change{Key: []byte(key), Value: value})
	}
	slices.SortFunc(changes, func(a, b profile.Change) int { return bytes.Compare(a.Key, b.Key) })
	c.checkpoint = &profile.Checkpoint{Position: c.Position, Meta: c.meta, Changes: changes}
	c.slab, c.ends, c.timers, c.unsaved = nil, nil, [2]touched{}, nil
	return c.checkpoint
}

// Committed says that the store holds the cut of that number and all before it.
func (m *Machine) Committed(cut int64) {
	m.cache.committed = max(m.cache.committed, cut)
	m.cache.cutting = slices.DeleteFunc(m.cache.cutting, func(e *entry) bool { return e.cut <= m.cache.committed })
}

// Uncut is how many entries have changed since the last cut, and are held in memory for that.
func (m *Machine) Uncut() int { return len(m.cache.changed) }

// UncutChanges is how many changes the next cut will have, timers included: by it and by UncutBytes a caller decides
// when to cut.
func (m *Machine) UncutChanges() int { return len(m.cache.changed) + m.timerChanges() }

// UncutBytes is about how many bytes the next cut will have.
func (m *Machine) UncutBytes() int { return m.cache.bytes + timerBytes*m.timerChanges() }

func (m *Machine) timerChanges() int { return len(m.deadlines.changed) + len(m.documents.changed) }
