package sim

import (
	"bytes"
	"fmt"

	"portrait/pipeline/kafka"
	"portrait/schemas/wire"
)

// compare says how what was received, dropped by number, differs from the references.
func (w *World) compare(refs []*reference) {
	w.compareMessages(refs)
	w.compareFacts(refs)
	w.compareTags(refs)
	w.compareDocuments(refs)
	w.compareDead(refs)
	w.compareStates(refs)
}

// counter drops by number: the next of a channel is new, one at or below is a repeat, one above a gap.
type counter struct{ mark uint64 }

func (c *counter) isNew(seq uint64) (fresh, gap bool) {
	if seq <= c.mark {
		return false, false
	}
	gap = seq > c.mark+1
	c.mark = seq
	return true, gap
}

func (w *World) compareMessages(refs []*reference) {
	w.inboxes.read()
	for q, log := range w.inboxes.records {
		marks := make([]counter, w.Inbox)
		for offset, rec := range log {
			if rec.Source != wire.FromMachine || rec.Deployment != w.hash {
				continue
			}
			for i := range rec.Messages {
				seq, want := rec.Seq+uint64(i), refs[rec.From].messages[q]
				if _, gap := marks[rec.From].isNew(seq); gap {
					w.fault("inbox %d offset %d: message %d of machine %d leaves a gap", q, offset, seq, rec.From)
				}
				if seq > uint64(len(want)) || !bytes.Equal(encodeMessage(&rec.Messages[i]), want[seq-1]) {
					w.fault("inbox %d offset %d: message %d of machine %d is not what a run without faults says", q, offset, seq, rec.From)
				}
			}
		}
		for p := range marks {
			if n := uint64(len(refs[p].messages[q])); marks[p].mark != n {
				w.fault("inbox %d has messages up to %d of machine %d, want %d", q, marks[p].mark, p, n)
			}
		}
	}
}

func (w *World) compareFacts(refs []*reference) {
	marks := make([]counter, w.Inbox)
	for f := range w.Facts {
		for _, r := range w.broker.logs[place{w.topics.Facts, f}] {
			rec, err := wire.DecodeFacts(r.Value)
			if err != nil {
				w.fault("facts %d offset %d: %v", f, r.Offset, err)
				continue
			}
			if rec.Deployment != w.hash {
				continue
			}
			for i := range rec.Facts {
				seq, want := rec.Seq+uint64(i), refs[rec.From].facts
				if _, gap := marks[rec.From].isNew(seq); gap || int(rec.From)%w.Facts != f {
					w.fault("facts %d offset %d: fact %d of machine %d leaves a gap", f, r.Offset, seq, rec.From)
				}
				if seq > uint64(len(want)) || !bytes.Equal(encodeFact(&rec.Facts[i]), want[seq-1]) {
					w.fault("facts %d offset %d: fact %d of machine %d is not what a run without faults says", f, r.Offset, seq, rec.From)
				}
			}
		}
	}
	for p := range marks {
		if n := uint64(len(refs[p].facts)); marks[p].mark != n {
			w.fault("facts of machine %d are there up to %d, want %d", p, marks[p].mark, n)
		}
	}
}

// compareTags drops tag changes by their profile's number, which only grows.
func (w *World) compareTags(refs []*reference) {
	numbers := map[string]int{} // text of a change -> its number within its profile, from 1
	total := map[string]int{}
	for _, r := range refs {
		for _, rec := range r.tags {
			total[string(rec.Key)]++
			numbers[string(rec.Value)] = total[string(rec.Key)]
		}
	}
	marks := map[string]*counter{}
	for q := range w.Inbox {
		for _, rec := range w.broker.logs[place{w.topics.Tags, q}] {
			key := string(rec.Key)
			if marks[key] == nil {
				marks[key] = new(counter)
			}
			n := numbers[string(rec.Value)]
			if n == 0 {
				w.fault("tags %d offset %d: %s is not what a run without faults says", q, rec.Offset, rec.Value)
			} else if _, gap := marks[key].isNew(uint64(n)); gap {
				w.fault("tags %d offset %d: change %d of profile %s leaves a gap", q, rec.Offset, n, key)
			}
		}
	}
	for key, n := range total {
		if marks[key] == nil || marks[key].mark != uint64(n) {
			w.fault("tag changes of profile %s are not there up to %d", key, n)
		}
	}
}

