package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"portrait/profile"
	"portrait/profile/store"
)

// disk is what a node's store keeps through a crash: per inbox partition its state, and a commit that
// may be half done.
type disk struct {
	parts []*diskPart
}

type diskPart struct {
	saved  saved
	parts  [][]profile.Change // staged, a transaction each
	sealed *profile.Checkpoint
	before []saved // earlier checkpoints: what a host's crash may leave
}

// saved is one checkpoint.
type saved struct {
	data     map[string][]byte
	position int64
	meta     []byte
}

func newDisk(partitions int) *disk {
	d := &disk{}
	for range partitions {
		d.parts = append(d.parts, &diskPart{saved: saved{data: map[string][]byte{}}})
	}
	return d
}

// hostCrash goes back to an earlier checkpoint of each partition, as if the newest were not synced.
func (d *disk) hostCrash(w *World) {
	for _, p := range d.parts {
		if n := len(p.before); n > 0 && w.random.IntN(2) == 0 {
			k := w.random.IntN(n)
			p.saved, p.before = p.before[k], p.before[:k]
			p.parts, p.sealed = nil, nil
		}
	}
}

// seats is the part of a store that lives in a process: who holds which partition.
type seats struct {
	disk        *disk
	incarnation []uint64
	busy        []bool // a commit is under way: it holds the store's lock
}

func (d *disk) open() *seats {
	return &seats{disk: d, incarnation: make([]uint64, len(d.parts)), busy: make([]bool, len(d.parts))}
}

// handle is one incarnation's hold of a partition: machine.View, and where checkpoints go.
type handle struct {
	seats       *seats
	q           int
	incarnation uint64
	undo        map[string][]byte // while a commit applies its parts: what readers see; nil values: absent
}

// acquire takes a partition, and brings it to exactly one checkpoint whatever a crash has left.
func (s *seats) acquire(q int) *handle {
	s.incarnation[q]++
	p := s.disk.parts[q]
	if p.sealed != nil {
		for _, part := range p.parts {
			p.apply(part)
		}
		p.finish(p.sealed)
	}
	p.parts = nil
	return &handle{seats: s, q: q, incarnation: s.incarnation[q]}
}

func (p *diskPart) apply(part []profile.Change) {
	for _, c := range part {
		if c.Value == nil {
			delete(p.saved.data, string(c.Key))
		} else {
			p.saved.data[string(c.Key)] = slices.Clone(c.Value)
		}
	}
}

func (p *diskPart) finish(c *profile.Checkpoint) {
	p.saved.position, p.saved.meta, p.sealed = c.Position, slices.Clone(c.Meta), nil
	p.before = append(p.before, saved{maps.Clone(p.saved.data), p.saved.position, p.saved.meta})
	if len(p.before) > 3 {
		p.before = p.before[1:]
	}
}

func (h *handle) stale() error {
	if h.seats.incarnation[h.q] != h.incarnation {
		return fmt.Errorf("partition %d was acquired again: %w", h.q, store.ErrStale)
	}
	return nil
}

func (h *handle) disk() *diskPart { return h.seats.disk.parts[h.q] }

// Load implements machine.View: the newest finished checkpoint, as long as the handle is not superseded.
func (h *handle) Load(key []byte) ([]byte, error) {
	if err := h.stale(); err != nil {
		return nil, err
	}
	v, ok := h.undo[string(key)]
	if !ok {
		v = h.disk().saved.data[string(key)]
	}
	return slices.Clone(v), nil
}

// Scan implements machine.View.
func (h *handle) Scan(after, prefix []byte, limit int, f func(key, value []byte) bool) error {
	if err := h.stale(); err != nil {
		return err
	}
	data := h.disk().saved.data
	if len(h.undo) > 0 {
		data = maps.Clone(data)
		for k, v := range h.undo {
			if v == nil {
				delete(data, k)
			} else {
				data[k] = v
			}
		}
	}
	keys := make([]string, 0, len(data))
	for k := range data {
		if k > string(after) && strings.HasPrefix(k, string(prefix)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys[:min(limit, len(keys))] {
		if !f([]byte(k), slices.Clone(data[k])) {
			break
		}
	}
	return nil
}

// commit is a commit under way, one transaction per step.
type commit struct {
	h       *handle
	c       *profile.Checkpoint
	parts   [][]profile.Change
	staged  int
	applied int
}

var errHalfWay = errors.New("a write failed half-way")

// begin starts a commit; a checkpoint of more than limit changes takes several transactions.
func (h *handle) begin(c *profile.Checkpoint, limit int) (*commit, error) {
	if err := h.stale(); err != nil {
		return nil, err
	}
	if c.Position <= h.disk().saved.position {
		return nil, fmt.Errorf("checkpoint of partition %d at %d does not grow beyond %d: %w", h.q, c.Position, h.disk().saved.position, store.ErrStale)
	}
	for i := 1; i < len(c.Changes); i++ {
		if string(c.Changes[i-1].Key) >= string(c.Changes[i].Key) {
			return nil, fmt.Errorf("partition %d: keys of a checkpoint do not ascend, each once", h.q)
		}
	}
	h.seats.busy[h.q] = true
	k := &commit{h: h, c: c}
	for list := c.Changes; len(list) > 0; {
		n := min(limit, len(list))
		k.parts, list = append(k.parts, list[:n]), list[n:]
	}
	return k, nil
}

// step writes the next transaction; done when the checkpoint is complete.
func (k *commit) step() (done bool) {
	p := k.h.disk()
	switch {
	case len(k.parts) <= 1: // all in one
		for _, part := range k.parts {
			p.apply(part)
		}
	case k.staged < len(k.parts):
		p.parts = append(p.parts, k.parts[k.staged])
		k.staged++
		return false
	case p.sealed == nil && k.applied == 0:
		p.sealed = k.c
		k.h.undo = map[string][]byte{}
		for _, ch := range k.c.Changes {
			k.h.undo[string(ch.Key)] = p.saved.data[string(ch.Key)]
		}
		return false
	case k.applied < len(k.parts):
		p.apply(k.parts[k.applied])
		k.applied++
		return false
	}
	p.finish(k.c)
	p.parts, k.h.undo, k.h.seats.busy[k.h.q] = nil, nil, false
	return true
}

// fail ends a commit half-way: only acquire can tell what is on disk, so the seat is taken away.
func (k *commit) fail() error {
	k.h.seats.busy[k.h.q] = false
	k.h.seats.incarnation[k.h.q]++
	return fmt.Errorf("partition %d: %w: %w", k.h.q, errHalfWay, store.ErrStale)
}

// drop ends whatever is under way in a process whose drivers have stopped: parts without an end go.
func (s *seats) drop() {
	for q := range s.busy {
		s.busy[q] = false
		s.incarnation[q]++
	}
}
