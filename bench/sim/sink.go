package sim

import (
	"errors"
	"slices"

	"portrait/pipeline/kafka"
	"portrait/sinks/clickhouse"
)

// sinkDriver runs the steps of one facts partition: what Sink.Run does around them.
type sinkDriver struct {
	n         *node
	f         int
	steps     *clickhouse.Steps // nil: it resumes from the stored position
	blocks    []*clickhouse.Block
	storing   *clickhouse.Storing
	looked    bool
	lookedAt  int // blocks that ClickHouse held then
	lingering bool
	asleep    bool // in the middle of a block, until the world settles
}

func (d *sinkDriver) resume() { d.steps, d.blocks, d.storing, d.looked = nil, nil, nil, false }

// act takes one step; anything may happen between two, also a long sleep.
func (d *sinkDriver) act() {
	w := d.n.w
	switch {
	case d.asleep:
	case d.steps == nil:
		d.begin()
	case len(d.blocks) == 0:
		d.fetch()
	case d.storing == nil:
		d.storing, d.looked = d.blocks[0].Storing(w.dep.Epoch), false
	case !d.looked:
		d.look()
	default:
		d.insert()
	}
}

func (d *sinkDriver) begin() {
	w := d.n.w
	at, found := w.clickhouse.position(d.f)
	if !found {
		w.clickhouse.insert(w, d.f, clickhouse.FirstInsert(w.dep.Epoch, int32(d.f), w.rule(d.n)))
		return // and read again: another sink may have been first
	}
	w.logf("node %d: sink %d resumes at %d", d.n.id, d.f, at.Next)
	d.steps = clickhouse.NewSteps(&w.dep, int32(d.f), at, w.rule(d.n))
}

func (d *sinkDriver) fetch() {
	w := d.n.w
	log := place{w.topics.Facts, d.f}
	records, _ := w.broker.read(log, d.steps.Next(), 1)
	for _, r := range records {
		d.steps.Reaches(factsRecord(w.newest(log, r.Offset)))
		blocks, err := d.steps.Add(factsRecord(r))
		d.blocks = append(d.blocks, blocks...)
		if err != nil {
			w.fault("sink %d: %v", d.f, err)
			d.n.sinks = slices.DeleteFunc(d.n.sinks, func(x *sinkDriver) bool { return x == d })
		}
	}
}

// newest is what the reader of a record knows of the end of its log: all, or in worlds in which rules differ, sometimes less.
func (w *World) newest(p place, offset int64) kafka.Record {
	ahead := w.broker.logs[p][offset:]
	if w.Rules {
		return ahead[w.random.IntN(len(ahead))]
	}
	return ahead[len(ahead)-1]
}

func factsRecord(r kafka.Record) clickhouse.Record {
	return clickhouse.Record{Offset: r.Offset, Time: r.Time, Value: r.Value}
}

func (d *sinkDriver) look() {
	w := d.n.w
	at, _ := w.clickhouse.position(d.f)
	ahead, err := d.storing.Look(at)
	switch {
	case errors.Is(err, clickhouse.ErrWentBack) && w.clickhouse.restored:
		w.logf("node %d: sink %d: ClickHouse was restored; it is started again", d.n.id, d.f)
		d.resume()
	case err != nil:
		w.fault("sink %d: %v", d.f, err)
		d.resume()
	case ahead:
		w.logf("node %d: sink %d: another sink is ahead at %d", d.n.id, d.f, at.Next)
		d.resume()
	default:
		d.looked, d.lookedAt = true, w.clickhouse.blocks
	}
}

// insert stores what is due. A failure begins the block again, as the product does.
func (d *sinkDriver) insert() {
	w := d.n.w
	ch := w.clickhouse
	late := ch.blocks-d.lookedAt > ch.window/2 // the insert's deadline counts from the look, and is far below the window's span
	if late || ch.away || !ch.insert(w, d.f, d.storing.Insert()) {
		d.storing, d.looked = nil, false
		return
	}
	d.looked = w.random.IntN(3) > 0 // a slow one looks again
	if d.storing.Inserted() {
		w.logf("node %d: sink %d has stored %s", d.n.id, d.f, d.blocks[0].Token)
		d.blocks, d.storing = d.blocks[1:], nil
	}
}