func header(r *kafka.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// compareDocuments keeps, of each profile, the document of the highest version, as readers of a compacted
// topic do.
func (w *World) compareDocuments(refs []*reference) {
	known := map[string][]byte{} // key and version
	last := map[string]string{}
	for _, r := range refs {
		for i := range r.documents {
			d := &r.documents[i]
			version := fmt.Sprintf("%20s", header(d, "version"))
			known[string(d.Key)+version], last[string(d.Key)] = d.Value, version
		}
	}
	got := map[string]string{}
	for q := range w.Inbox {
		log := w.broker.logs[place{w.topics.Profiles, q}]
		for i := range log {
			key, version := string(log[i].Key), fmt.Sprintf("%20s", header(&log[i], "version"))
			want, ok := known[key+version]
			if !ok || !bytes.Equal(want, log[i].Value) || (want == nil) != (log[i].Value == nil) {
				w.fault("profiles %d offset %d: document %s version %s is not what a run without faults says", q, i, key, version)
			}
			got[key] = max(got[key], version)
		}
	}
	for key, version := range last {
		if got[key] != version {
			w.fault("profile %s: the newest document is %s, want %s", key, got[key], version)
		}
	}
}

// placeOf is the place and the reason that a dead letter names.
func placeOf(r *kafka.Record) string {
	return header(r, "partition") + "/" + header(r, "offset") + "/" + header(r, "index") + " " + header(r, "reason")
}

// compareDead checks dead letters: each place once a repeat is dropped, with the original's bytes where the
// router wrote it, and the machine's as it says them.
func (w *World) compareDead(refs []*reference) {
	want := map[string]string{}
	for _, ev := range w.sent {
		if ev.Reject != "" && ev.Raw != "" {
			want[fmt.Sprintf("%d/%d/%d %s", ev.At.Partition, ev.At.Offset, ev.At.Index, ev.Reject)] = ev.Raw
		} else if ev.Reject != "" {
			want[fmt.Sprintf("%d/%d/%d %s", ev.At.Partition, ev.At.Offset, ev.At.Index, ev.Reject)] = "-"
		}
	}
	for _, r := range refs {
		for i := range r.dead {
			want[placeOf(&r.dead[i])] = string(r.dead[i].Value)
		}
	}
	seen := map[string]bool{}
	for p := range w.Events {
		log := w.broker.logs[place{w.topics.Rejected, p}]
		for i := range log {
			k := placeOf(&log[i])
			if text, ok := want[k]; !ok || text != "-" && text != string(log[i].Value) {
				w.fault("rejected %d offset %d: the dead letter of %s is wrong", p, i, k)
			}
			seen[k] = true
		}
	}
	for k := range want {
		if !seen[k] {
			w.fault("the dead letter of %s is missing", k)
		}
	}
}

// compareStates compares the last checkpoints with the states of the references, byte for byte.
func (w *World) compareStates(refs []*reference) {
	for q, r := range refs {
		got := w.nodes[w.inbox[q]].disk.parts[q].saved
		if got.position != r.end.position || !bytes.Equal(got.meta, r.end.meta) {
			w.fault("inbox %d: the last checkpoint is at %d, a run without faults ends at %d; metas are equal: %v", q, got.position, r.end.position, bytes.Equal(got.meta, r.end.meta))
			continue
		}
		for k, v := range r.end.data {
			if !bytes.Equal(got.data[k], v) {
				w.fault("inbox %d: the last checkpoint differs at %q from a run without faults", q, k)
			}
		}
		for k := range got.data {
			if _, ok := r.end.data[k]; !ok {
				w.fault("inbox %d: the last checkpoint has %q, a run without faults has not", q, k)
			}
		}
	}
}
