package feature

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"portrait/schemas/wire"
)

// distinctWindow counts different keys in a window, exactly up to limit. Per key it keeps the newest
// bucket it was seen in, and of the keys the best by (newest bucket first, hash): a key among the best
// of the whole is so in the part that has its newest event, and any key that is in the window comes
// before all that have left it. It keeps one key more than limit, which tells that keys were cut off;
// how many cannot be told, because a key that was cut off may come back.
//
//	state = varint number of the newest bucket, { 2 bytes age in buckets, 8 bytes hash } ascending
type distinctWindow struct {
	keys  keys
	limit int
	grid  grid
}

// keySize is the size of one key: its age, then its hash, so that bytes order keys.
const keySize = 10

func (d *distinctWindow) update(state []byte, ev *wire.Event) []byte {
	h, ok := d.keys.of(ev)
	if !ok {
		return state
	}
	k := d.grid.bucket(ev.Time)
	var head [binary.MaxVarintLen64]byte
	if len(state) == 0 {
		return d.insert(append(state, binary.AppendVarint(head[:0], k)...), 0, h)
	}
	newest, n := binary.Varint(state)
	if k > newest {
		state = d.grow(state, n, k-newest)
		state = slices.Replace(state, 0, n, binary.AppendVarint(head[:0], k)...)
		newest = k
	}
	if newest-k >= d.grid.span {
		return state
	}
	return d.insert(state, uint16(newest-k), h)
}

// grow makes all keys older by a number of buckets and drops those that leave the window.
func (d *distinctWindow) grow(state []byte, head int, by int64) []byte {
	for at := head; at < len(state); at += keySize {
		age := int64(binary.BigEndian.Uint16(state[at:])) + by
		if by >= d.grid.span || age >= d.grid.span {
			return state[:at] // ascending by age
		}
		binary.BigEndian.PutUint16(state[at:], uint16(age))
	}
	return state
}

// insert notes that a key was seen in the bucket of that age.
func (d *distinctWindow) insert(state []byte, age uint16, h uint64) []byte {
	var key [keySize]byte
	binary.BigEndian.PutUint16(key[:], age)
	binary.BigEndian.PutUint64(key[2:], h)
	head := sizeVarint(state)
	at := head // where it belongs
	for at < len(state) && bytes.Compare(state[at:at+keySize], key[:]) < 0 {
		if binary.BigEndian.Uint64(state[at+2:]) == h {
			return state // seen later
		}
		at += keySize
	}
	old := at // where it was
	for old < len(state) && binary.BigEndian.Uint64(state[old+2:]) != h {
		old += keySize
	}
	switch {
	case old < len(state): // it moves ahead of those between
		copy(state[at+keySize:old+keySize], state[at:old])
		copy(state[at:], key[:])
		return state
	case (len(state)-head)/keySize <= d.limit:
		return slices.Insert(state, at, key[:]...)
	case at < len(state): // the worst goes
		copy(state[at+keySize:], state[at:len(state)-keySize])
		copy(state[at:], key[:])
	}
	return state
}

func (d *distinctWindow) merge(a, b []byte) []byte {
	x, n := binary.Varint(a)
	y, m := binary.Varint(b)
	a, b = slices.Clone(a), slices.Clone(b)
	newest := max(x, y)
	if x < newest {
		a = d.grow(a, n, newest-x)
	}
	if y < newest {
		b = d.grow(b, m, newest-y)
	}
	a, b = a[n:], b[m:]
	out := binary.AppendVarint(make([]byte, 0, binary.MaxVarintLen64+len(a)+len(b)), newest)
	seen := make(map[uint64]struct{}, (len(a)+len(b))/keySize) // asked only, never iterated
	for kept := 0; kept <= d.limit && len(a)+len(b) > 0; {
		from := &a
		if len(a) == 0 || len(b) > 0 && bytes.Compare(b[:keySize], a[:keySize]) < 0 {
			from = &b
		}
		key := (*from)[:keySize]
		*from = (*from)[keySize:]
		h := binary.BigEndian.Uint64(key[2:])
		if _, double := seen[h]; !double {
			seen[h] = struct{}{}
			out = append(out, key...)
			kept++
		}
	}
	return out
}

// in returns how many of the keys are in the window at now; they are the first ones.
func (d *distinctWindow) in(state []byte, now int64) (keys []byte, newest int64, in int) {
	newest, n := binary.Varint(state)
	if n <= 0 {
		return nil, 0, 0
	}
	keys = state[n:]
	oldest := newest - d.grid.cut(now, newest) // the first age that is out
	lo, hi := 0, len(keys)/keySize
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if int64(binary.BigEndian.Uint16(keys[m*keySize:])) < oldest {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return keys, newest, lo
}

func (d *distinctWindow) value(state []byte, now int64) Value {
	_, _, in := d.in(state, now)
	return Value{Kind: KindInt, Int: int64(min(in, d.limit))}
}

// nextChange: the value falls when the last key that it counts leaves.
func (d *distinctWindow) nextChange(state []byte, now int64, _ []int64) int64 {
	keys, newest, in := d.in(state, now)
	if in == 0 {
		return math.MaxInt64
	}
	age := binary.BigEndian.Uint16(keys[(min(in, d.limit)-1)*keySize:])
	return d.grid.leaves(newest - int64(age))
}

// overflow returns 1 if keys were cut off that would still be in the window at its newest event.
func (d *distinctWindow) overflow(state []byte) int64 {
	if len(state) > 0 && (len(state)-sizeVarint(state))/keySize > d.limit {
		return 1
	}
	return 0
}

func (d *distinctWindow) bound() int { return binary.MaxVarintLen64 + (d.limit+1)*keySize }
