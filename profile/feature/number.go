package feature

import (
	"encoding/binary"
	"math"
	"slices"

	"portrait/schemas/wire"
)

// fold says how two numbers become one.
type fold byte

const (
	foldAdd fold = iota
	foldMin
	foldMax
)

func (f fold) join(a, b wide) wide {
	switch {
	case f == foldAdd:
		return a.add(b)
	case (f == foldMin) == b.less(a):
		return b
	default:
		return a
	}
}

// number is count, sum, min, max, and first without a property (the smallest time). Its state is one
// number, or a ring whose cells are numbers; a number is encoded by appendWide.
type number struct {
	fold     fold
	kind     ValueKind
	take     func(ev *wire.Event) (int64, bool) // the event's number; false: it has none and does not count
	most     int                                // bytes of one number
	windowed bool
	window   window
}

func newNumber(n number, g *grid) *number {
	if g != nil {
		n.windowed = true
		n.window = window{grid: *g, size: sizeVarint, join: n.joinCells}
	}
	return &n
}

func (n *number) joinCells(dst, a, b []byte) []byte {
	x, _ := readWide(a)
	y, _ := readWide(b)
	return appendWide(dst, n.fold.join(x, y))
}

func (n *number) update(state []byte, ev *wire.Event) []byte {
	v, ok := n.take(ev)
	if !ok {
		return state
	}
	var buf [maxWide]byte
	x := wideOf(v)
	if !n.windowed {
		if len(state) > 0 {
			old, _ := readWide(state)
			x = n.fold.join(old, x)
		}
		return append(state[:0], appendWide(buf[:0], x)...)
	}
	k := n.window.grid.bucket(ev.Time)
	if len(state) == 0 || k > ring(state).newest() {
		return n.window.advance(state, k, appendWide(buf[:0], x))
	}
	p := n.window.find(state, k)
	switch {
	case p.expired:
		return state
	case !p.found:
		return n.window.insert(state, p, k, appendWide(buf[:0], x))
	}
	old, _ := readWide(state[p.from:])
	return slices.Replace(state, p.from, p.to, appendWide(buf[:0], n.fold.join(old, x))...)
}

func (n *number) merge(a, b []byte) []byte {
	if n.windowed {
		return n.window.merge(a, b)
	}
	return n.joinCells(nil, a, b)
}

func (n *number) value(state []byte, now int64) Value {
	if !n.windowed {
		if len(state) == 0 {
			return n.nothing()
		}
		x, _ := readWide(state)
		return Value{Kind: n.kind, Int: x.held()}
	}
	total, _, _ := n.scan(state, now)
	return total
}

func (n *number) nothing() Value { return Value{Kind: n.kind, Absent: n.fold != foldAdd} }

func (n *number) nextChange(state []byte, now int64, _ []int64) int64 {
	if !n.windowed {
		return math.MaxInt64
	}
	_, bucket, ok := n.scan(state, now)
	if !ok {
		return math.MaxInt64
	}
	return n.window.grid.leaves(bucket)
}

// scan folds the buckets that are in the window at now, and returns the first bucket whose leaving
// changes the value: of a sum the oldest that is not 0, of a minimum the newest that holds it.
func (n *number) scan(state []byte, now int64) (v Value, turn int64, changes bool) {
	r := ring(state)
	if len(r) == 0 {
		return n.nothing(), 0, false
	}
	bucket, size := binary.Varint(r)
	cut := n.window.grid.cut(now, bucket)
	var total wide
	any := false
	// As walk does, written out: rules read every window that an event touches.
	for rest := r[size:]; bucket > cut; {
		var x wide
		if c := rest[0]; c < 0x80 { // nearly every count
			x, rest = wideOf(int64(c>>1)^-int64(c&1)), rest[1:]
		} else {
			x, size = readWide(rest)
			rest = rest[size:]
		}
		switch {
		case n.fold == foldAdd:
			total = total.add(x)
			if !x.zero() {
				turn, changes = bucket, true
			}
		case !any || n.fold == foldMin && x.less(total) || n.fold == foldMax && total.less(x):
			total, turn, changes = x, bucket, true
		}
		any = true
		if len(rest) == 0 {
			break
		}
		distance := uint64(rest[0])
		if size = 1; distance >= 0x80 {
			distance, size = binary.Uvarint(rest)
		}
		bucket, rest = bucket-int64(distance), rest[size:]
	}
	if !any {
		return n.nothing(), 0, false
	}
	return Value{Kind: n.kind, Int: total.held()}, turn, changes
}

func (n *number) bound() int {
	if n.windowed {
		return boundRing(n.window.grid.span, n.most)
	}
	return n.most
}
