package wire

import "unsafe"

// Memory is room for events and their lists: those that records decode into, and those that a router makes. What is
// in it is valid until Reset, which makes the room free for the next ones: made anew for each record, the lists were a fifth
// of all that a busy process allocates. The zero value is ready to use; it keeps a few megabytes at most.
type Memory struct {
	texts  room[string]
	props  room[Prop]
	events room[Event]
	routed room[Routed]
	bytes  room[byte]
}

// Event returns an empty event.
func (m *Memory) Event() *Event { return &m.events.take(1, leastPiece)[:1][0] }

// Props returns an empty list with room for n.
func (m *Memory) Props(n int) []Prop { return m.props.take(n, leastPiece) }

// Texts returns an empty list with room for n.
func (m *Memory) Texts(n int) []string { return m.texts.take(n, leastPiece) }

// Join returns the texts one behind the other.
func (m *Memory) Join(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := m.bytes.take(n, leastPiece*16)
	for _, p := range parts {
		out = append(out, p...)
	}
	return unsafe.String(unsafe.SliceData(out), n)
}

// Reset says that nothing in m is used any more. It is cleared, so that whoever keeps something all the same
// finds it empty, at once and always.
func (m *Memory) Reset() {
	m.texts.reset()
	m.props.reset()
	m.events.reset()
	m.routed.reset()
	m.bytes.reset()
}

// Bounds of a piece of memory, in elements. Pieces double up to the largest; a larger one is for one large list.
const (
	leastPiece = 512
	mostPiece  = 64 << 10
)

// room is memory for lists of one kind.
type room[T any] struct{ piece []T }

// take returns an empty list with room for n. A new piece has room for hint elements at least.
func (r *room[T]) take(n, hint int) []T {
	from := len(r.piece)
	if n > cap(r.piece)-from { // whoever has lists in the old piece keeps it
		r.piece, from = make([]T, 0, max(n, hint, min(2*cap(r.piece), mostPiece))), 0
	}
	r.piece = r.piece[:from+n]
	return r.piece[from : from : from+n]
}

func (r *room[T]) reset() {
	if cap(r.piece) > mostPiece {
		r.piece = nil
		return
	}
	clear(r.piece)
	r.piece = r.piece[:0]
}
