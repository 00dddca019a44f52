package sim

import (
	"bytes"
	"fmt"

	"portrait/profile/machine"
	"portrait/schemas/wire"
)

// mustRefuse names, by the simulator's own reading of logs and disks, a reason for which a node has to refuse;
// "" if there is none that it could see.
func (w *World) mustRefuse() string {
	for q := range w.Inbox {
		end := w.broker.end(place{w.topics.Inbox, q})
		for _, n := range w.nodes {
			s := n.disk.parts[q].saved
			if s.position > end {
				return fmt.Sprintf("node %d has applied inbox %d up to %d, which holds %d", n.id, q, s.position, end)
			}
			marks, err := machine.MarksOf(&w.dep, s.meta)
			if err != nil {
				return err.Error()
			}
			for _, m := range marks {
				if m.Offset >= w.broker.end(place{w.topics.Events, int(m.Partition)}) {
					return fmt.Sprintf("node %d has applied event %d of partition %d, which is gone", n.id, m.Offset, m.Partition)
				}
			}
		}
		log := w.broker.logs[place{w.topics.Facts, q % w.Facts}]
		for _, r := range log[max(0, len(log)-10):] {
			rec, err := wire.DecodeFacts(r.Value)
			if err != nil || rec.Deployment != w.hash || int(rec.From) != q {
				continue
			}
			for i := range rec.Facts {
				if at := int64(rec.Facts[i].Version >> 16); at >= end {
					return fmt.Sprintf("facts of machine %d speak of its record %d, the inbox holds %d", q, at, end)
				}
			}
		}
	}
	return ""
}

// fits reports whether logs, states, offsets and ClickHouse could be those of a run that lost nothing: every
// output is one that the logs cause, and whatever was acknowledged for a checkpoint or a commit is there.
func (w *World) fits() bool {
	if why := w.mustRefuse(); why != "" {
		return false
	}
	for f := range w.Facts {
		if w.clickhouse.reach(f) > w.broker.end(place{w.topics.Facts, f}) {
			return false
		}
	}
	w.inboxes.read()
	for p, at := range w.committed {
		if at > w.broker.end(place{w.topics.Events, p}) || at > w.inboxes.frontier(p) {
			return false
		}
		for at := range w.inboxes.handed[p] {
			if at[0] >= w.broker.end(place{w.topics.Events, p}) {
				return false
			}
		}
	}
	before := len(w.faults)
	w.naming = true
	refs, err := w.replayAll()
	w.naming, w.faults = false, w.faults[:before]
	return err == nil && w.causedAll(refs) && w.deadLettersLeft(refs)
}

// causedAll reports whether the logs hold nothing but what the references say, and all of it that a checkpoint
// takes for acknowledged.
func (w *World) causedAll(refs []*reference) bool {
	left := map[string]bool{}
	for _, at := range w.places() {
		for i := range w.broker.logs[at] {
			keys, ours := w.keysOf(at, i)
			for _, k := range keys {
				left[k] = true
			}
			if !ours {
				continue
			}
			for _, k := range keys {
				if !w.said(refs, k) {
					return false
				}
			}
		}
	}
	for q, r := range refs {
		acknowledged := int64(0)
		for _, n := range w.nodes {
			acknowledged = max(acknowledged, n.disk.parts[q].saved.position)
		}
		for _, o := range r.outputs {
			if o.cause < acknowledged && !left[o.key] {
				return false
			}
		}
	}
	return true
}

// said reports whether one of the references has the output.
func (w *World) said(refs []*reference, key string) bool {
	for _, r := range refs {
		if r.keys[key] {
			return true
		}
	}
	return false
}

// keysOf names the items of a log's record as reference.note does; ours says that a machine wrote them.
func (w *World) keysOf(at place, i int) (keys []string, ours bool) {
	r := &w.broker.logs[at][i]
	switch at.topic {
	case w.topics.Inbox:
		rec := w.inboxes.records[at.partition][i]
		if rec.Source != wire.FromMachine || rec.Deployment != w.hash {
			return nil, false
		}
		for k := range rec.Messages {
			keys = append(keys, fmt.Sprintf("m%d>%d %d %x", rec.From, at.partition, rec.Seq+uint64(k), encodeMessage(&rec.Messages[k])))
		}
	case w.topics.Facts:
		rec, err := wire.DecodeFacts(r.Value)
		if err != nil || rec.Deployment != w.hash {
			return nil, false
		}
		for k := range rec.Facts {
			keys = append(keys, fmt.Sprintf("f%d %d %x", rec.From, rec.Seq+uint64(k), encodeFact(&rec.Facts[k])))
		}
	case w.topics.Tags:
		keys = []string{fmt.Sprintf("t%s %s", r.Key, r.Value)}
	case w.topics.Profiles:
		keys = []string{fmt.Sprintf("d%s %s %s", r.Key, header(r, "version"), r.Value)}
	case w.topics.Rejected:
		return []string{"r" + placeOf(r)}, false // a router's, or a machine's
	default:
		return nil, false
	}
	return keys, true
}

// deadLettersLeft reports whether the dead letters of all events behind which a router has committed are there,
// and of none that is gone.
func (w *World) deadLettersLeft(refs []*reference) bool {
	want := map[string]bool{}
	for _, ev := range w.sent {
		if ev.Reject != "" {
			want[fmt.Sprintf("%d/%d/%d %s", ev.At.Partition, ev.At.Offset, ev.At.Index, ev.Reject)] = ev.At.Offset < w.committed[ev.At.Partition]
		}
	}
	for _, r := range refs {
		for i := range r.dead {
			if k := placeOf(&r.dead[i]); !want[k] {
				want[k] = false
			}
		}
	}
	left := map[string][]byte{}
	for p := range w.Events {
		log := w.broker.logs[place{w.topics.Rejected, p}]
		for i := range log {
			k := placeOf(&log[i])
			if _, ok := want[k]; !ok || left[k] != nil && !bytes.Equal(left[k], log[i].Value) {
				return false
			}
			left[k] = append([]byte{0}, log[i].Value...)[1:]
		}
	}
	for k, must := range want {
		if _, ok := left[k]; must && !ok {
			return false
		}
	}
	return true
}
