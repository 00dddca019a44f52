package kafka

// room is the memory that the records of one fetch lie in, when their batches were compressed. A nil room gives out new memory.
type room struct {
	records []Record
	piece   []byte
}

// The most that a room keeps for the next fetch: a fetch of fetchMaxBytes unpacks to three to five times as much, and what
// is larger was one backlog's.
const (
	roomBytes   = 6 * fetchMaxBytes
	roomRecords = 1 << 14
)

// bytes returns an empty slice with room for n bytes.
func (r *room) bytes(n int) []byte {
	if r == nil {
		return make([]byte, 0, n)
	}
	from := len(r.piece)
	if n > cap(r.piece)-from { // records lie in the old piece
		r.piece, from = make([]byte, 0, max(n, min(2*cap(r.piece), roomBytes))), 0
	}
	r.piece = r.piece[:from+n]
	return r.piece[from : from : from+n]
}

// list returns an empty list for records.
func (r *room) list() []Record {
	if r == nil {
		return nil
	}
	return r.records[:0]
}

// keep notes the list that came of list.
func (r *room) keep(records []Record) {
	if r != nil {
		r.records = records
	}
}

// empty makes the room free for the next fetch.
func (r *room) empty() {
	if cap(r.records) > roomRecords {
		r.records = nil
	}
	if cap(r.piece) > roomBytes {
		r.piece = nil
	}
	clear(r.records)
	r.records, r.piece = r.records[:0], r.piece[:0]
}

// rooms are those of one fetcher that nobody uses. A caller holds two or three batches at a time.
type rooms chan *room

func newRooms() rooms { return make(rooms, 4) }

// take returns an empty room.
func (f rooms) take() *room {
	select {
	case r := <-f:
		r.empty()
		return r
	default:
		return new(room)
	}
}

// Release says that nothing of the batch is used any more, so that its fetcher can use the memory again: made anew, it was a
// tenth of what a busy process allocates. Whoever does not know does not call it. It may be called from any goroutine, once.
func (b *Batch) Release() {
	if b.room == nil {
		return
	}
	select {
	case b.home <- b.room:
	default:
	}
	b.Records, b.room = nil, nil
}
