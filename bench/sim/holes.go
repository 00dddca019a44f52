package sim

import (
	"portrait/pipeline/kafka"
)

// voidKind is what an offset of an events partition holds. The simulated log has a record at each offset; those
// that are none are there for nobody who reads.
type voidKind byte

const (
	holdsRecord voidKind = iota
	holdsMarker          // or a record of an aborted transaction: the log shows that it never held an event
	heldRecord           // the broker lost it, and the log goes on behind it
)

// gap appends offsets without an event to an events partition.
func (w *World) gap(p int) {
	if !w.Holes || w.random.IntN(3) > 0 {
		return
	}
	for range 1 + w.random.IntN(5) {
		kind := holdsMarker
		if w.random.IntN(6) == 0 {
			kind = heldRecord
		}
		at := place{w.topics.Events, p}
		w.logf("producer: offset %d of events %d: %v", w.broker.end(at), p, kind)
		w.items[p], w.voids[p] = append(w.items[p], 0), append(w.voids[p], kind)
		w.broker.append(request{at, []kafka.Record{{}}, w.clock, true})
	}
}

// String is the kind in a world's course.
func (k voidKind) String() string {
	return [...]string{"a record", "a marker, or a record of an aborted transaction", "a record that the broker lost"}[k]
}

// fetchEvents is a fetch of an events partition: it may end in the middle of offsets without an event.
func (w *World) fetchEvents(p int, from int64, n int, b *kafka.Batch) {
	log, end := w.broker.read(place{w.topics.Events, p}, from, n)
	*b = kafka.Batch{Next: from + int64(len(log)), High: end}
	for _, r := range log {
		last := len(b.Voids) - 1
		switch {
		case w.voids[p][r.Offset] == holdsRecord:
			b.Records = append(b.Records, r)
		case w.voids[p][r.Offset] == heldRecord:
		case last >= 0 && b.Voids[last].Last+1 == r.Offset:
			b.Voids[last].Last++
		default:
			b.Voids = append(b.Voids, kafka.Void{First: r.Offset, Last: r.Offset})
		}
	}
}

// reported reports whether an offset is the last of a run of which a router has to tell: the log shows that it
// never held events, and a record is somewhere behind it.
func (w *World) reported(p int, offset int64) bool {
	rest := w.voids[p][offset:]
	if rest[0] != holdsMarker || len(rest) > 1 && rest[1] == holdsMarker {
		return false
	}
	for _, kind := range rest {
		if kind == holdsRecord {
			return true
		}
	}
	return false
}

// compareHoles sees each offset told of, once, that never held an event and has a record behind it, and no other: none that
// was lost, and none at the end of the log, of which nobody could say yet where they end. Where logs lost their tails
// the record behind it may be gone.
func (w *World) compareHoles(refs []*reference) {
	for p, voids := range w.voids {
		told := make([]int, len(voids))
		w.holes[p] = 0
		for _, r := range refs {
			for i := range r.decoded {
				h := r.decoded[i].Hole
				if h == nil || int(h.At.Partition) != p {
					continue
				}
				w.holes[p]++
				if h.First() < 0 || h.At.Offset >= int64(len(told)) {
					w.fault("events %d: offsets %d to %d are said to hold no event, the log has %d", p, h.First(), h.At.Offset, len(told))
					return
				}
				for at := h.First(); at <= h.At.Offset; at++ {
					told[at]++
				}
			}
		}
		for at, behind := len(voids)-1, 0; at >= 0; at-- {
			want := 0
			if voids[at] == holdsMarker {
				want = behind
			}
			if voids[at] == holdsRecord {
				behind = 1
			}
			if again := w.went > 0 && behind == 0 && voids[at] == holdsMarker; told[at] != want && (!again || told[at] > 1) {
				w.fault("events %d: offset %d (%v) is told %d times to hold no event, want %d", p, at, voids[at], told[at], want)
			}
		}
	}
}
