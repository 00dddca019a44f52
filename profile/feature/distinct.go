package feature

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"portrait/schemas/wire"
)

// keys says what a distinct feature counts: a property's values, or the days of a zone.
type keys struct {
	property string
	zone     *Zone // "@day"; then property is not used
}

func (k *keys) of(ev *wire.Event) (uint64, bool) {
	if k.zone != nil {
		return hashDay(k.zone.Day(ev.Time)), true
	}
	p := ev.Prop(k.property)
	if p == nil {
		return 0, false
	}
	return keyOf(p)
}

// distinct counts different keys of all time, exactly up to limit. It keeps the limit keys of smallest
// hash, each with its events: a key among the smallest of the whole is so in each part that has it, so
// its count is exact whatever the parts were, and so is the count of the events of all other keys.
//
//	state = uvarint keys, uvarint events of keys cut off, 8-byte hashes ascending, uvarint events each
type distinct struct {
	keys  keys
	limit int
}

func (d *distinct) update(state []byte, ev *wire.Event) []byte {
	h, ok := d.keys.of(ev)
	if !ok {
		return state
	}
	if len(state) == 0 {
		state = append(state, 1, 0)
		return append(binary.BigEndian.AppendUint64(state, h), 1)
	}
	s := openDistinct(state)
	i, found := s.find(h)
	switch at := s.count(i); {
	case found:
		return increase(state, at)
	case s.n < d.limit:
		state = slices.Insert(state, at, 1)
		state = insertHash(state, s.hashes+8*i, h)
		return increase(state, 0)
	case i == s.n:
		return increase(state, s.other)
	}
	// The largest hash makes room for a smaller one: its events are cut off with it.
	end := s.count(s.n - 1)
	lost, _ := binary.Uvarint(state[end:])
	state = slices.Insert(state[:end], s.count(i), 1)
	copy(state[s.hashes+8*i+8:s.hashes+8*s.n], state[s.hashes+8*i:])
	binary.BigEndian.PutUint64(state[s.hashes+8*i:], h)
	return raise(state, s.other, lost)
}

// openedDistinct is where the parts of a state begin.
type openedDistinct struct {
	state  []byte
	n      int // keys
	other  int
	hashes int
}

func openDistinct(state []byte) openedDistinct {
	n, size := binary.Uvarint(state)
	return openedDistinct{state, int(n), size, size + sizeVarint(state[size:])}
}

func (s *openedDistinct) hash(i int) uint64 { return binary.BigEndian.Uint64(s.state[s.hashes+8*i:]) }

// find returns the place of a hash, or where it would be.
func (s *openedDistinct) find(h uint64) (int, bool) {
	lo, hi := 0, s.n
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if s.hash(m) < h {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo, lo < s.n && s.hash(lo) == h
}

// count returns where the events of the i-th key are.
func (s *openedDistinct) count(i int) int {
	at := s.hashes + 8*s.n
	for ; i > 0; i-- {
		at += sizeVarint(s.state[at:])
	}
	return at
}

func increase(state []byte, at int) []byte { return raise(state, at, 1) }

// raise adds to the uvarint that begins at a place.
func raise(state []byte, at int, by uint64) []byte {
	v, n := binary.Uvarint(state[at:])
	var buf [binary.MaxVarintLen64]byte
	b := binary.AppendUvarint(buf[:0], addHeld(v, by))
	if len(b) == n {
		copy(state[at:], b)
		return state
	}
	return slices.Replace(state, at, at+n, b...)
}

func insertHash(state []byte, at int, h uint64) []byte {
	var buf [8]byte
	binary.BigEndian.PutUint64(buf[:], h)
	return slices.Insert(state, at, buf[:]...)
}

// keyCount is a key with its events.
type keyCount struct{ hash, events uint64 }

func (s *openedDistinct) all() []keyCount {
	list := make([]keyCount, s.n)
	at := s.hashes + 8*s.n
	for i := range list {
		events, n := binary.Uvarint(s.state[at:])
		list[i] = keyCount{s.hash(i), events}
		at += n
	}
	return list
}

func (d *distinct) merge(a, b []byte) []byte {
	x, y := openDistinct(a), openDistinct(b)
	otherX, _ := binary.Uvarint(a[x.other:])
	otherY, _ := binary.Uvarint(b[y.other:])
	other := addHeld(otherX, otherY)
	list := append(x.all(), y.all()...)
	slices.SortFunc(list, func(p, q keyCount) int { return cmp.Compare(p.hash, q.hash) })
	kept := list[:0]
	for _, k := range list {
		switch n := len(kept); {
		case n > 0 && kept[n-1].hash == k.hash:
			kept[n-1].events = addHeld(kept[n-1].events, k.events)
		case n < d.limit:
			kept = append(kept, k)
		default:
			other = addHeld(other, k.events)
		}
	}
	out := make([]byte, 0, len(a)+len(b))
	out = binary.AppendUvarint(out, uint64(len(kept)))
	out = binary.AppendUvarint(out, other)
	for _, k := range kept {
		out = binary.BigEndian.AppendUint64(out, k.hash)
	}
	for _, k := range kept {
		out = binary.AppendUvarint(out, k.events)
	}
	return out
}

func (d *distinct) value(state []byte, _ int64) Value {
	n, _ := binary.Uvarint(state)
	return Value{Kind: KindInt, Int: int64(n)}
}

func (d *distinct) nextChange([]byte, int64, []int64) int64 { return math.MaxInt64 }

// overflow returns the events whose keys were cut off.
func (d *distinct) overflow(state []byte) int64 {
	if len(state) == 0 {
		return 0
	}
	s := openDistinct(state)
	other, _ := binary.Uvarint(state[s.other:])
	return int64(other)
}

func (d *distinct) bound() int {
	return 2*binary.MaxVarintLen64 + d.limit*(8+binary.MaxVarintLen64)
}
