package sim

import (
	"errors"
	"fmt"

	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/profile/machine"
	"portrait/schemas/wire"
)

// reference is what the same code says when it is run once, without faults, over one inbox as it was
// appended: everything in memory, no checkpoint before the end.
type reference struct {
	messages  [][][]byte // by target, encoded, in order of their numbers from 1
	facts     [][]byte   // encoded, in order of their numbers from 1
	decoded   []wire.Fact
	tags      []kafka.Record
	documents []kafka.Record
	dead      []kafka.Record
	outputs   []caused        // all of the above
	keys      map[string]bool // of outputs
	end       saved
	watermark int64
	now       []int64           // by fact: the watermark when it was decided, 0 if that is not known
	applied   uint64            // number of the machine's last message to itself that it has applied
	accepted  map[string]string // child -> whom its partition's machine let it join
}

// replayAll computes the references of all inboxes.
func (w *World) replayAll() ([]*reference, error) {
	refs := make([]*reference, w.Inbox)
	for q := range refs {
		var err error
		if refs[q], err = w.replay(q); err != nil {
			return nil, err
		}
	}
	return refs, nil
}

// replay computes the reference of an inbox. Where it stops, it goes on as the log says, from the beginning.
func (w *World) replay(q int) (*reference, error) {
	var skips []wire.Skip
	for {
		r, err := w.replayWith(q, skips)
		var stop *machine.Stop
		if !errors.As(err, &stop) {
			return r, err
		}
		before := len(skips)
		for _, rec := range w.inboxLog(q)[stop.At.Offset+1:] {
			if skip, ok := stop.Answer(w.hash, rec.Value, skips); ok {
				skips = append(skips, skip)
				break
			}
		}
		if len(skips) == before {
			return nil, err
		}
	}
}

func (w *World) replayWith(q int, skips []wire.Skip) (*reference, error) {
	config := w.machineConfig(q, skips)
	config.CacheNodes = 0
	h := newDisk(w.Inbox).open().acquire(q)
	m, err := machine.Open(config, h, 0, nil)
	if err != nil {
		return nil, err
	}
	p := pipeline.NewPartition(config, w.topics, m)
	r := &reference{messages: make([][][]byte, w.Inbox), accepted: map[string]string{}, keys: map[string]bool{}}
	w.inboxes.read()
	log, flying := w.inboxLog(q), 0
	for i := range log {
		before, said := m.Watermark(), len(r.facts)
		out, ticket, err := p.Step(log[i : i+1])
		if err != nil {
			return nil, err
		}
		p.Acked(ticket, len(out))
		flying -= w.continues(q, w.inboxes.records[q][i], r.applied)
		for k := range out {
			if err := r.take(w, &out[k], int64(i)); err != nil {
				return nil, err
			}
		}
		r.applied, flying = r.landed(w.inboxes.records[q][i], q, w.hash), flying+w.continuesSaid(q, out)
		if flying > 1 {
			w.fault("inbox %d offset %d: %d Continues of the machine to itself are in flight", q, i, flying)
		}
		for range len(r.facts) - said {
			r.now = append(r.now, before)
			if before != m.Watermark() { // it grew in the middle of the record
				r.now[len(r.now)-1] = 0
			}
		}
	}
	r.watermark = m.Watermark()
	p.Cut()
	if due := p.Due(); due != nil {
		k, err := h.begin(due.Checkpoint(), 1<<30)
		if err != nil {
			return nil, err
		}
		k.step()
	}
	r.end = h.disk().saved
	return r, nil
}

// continues counts the Continues of a machine to itself in a record that are above what it has applied.
func (w *World) continues(q int, rec *wire.InboxRecord, applied uint64) (n int) {
	if rec.Source != wire.FromMachine || int(rec.From) != q || rec.Deployment != w.hash {
		return 0
	}
	for i := range rec.Messages {
		if rec.Messages[i].Kind == wire.MsgContinue && rec.Seq+uint64(i) > applied {
			n++
		}
	}
	return n
}

// landed is the number of the machine's last message to itself once the record is applied.
func (r *reference) landed(rec *wire.InboxRecord, q int, hash uint64) uint64 {
	if rec.Source != wire.FromMachine || int(rec.From) != q || rec.Deployment != hash {
		return r.applied
	}
	return max(r.applied, rec.Seq+uint64(len(rec.Messages))-1)
}

// continuesSaid counts the Continues of a machine to itself among outputs.
func (w *World) continuesSaid(q int, out []pipeline.Output) (n int) {
	for i := range out {
		if out[i].Topic != w.topics.Inbox || out[i].Partition != q {
			continue
		}
		if rec, err := wire.DecodeInbox(out[i].Record.Value); err == nil {
			n += w.continues(q, rec, 0)
		}
	}
	return n
}

// take notes one output; numbers must be dense from 1.
func (r *reference) take(w *World, o *pipeline.Output, cause int64) error {
	switch o.Topic {
	case w.topics.Inbox:
		rec, err := wire.DecodeInbox(o.Record.Value)
		if err != nil {
			return err
		}
		if want := uint64(len(r.messages[o.Partition])) + 1; rec.Seq != want {
			return fmt.Errorf("message %d to %d follows %d", rec.Seq, o.Partition, want-1)
		}
		for i := range rec.Messages {
			b := encodeMessage(&rec.Messages[i])
			r.messages[o.Partition] = append(r.messages[o.Partition], b)
			r.note(w, cause, "m%d>%d %d %x", rec.From, o.Partition, rec.Seq+uint64(i), b)
			if msg := &rec.Messages[i]; msg.Kind == wire.MsgAccept && r.accepted[msg.To] == "" {
				r.accepted[msg.To] = msg.From.ID
			}
		}
	case w.topics.Facts:
		rec, err := wire.DecodeFacts(o.Record.Value)
		if err != nil {
			return err
		}
		if want := uint64(len(r.facts)) + 1; rec.Seq != want {
			return fmt.Errorf("fact %d follows %d", rec.Seq, want-1)
		}
		for i := range rec.Facts {
			b := encodeFact(&rec.Facts[i])
			r.facts = append(r.facts, b)
			r.note(w, cause, "f%d %d %x", rec.From, rec.Seq+uint64(i), b)
		}
		r.decoded = append(r.decoded, rec.Facts...)
	case w.topics.Tags:
		r.tags = append(r.tags, o.Record)
		r.note(w, cause, "t%s %s", o.Record.Key, o.Record.Value)
	case w.topics.Profiles:
		r.documents = append(r.documents, o.Record)
		r.note(w, cause, "d%s %s %s", o.Record.Key, header(&o.Record, "version"), o.Record.Value)
	case w.topics.Rejected:
		r.dead = append(r.dead, o.Record)
		r.note(w, cause, "r%s", placeOf(&o.Record))
	}
	return nil
}

// caused is an output by a name of its contents, and the record that caused it.
type caused struct {
	cause int64
	key   string
}

// note keeps the name of an output while that is asked for: making it costs as much as the output.
func (r *reference) note(w *World, cause int64, format string, args ...any) {
	if !w.naming {
		return
	}
	key := fmt.Sprintf(format, args...)
	r.outputs, r.keys[key] = append(r.outputs, caused{cause, key}), true
}

func encodeMessage(m *wire.Message) []byte {
	var e wire.Encoder
	m.Encode(&e)
	return e.B
}

func encodeFact(f *wire.Fact) []byte {
	var e wire.Encoder
	f.Encode(&e)
	return e.B
}
