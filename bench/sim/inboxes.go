package sim

import (
	"portrait/schemas"
	"portrait/schemas/wire"
)

// inboxReader reads the inboxes once, as they grow.
type inboxReader struct {
	w       *World
	records [][]*wire.InboxRecord // by inbox partition and offset
	handed  []map[[2]int64]bool   // by events partition: offset and index of items that are in an inbox
	done    []int64               // by events partition: all items of records before it are there
}

func (r *inboxReader) init(w *World) {
	r.w, r.records, r.done = w, make([][]*wire.InboxRecord, w.Inbox), make([]int64, w.Events)
	for range w.Events {
		r.handed = append(r.handed, map[[2]int64]bool{})
	}
}

func (r *inboxReader) read() {
	for q := range r.records {
		log := r.w.broker.logs[place{r.w.topics.Inbox, q}]
		for k := len(r.records[q]); k < len(log); k++ {
			rec, err := wire.DecodeInbox(log[k].Value)
			if err != nil {
				if !r.w.poisoned[placeAt{q, int64(k)}] {
					r.w.fault("inbox %d offset %d: %v", q, k, err)
				}
				rec = new(wire.InboxRecord)
			}
			r.records[q] = append(r.records[q], rec)
			if n := max(len(rec.Routed), len(rec.Messages)); n > schemas.ItemsPerRecord || len(log[k].Value) > 2*schemas.BytesPerRecord {
				r.w.fault("inbox %d offset %d: %d items, %d bytes", q, k, n, len(log[k].Value))
			}
			for i := range rec.Routed {
				at := rec.Routed[i].At()
				r.handed[at.Partition][[2]int64{at.Offset, int64(at.Index)}] = true
			}
		}
	}
}

// frontier is the first offset of an events partition of which not all items are in an inbox. Of offsets
// without an event there is one, when a record is behind them.
func (r *inboxReader) frontier(p int) int64 {
	for offset := r.done[p]; offset < int64(len(r.w.items[p])); offset++ {
		for k := range r.w.items[p][offset] {
			if !r.handed[p][[2]int64{offset, int64(k)}] {
				return r.done[p]
			}
		}
		switch {
		case r.w.voids[p][offset] == holdsRecord:
			r.done[p] = offset + 1
		case r.w.reported(p, offset) && !r.handed[p][[2]int64{offset, 0}]:
			return r.done[p]
		}
	}
	return r.done[p]
}
