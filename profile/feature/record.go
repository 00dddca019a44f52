package feature

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"

	"portrait/schemas/wire"
)

// MaxText is the most bytes of a text that a feature remembers. A longer one is cut at a whole
// character, and the event counted (Feature.Overflow).
const MaxText = 256

// record is first or last with a property: the value of the earliest or latest event that has it. Its
// state is one cell; first in a window is a ring of them, while last needs only the newest of all.
//
//	cell = varint time, 8 bytes hash of the event id, value, and of a text: uvarint events cut
//
// Events are ordered by (time, hash, value); of two with all the same it does not matter which one stays.
type record struct {
	kind     ValueKind // KindText, KindAmount, KindBool
	property string
	last     bool
	windowed bool
	ringed   bool // windowed, and not last
	window   window
}

// entry is a decoded cell. value is encoded, so that it compares and is copied whatever the kind.
type entry struct {
	time  int64
	hash  uint64
	value []byte
	cut   uint64
}

func newRecord(r record, g *grid) *record {
	if g != nil {
		r.windowed, r.ringed = true, !r.last
		r.window = window{grid: *g, size: r.size, join: r.joinCells}
	}
	return &r
}

func (r *record) before(a, b *entry) bool {
	c := cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.hash, b.hash), bytes.Compare(a.value, b.value))
	return c < 0
}

func (r *record) join(a, b entry) entry {
	if r.before(&a, &b) == r.last {
		a, b = b, a
	}
	a.cut = addHeld(a.cut, b.cut)
	return a
}

// size returns the length of the cell at the front of b.
func (r *record) size(b []byte) int {
	n := sizeVarint(b) + 8
	if n >= len(b) {
		return len(b)
	}
	n += r.sizeValue(b[n:])
	if r.kind == KindText && n < len(b) {
		n += sizeVarint(b[n:])
	}
	return min(n, len(b))
}

func (r *record) sizeValue(b []byte) int {
	if r.kind != KindText {
		return sizeVarint(b) // a bool is one byte below 0x80
	}
	length, n := binary.Uvarint(b)
	return min(n+int(length), len(b))
}

func (r *record) read(b []byte) entry {
	var e entry
	t, n := binary.Varint(b)
	if n <= 0 || len(b) < n+8 {
		return e
	}
	e.time, e.hash = t, binary.BigEndian.Uint64(b[n:])
	b = b[n+8:]
	n = r.sizeValue(b)
	e.value = b[:n:n]
	if r.kind == KindText {
		e.cut, _ = binary.Uvarint(b[n:])
	}
	return e
}

func (r *record) append(b []byte, e *entry) []byte {
	b = binary.AppendVarint(b, e.time)
	b = binary.BigEndian.AppendUint64(b, e.hash)
	b = append(b, e.value...)
	if r.kind == KindText {
		b = binary.AppendUvarint(b, e.cut)
	}
	return b
}

func (r *record) joinCells(dst, a, b []byte) []byte {
	e := r.join(r.read(a), r.read(b))
	return r.append(dst, &e)
}

const maxCell = binary.MaxVarintLen64 + 8 + 2 + MaxText + binary.MaxVarintLen64

// take encodes the event's value behind buf; false: it has none of the kind and does not count.
func (r *record) take(buf []byte, ev *wire.Event) (value []byte, cut uint64, ok bool) {
	p := ev.Prop(r.property)
	if p == nil {
		return nil, 0, false
	}
	switch r.kind {
	case KindAmount:
		d, ok := p.Number()
		return binary.AppendVarint(buf, int64(d)), 0, ok
	case KindBool:
		if p.Kind != wire.PropBool {
			return nil, 0, false
		}
		if p.Text == "true" {
			return append(buf, 1), 0, true
		}
		return append(buf, 0), 0, true
	}
	text, ok := textOf(p)
	if !ok {
		return nil, 0, false
	}
	if len(text) > MaxText {
		end := MaxText
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text, cut = text[:end], 1
	}
	return append(binary.AppendUvarint(buf, uint64(len(text))), text...), cut, true
}

