package sim

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/profile/machine"
	"portrait/profile/store"
	"portrait/schemas/wire"
)

// machineDriver runs one pipeline.Partition: fetch, apply, produce, checkpoint.
type machineDriver struct {
	n         *node
	q         int
	db        *handle
	step      *pipeline.Partition
	commit    *commit
	owed      []*owedBatch // batches of outputs that are not acknowledged in full
	lingering bool         // its partition was assigned anew; it does not know yet
	skips     []wire.Skip  // operators' answers to its stops
	stop      *machine.Stop
	barred    bool // it has met a barrier to a newer version of the logic
}

// owedBatch is the simulator's own account of acknowledgements, against which checkpoints are checked.
type owedBatch struct {
	position int64 // behind the records that caused it
	outputs  int
}

func (w *World) machineConfig(q int, skips []wire.Skip) machine.Config {
	return machine.Config{Skips: skips, Deployment: &w.dep, Partition: q, ProfileKey: simKeys.ProfileKey(), CacheNodes: w.CacheNodes, Compile: compileOnce}
}

func (n *node) openMachine(q int, skips []wire.Skip) {
	if n.w.chance(Snapshots, 40) {
		n.restore(q)
	}
	h := n.seats.acquire(q)
	s := h.disk().saved
	config := n.w.machineConfig(q, skips)
	m, err := machine.Open(config, h, s.position, s.meta)
	if err != nil {
		n.w.fault("inbox %d does not open at %d: %v", q, s.position, err)
		return
	}
	n.w.logf("node %d: opens inbox %d at %d, skips %v", n.id, q, s.position, skips)
	n.drivers = append(n.drivers, &machineDriver{n: n, q: q, db: h, skips: skips, step: pipeline.NewPartition(config, n.w.topics, m)})
}

// restore fills a partition of the disk from another node's checkpoint, if that is newer: its snapshot.
func (n *node) restore(q int) {
	from := n.w.nodes[n.w.random.IntN(n.w.Nodes)].disk.parts[q].before
	if len(from) == 0 {
		return
	}
	s, p := from[n.w.random.IntN(len(from))], n.disk.parts[q]
	if s.position <= p.saved.position || p.sealed != nil {
		return
	}
	n.w.logf("node %d: restores inbox %d from a snapshot at %d, it had %d", n.id, q, s.position, p.saved.position)
	p.saved, p.parts, p.before = saved{maps.Clone(s.data), s.position, s.meta}, nil, nil
}

// act applies some records.
func (d *machineDriver) act() {
	w := d.n.w
	if d.stop != nil {
		d.stand()
	}
	if d.stop != nil || d.barred {
		return
	}
	records, _ := w.broker.read(place{w.topics.Inbox, d.q}, d.step.Machine().Position(), 1+w.random.IntN(w.Batch))
	if len(records) == 0 {
		return
	}
	records, takeBack := lend(records)
	out, ticket, err := d.step.Step(records)
	if err == nil {
		takeBack()
	}
	if len(out) > 0 {
		b := &owedBatch{d.step.Machine().Position(), len(out)}
		d.owed = append(d.owed, b)
		w.logf("node %d: machine %d applies %d records up to %d: %d outputs", d.n.id, d.q, len(records), b.position, len(out))
		d.n.send(out, func() {
			d.step.Acked(ticket, 1)
			if b.outputs--; b.outputs == 0 {
				d.owed = slices.DeleteFunc(d.owed, func(x *owedBatch) bool { return x == b })
			}
		})
	}
	if err != nil {
		d.end(err)
	}
}

// end takes the driver away. A superseded handle is opened again if the partition is still ours; a
// barrier stops for good; anything else is a fault.
func (d *machineDriver) end(err error) {
	w := d.n.w
	w.logf("node %d: machine %d ends: %v", d.n.id, d.q, err)
	if errors.As(err, &d.stop) && w.poisoned[placeAt{d.q, d.stop.At.Offset}] {
		w.operators[placeAt{d.q, d.stop.At.Offset}] = d.stop.At
		return
	}
	if errors.Is(err, machine.ErrBarrier) && w.barriers != nil && d.step.Machine().Position() == w.barriers[d.q] {
		d.barred = true // it may still commit
		return
	}
	d.n.drivers = slices.DeleteFunc(d.n.drivers, func(x *machineDriver) bool { return x == d })
	switch {
	case errors.Is(err, store.ErrStale):
	default:
		w.fault("machine %d: %v", d.q, err)
	}
}

// stand reads ahead for an operator's skip, and opens the partition again with it.
func (d *machineDriver) stand() {
	w := d.n.w
	if d.commit != nil {
		return
	}
	for _, r := range w.broker.logs[place{w.topics.Inbox, d.q}][d.stop.At.Offset+1:] {
		if skip, ok := d.stop.Answer(w.hash, r.Value, d.skips); ok {
			d.n.drivers = slices.DeleteFunc(d.n.drivers, func(x *machineDriver) bool { return x == d })
			if !d.lingering && !d.n.seats.busy[d.q] {
				d.n.openMachine(d.q, append(slices.Clone(d.skips), skip))
			}
			return
		}
	}
}

// checkpoint takes one step towards the next checkpoint: cut, begin to commit, or a transaction of it.
func (d *machineDriver) checkpoint() {
	w := d.n.w
	if out, due := d.step.Marker(d.n.wall()); due && d.stop == nil {
		d.n.send([]pipeline.Output{out}, nil)
	}
	if d.commit != nil {
		if d.commit.c != nil && w.chance(StoreErrors, 5) {
			d.end(d.commit.fail())
			return
		}
		if d.commit.step() {
			w.logf("node %d: machine %d is committed at %d", d.n.id, d.q, d.commit.c.Position)
			d.commit = nil
			d.step.Committed()
		}
		return
	}
	if w.random.IntN(2) == 0 && d.stop == nil {
		d.step.Cut()
	}
	if d.n.seats.busy[d.q] || d.stop != nil {
		return
	}
	due := d.step.Due()
	if due == nil {
		return
	}
	c := due.Checkpoint()
	for _, b := range d.owed {
		if b.position <= c.Position {
			w.fault("machine %d: a checkpoint at %d with %d outputs of records before %d not acknowledged", d.q, c.Position, b.outputs, b.position)
		}
	}
	w.checkChanges(d.q, c)
	if w.chance(StoreErrors, 10) {
		d.step.Refused() // the disk is full
		return
	}
	var err error
	if d.commit, err = d.db.begin(c, w.Transaction); err != nil {
		d.commit = nil
		d.end(err)
	}
}

// lend returns records whose values a step may use while it runs, and the function that takes them back: drivers use their
// memory for the next fetch.
func lend(records []kafka.Record) (lent []kafka.Record, takeBack func()) {
	lent = slices.Clone(records)
	for i := range lent {
		lent[i].Value = bytes.Clone(lent[i].Value)
	}
	return lent, func() {
		for i := range lent {
			for k := range lent[i].Value {
				lent[i].Value[k] = '!'
			}
		}
	}
}
