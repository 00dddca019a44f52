package machine

import "cmp"

// cache holds the entries in memory: all that are not committed yet, and as many others as fit.
// Whether an entry is here or in the store makes no difference to any effect.
type cache struct {
	nodes     map[string]*entry
	changed   []*entry // dirty ones, each once
	bytes     int      // about what they will take in the next cut
	fresh     int      // of them, what one takes that was not serialised yet: as the mean of the last cut
	limit     int      // nodes in memory; 0: held alone is bounded
	room      int64    // bytes of memory for them
	held      int64    // about what they take
	cutting   []*entry // serialised in cuts that are not committed yet
	futile    int64    // committed when evict last found too little to drop; try again after the next
	cuts      int64    // number of the last cut
	committed int64    // number of the last cut that was committed
}

func (c *cache) init(limit int, room int64) {
	c.nodes, c.limit, c.room, c.fresh = map[string]*entry{}, limit, room, newBytes
}

// What an entry takes in memory, by the length of its serialised form: objects and map for each, and texts and lists that
// are longer in memory than in the store. TestMemoryHeld holds it against the heap.
const (
	heldEntry = 700
	heldTimes = 3
)

// hold counts an entry whose serialised form is about so long.
func (c *cache) hold(e *entry, size int) {
	held := heldEntry + heldTimes*size
	c.held += int64(held - e.held)
	e.held = held
}

// full reports whether more is in memory than a share of what may be.
func (c *cache) full(tenths int64) bool {
	return c.limit != 0 && int64(len(c.nodes)) > int64(c.limit)*tenths/10 || c.held > c.room/10*tenths
}

// dirty marks an entry for the next cut.
func (c *cache) dirty(e *entry) {
	if !e.dirty {
		e.dirty = true
		c.changed = append(c.changed, e)
		c.bytes += len(e.ID) + cmp.Or(e.size, c.fresh)
	}
}

// evict drops entries whose newest state is in the store, those not used lately first, until a tenth
// of the room is free. Go's order of maps decides which; no effect depends on it.
func (c *cache) evict() {
	if !c.full(10) || c.futile == c.committed+1 {
		return
	}
	for pass := 0; pass < 2 && c.full(9); pass++ {
		for id, e := range c.nodes {
			if e.used && pass == 0 {
				e.used = false
			} else if !e.dirty && e.cut <= c.committed {
				delete(c.nodes, id)
				if c.held -= int64(e.held); !c.full(9) {
					break
				}
			}
		}
	}
	if c.full(9) {
		c.futile = c.committed + 1
	}
}
