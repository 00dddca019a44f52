package machine

import "bytes"

// recent remembers an event id by its hash, and when it came.
type recent struct {
	hash uint64
	at   int64
}

// recents are the latest event ids of a profile, bounded. Every event asks for its own and replaces the oldest: they
// stand in a ring, and a byte of each hash beside them says which are worth a look. A list that moved up, and was read
// from end to end, touched its whole kilobyte for each event.
// The zero value is empty.
type recents struct {
	ids   []recent // from the oldest on, around the end
	marks []byte   // of each of ids
	first int      // where the oldest is; 0 unless there are as many as may be
}

func (r *recents) len() int { return len(r.ids) }

func markOf(hash uint64) byte { return byte(hash >> 56) }

// has reports whether an id is there.
func (r *recents) has(hash uint64) bool {
	mark := markOf(hash)
	for from := 0; ; {
		k := bytes.IndexByte(r.marks[from:], mark)
		if k < 0 {
			return false
		}
		if r.ids[from+k].hash == hash {
			return true
		}
		from += k + 1
	}
}

// add appends an id; beyond the limit, which is at least 1, the oldest give way.
func (r *recents) add(id recent, limit int) {
	switch {
	case len(r.ids) > limit:
		list := r.list()
		r.set(list[len(list)-limit:])
		fallthrough
	case len(r.ids) == limit:
		r.ids[r.first], r.marks[r.first] = id, markOf(id.hash)
		r.first = (r.first + 1) % limit
	default:
		r.ids, r.marks = append(r.ids, id), append(r.marks, markOf(id.hash))
	}
}

// each calls do for the ids, oldest first.
func (r *recents) each(do func(recent)) {
	for k := range r.ids {
		do(r.ids[(r.first+k)%len(r.ids)])
	}
}

// list returns a new list of the ids, oldest first.
func (r *recents) list() []recent {
	return append(append(make([]recent, 0, len(r.ids)), r.ids[r.first:]...), r.ids[:r.first]...)
}

// set replaces all by a list that is r's from now on, oldest first.
func (r *recents) set(list []recent) {
	r.ids, r.marks, r.first = list, r.marks[:0], 0
	for i := range list {
		r.marks = append(r.marks, markOf(list[i].hash))
	}
}
