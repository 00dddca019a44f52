package solo

import (
	"context"
	"runtime"
	"strconv"
	"time"

	"portrait/bench/meter"
	"portrait/bench/stages"
	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// segment measures the next events: the log first, then nothing but the machine.
func (r *rig) segment() (segment, error) {
	var fetches [][][]byte
	var err error
	stages.As(context.Background(), stages.Generator, func(context.Context) { // apart in a CPU profile
		for left := r.config.Events; left > 0 && err == nil; left -= fetchRecords {
			var records [][]byte
			records, _, err = r.log.fetch(left)
			fetches = append(fetches, records)
		}
	})
	if err != nil {
		return segment{}, err
	}
	runtime.GC() // the log's garbage is not the machine's
	r.now = segment{}
	before := r.m.Counters
	for _, records := range fetches {
		if err := r.measured(records); err != nil {
			return segment{}, err
		}
	}
	return r.now.finish(before, r.m.Counters), nil
}

// measured is apply with the clocks on; what the bench itself does with outputs is left out.
func (r *rig) measured(records [][]byte) error {
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	c0, err := meter.CPU()
	if err != nil {
		return err
	}
	t0 := time.Now()
	if err := r.once(records); err != nil {
		return err
	}
	r.now.apply += time.Since(t0)
	if pipeline.CutDue(r.m) {
		t1 := time.Now()
		cut := r.m.Cut()
		t2 := time.Now()
		c1, err := meter.CPU()
		if err != nil {
			return err
		}
		r.now.cut += t2.Sub(t1)
		r.now.cpu += c1 - c0
		if err := r.commit(cut); err != nil {
			return err
		}
		if c0, err = meter.CPU(); err != nil {
			return err
		}
		r.now.commit += time.Since(t2)
		r.now.commitCPU += c0 - c1
	}
	c1, err := meter.CPU()
	if err != nil {
		return err
	}
	r.now.cpu += c1 - c0
	runtime.ReadMemStats(&m1)
	r.now.bytes += m1.TotalAlloc - m0.TotalAlloc
	r.now.allocs += m1.Mallocs - m0.Mallocs
	return r.take()
}

// apply is measured without clocks.
func (r *rig) apply(records [][]byte) error {
	if err := r.once(records); err != nil {
		return err
	}
	if pipeline.CutDue(r.m) {
		if err := r.commit(r.m.Cut()); err != nil {
			return err
		}
	}
	return r.take()
}

// once applies what the machine has sent to itself and the records behind it.
func (r *rig) once(records [][]byte) error {
	records = append(r.loop, records...)
	r.loop = nil
	list := batch(records, r.offset)
	r.offset += int64(len(list))
	if r.step != nil {
		return r.encoded(list)
	}
	for i := range list {
		if err := r.m.Apply(list[i].Offset, list[i].Value, r.effects); err != nil {
			return err
		}
	}
	return nil
}

// encoded applies through the partition's step, which encodes what comes out.
func (r *rig) encoded(list []kafka.Record) error {
	out, ticket, err := r.step.Step(list)
	if err != nil {
		return err
	}
	r.step.Acked(ticket, len(out))
	r.outputs = out
	return nil
}

func (r *rig) commit(cut *machine.Cut) error {
	if err := r.part.Commit(cut.Checkpoint()); err != nil {
		return err
	}
	r.m.Committed(cut.Number)
	return nil
}

// see hands an output to whom it is for: the log, or the verification.
func (r *rig) see(out *pipeline.Output) error {
	switch {
	case out.Topic == "bench.inbox":
		r.loop = append(r.loop, out.Record.Value)
	case out.Topic == "bench.tags":
		r.now.changes++
		if r.seen != nil {
			return r.seen.Change(out.Record.Value)
		}
	case out.Topic == "bench.profiles" && r.seen != nil:
		version, err := strconv.ParseUint(string(out.Record.Headers[0].Value), 10, 64)
		if err != nil {
			return err
		}
		return r.seen.Document(out.Record.Key, out.Record.Value, version)
	}
	return nil
}

// take empties the effects: messages go back into the log, changes and documents to the verification.
func (r *rig) take() error {
	for i := range r.outputs {
		if err := r.see(&r.outputs[i]); err != nil {
			return err
		}
	}
	r.outputs = nil
	f := r.effects
	for list, seq := f.Messages[0], f.FirstSeq[0]; len(list) > 0; {
		n := min(len(list), schemas.ItemsPerRecord)
		r.loop = append(r.loop, encode(&wire.InboxRecord{Deployment: r.dep.Hash(), Source: wire.FromMachine, Catalog: f.Catalog, Seq: seq, Messages: list[:n]}))
		list, seq = list[n:], seq+uint64(n)
	}
	if r.seen != nil {
		for i := range f.Tags {
			if err := r.seen.Change(f.Tags[i].Value); err != nil {
				return err
			}
		}
		for i := range f.Docs {
			if err := r.seen.Document([]byte(f.Docs[i].Key), f.Docs[i].Value, f.Docs[i].Version); err != nil {
				return err
			}
		}
	}
	r.now.facts += len(f.Facts)
	r.now.changes += len(f.Tags)
	f.Reset()
	return nil
}
