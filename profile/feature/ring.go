package feature

import (
	"encoding/binary"
	"slices"
)

// A ring is the state of a window: its buckets that hold anything, newest first, never more than the
// grid's span of them and never one that is out of the window at the newest. So it is a function of the
// events alone, not of their order, and its size does not depend on how far apart they are.
//
//	ring   = varint number of the newest bucket, cell, { uvarint distance to the next older one, cell }
//
// What a cell is, is up to the accumulator; it only has to tell its length.
type ring []byte

// maxHeader is the most bytes the newest bucket's number takes, maxDistance those of a distance (spans
// are below 2^14).
const (
	maxHeader   = binary.MaxVarintLen64
	maxDistance = 2
)

// boundRing returns the most bytes a ring of span cells of at most cell bytes takes.
func boundRing(span int64, cell int) int {
	return maxHeader + cell + int(span-1)*(maxDistance+cell)
}

// newest returns the number of the newest bucket of a ring that is not empty.
func (r ring) newest() int64 {
	k, _ := binary.Varint(r)
	return k
}

// walk goes over the buckets of a ring, newest first. After next, rest begins with the cell, and the
// caller must cut it off before the next call.
type walk struct {
	rest   []byte
	bucket int64
	begun  bool
}

func (r ring) walk() walk { return walk{rest: r} }

func (w *walk) next() bool {
	if len(w.rest) == 0 {
		return false
	}
	if w.begun {
		if d := w.rest[0]; d < 0x80 { // nearly always
			w.bucket -= int64(d)
			w.rest = w.rest[1:]
			return true
		}
		d, n := binary.Uvarint(w.rest)
		if n <= 0 {
			return false
		}
		w.bucket -= int64(d)
		w.rest = w.rest[n:]
		return true
	}
	k, n := binary.Varint(w.rest)
	if n <= 0 {
		return false
	}
	w.bucket, w.begun, w.rest = k, true, w.rest[n:]
	return true
}

// window keeps rings of one kind of cell.
type window struct {
	grid grid
	size func(b []byte) int            // length of the cell at the front of b
	join func(dst, a, b []byte) []byte // appends the cell of two parts of a bucket; commutative, associative
}

// place is where a bucket's cell is in a ring, or would be.
type place struct {
	found    bool
	expired  bool  // not found, and out of the window at the newest bucket: it leaves no trace
	from, to int   // found: its cell; else the distance of the next older bucket, empty at the end
	newer    int64 // not found: number of the next newer bucket
	older    int64 // not found: number of the next older bucket, if from < to
}

// find looks for bucket k in a ring whose newest bucket is k or newer.
func (w *window) find(r ring, k int64) place {
	newest := r.newest()
	newer, end := newest, 0
	for i := r.walk(); i.next(); {
		cell := len(r) - len(i.rest)
		if i.bucket == k {
			return place{found: true, from: cell, to: cell + w.size(i.rest)}
		}
		if i.bucket < k {
			return place{from: end, to: cell, newer: newer, older: i.bucket}
		}
		i.rest = i.rest[w.size(i.rest):]
		newer, end = i.bucket, len(r)-len(i.rest)
	}
	return place{expired: k <= newest-w.grid.span, from: end, to: end, newer: newer}
}

// insert puts the cell of bucket k at a place that find has not found, in the ring's own memory if it
// has room.
func (w *window) insert(r ring, p place, k int64, cell []byte) ring {
	var buf [maxHeader]byte
	if p.from < p.to {
		r = slices.Replace(r, p.from, p.to, binary.AppendUvarint(buf[:0], uint64(k-p.older))...)
	}
	r = slices.Insert(r, p.from, cell...)
	return slices.Insert(r, p.from, binary.AppendUvarint(buf[:0], uint64(p.newer-k))...)
}

// advance puts the cell of a bucket that is newer than all in the ring, drops those that are then out
// of the window, and uses the ring's own memory if it has room.
func (w *window) advance(r ring, k int64, cell []byte) ring {
	var buf [maxHeader]byte
	kept := 0
	for i := r.walk(); i.next() && i.bucket > k-w.grid.span; {
		i.rest = i.rest[w.size(i.rest):]
		kept = len(r) - len(i.rest)
	}
	newest, n := binary.Varint(r)
	if r = r[:kept]; kept > 0 {
		r = slices.Replace(r, 0, n, binary.AppendUvarint(buf[:0], uint64(k-newest))...)
	}
	r = slices.Insert(r, 0, cell...)
	return slices.Insert(r, 0, binary.AppendVarint(buf[:0], k)...)
}

// merge returns the ring of all events of a and b in memory of its own.
func (w *window) merge(a, b ring) ring {
	i, j := a.walk(), b.walk()
	more, moreB := i.next(), j.next()
	newest := max(i.bucket, j.bucket)
	out := make(ring, 0, len(a)+len(b)+maxHeader)
	last := newest
	for more || moreB {
		k := i.bucket
		if !more || moreB && j.bucket > k {
			k = j.bucket
		}
		if k <= newest-w.grid.span {
			break
		}
		if len(out) == 0 {
			out = binary.AppendVarint(out, k)
		} else {
			out = binary.AppendUvarint(out, uint64(last-k))
		}
		last = k
		inA, inB := more && i.bucket == k, moreB && j.bucket == k
		switch {
		case inA && inB:
			out = w.join(out, i.rest, j.rest)
		case inA:
			out = append(out, i.rest[:w.size(i.rest)]...)
		default:
			out = append(out, j.rest[:w.size(j.rest)]...)
		}
		if inA {
			i.rest = i.rest[w.size(i.rest):]
			more = i.next()
		}
		if inB {
			j.rest = j.rest[w.size(j.rest):]
			moreB = j.next()
		}
	}
	return out
}
