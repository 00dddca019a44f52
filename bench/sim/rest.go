package sim

import (
	"slices"

	"portrait/pipeline/kafka"
	"portrait/schemas/wire"
)

// settle ends all trouble and brings everything to rest at a later clock.
func (w *World) settle() {
	w.logf("---- the trouble is over")
	w.calm, w.broker.away, w.clickhouse.away, w.lagging = true, false, false, -1
	w.assign()
	for _, n := range w.nodes {
		if !n.alive || n.skew != 0 {
			n.crash()
			n.skew = 0
			n.start()
		}
		n.paused = false
	}
	w.drain()
	steps := []int64{int64(w.random.IntN(50_000)), 20_000, 1_000}
	if w.Flat { // until no window, deadline or interval is left, and then the markers
		steps = append(steps, 80_000)
	}
	steps = append(steps, 1, 2_500) // the markers behind the last facts
	for _, ms := range steps {
		w.clock += ms
		w.tell(ms)
		for range 2 { // what is behind a tick is behind the end, too
			w.drain()
			for _, n := range w.nodes {
				for _, r := range n.routers {
					r.act()
					r.act()
				}
				n.tick()
			}
		}
		w.drain()
	}
	w.wake()
	for _, n := range w.nodes {
		for _, d := range n.drivers {
			for k := 0; d.step.Machine().Position() > d.db.disk().saved.position && k < 1_000; k++ {
				d.checkpoint()
			}
		}
	}
}

// tell lets event time go on by what runs an import, behind everything that was produced.
func (w *World) tell(ms int64) {
	if !w.History {
		return
	}
	w.drain()
	w.history += ms
	r := wire.InboxRecord{Deployment: w.hash, Source: wire.FromCoordinator, Controls: []wire.Control{{Kind: wire.CtlClock, Stamp: w.history}}}
	for q := range w.Inbox {
		var e wire.Encoder
		r.Encode(&e)
		w.broker.append(request{place{w.topics.Inbox, q}, []kafka.Record{{Value: e.B}}, w.clock, false})
	}
}

// wake lets sinks that slept in the middle of a block go on: everything has been stored meanwhile.
func (w *World) wake() {
	for _, n := range w.nodes {
		for _, d := range n.sinks {
			for k := 0; d.asleep && k < 12; k++ {
				d.asleep = false
				d.act()
				d.asleep = true
			}
		}
		n.sinks = slices.DeleteFunc(n.sinks, func(d *sinkDriver) bool { return d.asleep })
	}
}

// drain lets everybody act in random order until nobody has anything left to do.
func (w *World) drain() {
	for range 3_000 {
		before := w.progress()
		for len(w.broker.network) > 0 {
			w.broker.arrive(w.random.IntN(len(w.broker.network)))
		}
		for w.answer() {
		}
		w.coordinators = slices.DeleteFunc(w.coordinators, func(c *coordinator) bool { return c.step(w) })
		for _, k := range w.random.Perm(len(w.nodes)) {
			w.nodes[k].drain()
		}
		if len(w.faults) > 0 || len(w.coordinators) == 0 && w.progress() == before && w.quiet() {
			return
		}
	}
	w.fault("never at rest")
}

// drain gives each of a node's drivers some turns.
func (n *node) drain() {
	if n.heard != n.w.generation {
		n.hear()
	}
	n.drivers = slices.DeleteFunc(n.drivers, func(d *machineDriver) bool { return d.lingering && d.commit == nil })
	n.sinks = slices.DeleteFunc(n.sinks, func(d *sinkDriver) bool { return d.lingering && !d.asleep })
	n.ensure()
	for _, d := range n.routers {
		d.act()
		d.act()
	}
	for _, o := range n.outlets {
		n.w.produce(n, o)
		n.w.produce(n, o)
	}
	for _, d := range slices.Clone(n.drivers) {
		d.act()
		d.checkpoint()
	}
	for _, d := range slices.Clone(n.sinks) {
		for range 4 {
			d.act()
		}
	}
}

// progress is a number that stands still when nothing happens any more.
func (w *World) progress() (sum int64) {
	for _, log := range w.broker.logs {
		sum += int64(len(log))
	}
	return sum + int64(w.clickhouse.taken)
}

// quiet reports whether everything that was written was read, and everything said was written.
func (w *World) quiet() bool {
	for _, n := range w.nodes {
		for _, o := range n.outlets {
			if len(o.queue) > 0 || len(o.flight) > 0 {
				return false
			}
		}
		for _, d := range n.routers {
			if d.fetched || d.next < w.broker.end(place{w.topics.Events, d.p}) {
				return false
			}
		}
		for _, d := range n.drivers {
			if d.lingering || !d.barred && d.step.Machine().Position() < w.broker.end(place{w.topics.Inbox, d.q}) {
				return false
			}
		}
		for _, d := range n.sinks {
			if d.asleep {
				continue
			}
			if d.lingering || d.steps == nil || len(d.blocks) > 0 || d.steps.Next() < w.broker.end(place{w.topics.Facts, d.f}) {
				return false
			}
		}
	}
	return true
}
