package pipeline

import (
	"portrait/pipeline/kafka"
	"portrait/profile/machine"
)

// Partition is the step of one inbox partition: records in, outputs out, checkpoints when they may be
// committed. It has no goroutine, clock or I/O; a driver runs it, and so does the simulator.
//
// Why no output is lost: a checkpoint is handed out only when every output caused before it is
// acknowledged. What a crash leaves behind is an older checkpoint, from which the same records cause
// the same outputs again.
type Partition struct {
	m      *machine.Machine
	enc    encoder
	batch  *machine.Effects
	mark   machine.Mark  // scratch
	ticket int64         // of outputs since the last cut
	owed   map[int64]int // outputs not acknowledged yet, by ticket; a key per cut in flight
	cut    *pendingCut   // at most one: serialised, waits for its outputs or for the store
	last   int64         // position of the last cut
	tail   tail
}

type pendingCut struct {
	*machine.Cut
	ticket int64
	handed bool
}

// Step applies records in order. Every output carries the ticket returned: when it is acknowledged,
// Acked must hear of it. With an error there may be outputs too, those of the records before the one that
// failed: what is said must not depend on where a batch ends. Then the partition is done: the driver
// produces them, and opens a new machine, or stops loudly if the error says so. Without an error nothing refers to
// the records any more: their memory can be used again.
func (p *Partition) Step(records []kafka.Record) (out []Output, ticket int64, err error) {
	for i := range records {
		p.batch.Mark(&p.mark)
		if err = p.apply(&records[i]); err != nil {
			p.batch.Rewind(&p.mark)
			break
		}
	}
	out = p.enc.outputs(p.batch)
	if len(p.batch.Facts) > 0 {
		p.tail = tail{open: true}
	}
	p.batch.Reset()
	p.owed[p.ticket] += len(out)
	return out, p.ticket, err
}

// apply turns a panic into an error: the record that caused it is named, and nothing behind it is read.
func (p *Partition) apply(r *kafka.Record) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = p.m.Panicked(cause)
		}
	}()
	return p.m.Apply(r.Offset, r.Value, p.batch)
}

// Acked says that n outputs of a ticket are acknowledged.
func (p *Partition) Acked(ticket int64, n int) { p.owed[ticket] -= n }

// Owed is how many outputs are not acknowledged yet.
func (p *Partition) Owed() int {
	sum := 0
	for _, n := range p.owed {
		sum += n
	}
	return sum
}

// Cut serialises what changed since the last cut, unless one is on its way or nothing was applied.
func (p *Partition) Cut() {
	if p.cut != nil || p.m.Position() == p.last {
		return
	}
	p.cut = &pendingCut{Cut: p.m.Cut(), ticket: p.ticket}
	p.last = p.cut.Position
	p.ticket++
}

// Due returns the cut that may be committed now, once; nil if there is none.
//
// Invariant: checkpoint position ≤ acknowledged outputs. A transition can be repeated, never lost.
func (p *Partition) Due() *machine.Cut {
	if p.cut == nil || p.cut.handed || p.owed[p.cut.ticket] > 0 {
		return nil
	}
	p.cut.handed = true
	return p.cut.Cut
}

// Committed says that the store has the cut handed out last.
func (p *Partition) Committed() {
	delete(p.owed, p.cut.ticket)
	p.m.Committed(p.cut.Number)
	p.cut = nil
}

// Refused says that the store could not take the cut now; it is handed out again.
func (p *Partition) Refused() { p.cut.handed = false }

// Machine is the partition's machine, for lookups and metrics between steps.
func (p *Partition) Machine() *machine.Machine { return p.m }

// NewPartition returns the step of an opened machine.
func NewPartition(config machine.Config, topics Topics, m *machine.Machine) *Partition {
	return &Partition{m: m, batch: machine.NewEffects(config.Deployment.InboxPartitions), owed: map[int64]int{}, tail: tail{open: true},
		last: m.Position(), enc: newEncoder(config.Deployment, topics, config.Partition)}
}
