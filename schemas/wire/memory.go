package wire

// Memory is room for the lists that records decode into. What was decoded with it is valid until Reset, which makes the
// room free for the next records: made anew for each record, the lists were a tenth of all that a busy process
// allocates. The zero value is ready to use.
type Memory struct {
	texts  room[string]
	props  room[Prop]
	events room[Event]
	routed room[Routed]
}

// Reset says that nothing decoded with m is used any more. It is cleared, so that whoever keeps something all the same
// finds it empty, at once and always.
func (m *Memory) Reset() {
	m.texts.reset()
	m.props.reset()
	m.events.reset()
	m.routed.reset()
}

// roomMost is the most elements that a room keeps between two resets.
const roomMost = 64 << 10

// room is memory for lists of one kind.
type room[T any] struct{ piece []T }

// take returns an empty list with room for n. A new piece has room for hint elements at least.
func (r *room[T]) take(n, hint int) []T {
	from := len(r.piece)
	if n > cap(r.piece)-from { // whoever has lists in the old piece keeps it
		r.piece, from = make([]T, 0, max(n, hint, 2*cap(r.piece))), 0
	}
	r.piece = r.piece[:from+n]
	return r.piece[from : from : from+n]
}

func (r *room[T]) reset() {
	if cap(r.piece) > roomMost {
		r.piece = nil
		return
	}
	clear(r.piece)
	r.piece = r.piece[:0]
}