func (r *record) update(state []byte, ev *wire.Event) []byte {
	if !r.ringed && r.kind != KindText { // of texts even the losers are counted if they were cut
		if t, n := binary.Varint(state); n > 0 && t != ev.Time && (t > ev.Time) == r.last {
			return state
		}
	}
	var value [2 + MaxText]byte
	var cell [maxCell]byte
	e := entry{time: ev.Time}
	var ok bool
	if e.value, e.cut, ok = r.take(value[:0], ev); !ok {
		return state
	}
	e.hash = hash(ev.ID)
	if !r.ringed {
		if len(state) > 0 {
			e = r.join(r.read(state), e)
		}
		return append(state[:0], r.append(cell[:0], &e)...)
	}
	k := r.window.grid.bucket(ev.Time)
	if len(state) == 0 || k > ring(state).newest() {
		return r.window.advance(state, k, r.append(cell[:0], &e))
	}
	p := r.window.find(state, k)
	switch {
	case p.expired:
		return state
	case !p.found:
		return r.window.insert(state, p, k, r.append(cell[:0], &e))
	}
	e = r.join(r.read(state[p.from:p.to]), e)
	return slices.Replace(state, p.from, p.to, r.append(cell[:0], &e)...)
}

func (r *record) merge(a, b []byte) []byte {
	if r.ringed {
		return r.window.merge(a, b)
	}
	return r.joinCells(nil, a, b)
}

func (r *record) value(state []byte, now int64) Value {
	held, _, present := r.scan(state, now)
	if !present {
		return Value{Kind: r.kind, Absent: true}
	}
	switch r.kind {
	case KindText:
		_, n := binary.Uvarint(held)
		return Value{Kind: KindText, Text: string(held[n:])}
	case KindBool:
		return Value{Kind: KindBool, Int: int64(held[0])}
	default:
		d, _ := binary.Varint(held)
		return Value{Kind: KindAmount, Int: d}
	}
}

func (r *record) nextChange(state []byte, now int64, _ []int64) int64 {
	if !r.windowed {
		return math.MaxInt64
	}
	_, turn, present := r.scan(state, now)
	if !present {
		return math.MaxInt64
	}
	return r.window.grid.leaves(turn)
}

// scan returns the value at now, encoded, and the first bucket whose leaving the window changes it:
// the newest of the oldest buckets that agree.
func (r *record) scan(state []byte, now int64) (value []byte, turn int64, present bool) {
	if len(state) == 0 {
		return nil, 0, false
	}
	if !r.ringed {
		e := r.read(state)
		if r.windowed {
			turn = r.window.grid.bucket(e.time)
			if turn <= r.window.grid.cut(now, turn) {
				return nil, 0, false
			}
		}
		return e.value, turn, true
	}
	cut := r.window.grid.cut(now, ring(state).newest())
	for w := ring(state).walk(); w.next() && w.bucket > cut; {
		size := r.size(w.rest)
		e := r.read(w.rest[:size])
		w.rest = w.rest[size:]
		if !present || !bytes.Equal(value, e.value) {
			value, turn, present = e.value, w.bucket, true
		}
	}
	return value, turn, present
}

// overflow returns how many events had their text cut.
func (r *record) overflow(state []byte) int64 {
	if len(state) == 0 || r.kind != KindText {
		return 0
	}
	if !r.ringed {
		return int64(r.read(state).cut)
	}
	total := uint64(0)
	for w := ring(state).walk(); w.next(); {
		size := r.size(w.rest)
		total = addHeld(total, r.read(w.rest[:size]).cut)
		w.rest = w.rest[size:]
	}
	return int64(total)
}

func (r *record) bound() int {
	cell := binary.MaxVarintLen64 + 8
	switch r.kind {
	case KindText:
		cell += 2 + MaxText + binary.MaxVarintLen64
	case KindBool:
		cell++
	default:
		cell += binary.MaxVarintLen64
	}
	if r.ringed {
		return boundRing(r.window.grid.span, cell)
	}
	return cell
}
