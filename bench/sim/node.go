package sim

import (
	"slices"

	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/pipeline/router"
	"portrait/profile/machine"
)

// node is one process with its disk. It acts on the assignment that it has heard of: one that was away
// goes on with an old one, a zombie.
type node struct {
	w       *World
	id      int
	alive   bool
	paused  bool
	skew    int64 // ms: its wall clock is ahead by this
	started int64 // its monotonic clock counts from here
	heard   int   // generation of the assignment
	disk    *disk
	seats   *seats
	outlets []*outlet
	ticker  *router.Ticker
	guard   router.ClockGuard
	routers []*routerDriver
	drivers []*machineDriver
	sinks   []*sinkDriver
}

func (n *node) wall() int64 { return n.w.clock + n.skew }
func (n *node) mono() int64 { return n.w.clock - n.started }

func (n *node) clocks() pipeline.Clocks { return pipeline.Clocks{Wall: n.wall(), Mono: n.mono()} }

// runs reports whether the node may act now.
func (n *node) runs() bool { return n.alive && !n.paused }

// start begins a process on the node's disk.
func (n *node) start() {
	n.w.logf("node %d: starts", n.id)
	if err := n.check(); err != nil {
		n.w.fault("node %d refuses to start, and nothing is lost: %v", n.id, err)
	}
	n.alive, n.paused, n.started = true, false, n.w.clock
	n.seats, n.outlets = n.disk.open(), nil
	n.ticker, n.guard = router.NewTicker(&n.w.dep), router.ClockGuard{}
	n.hear()
}

// check is what a node does before it says anything: pipeline.Node's checkEnds.
func (n *node) check() error {
	ends := n.w.ends()
	for q, p := range n.disk.parts {
		if err := ends.CheckPosition(n.w.topics, q, p.saved.position); err != nil {
			return err
		}
		marks, err := machine.MarksOf(&n.w.dep, p.saved.meta)
		if err != nil {
			return err
		}
		if err := ends.CheckMarks(n.w.topics, q, marks); err != nil {
			return err
		}
		if err := ends.CheckSaid(n.w.topics, q); err != nil {
			return err
		}
	}
	return nil
}

// crash ends the process: what it had in memory is gone, what it had sent may still arrive.
func (n *node) crash() {
	n.w.logf("node %d: crashes", n.id)
	for _, o := range n.outlets {
		if len(o.flight) > 0 && !o.appended && n.w.chance(LateRequests, 50) {
			r := request{to: o.to, at: o.at}
			for _, it := range o.flight {
				r.records = append(r.records, it.record)
			}
			n.w.broker.network = append(n.w.broker.network, r)
		}
	}
	n.alive, n.seats, n.outlets, n.ticker = false, nil, nil, nil
	n.routers, n.drivers, n.sinks = nil, nil, nil
}

// hear takes on the current assignment: routers begin anew, machines and sinks that are not ours any
// more go on for a while (they have not noticed), and those that are, too, beside their successors.
func (n *node) hear() {
	w := n.w
	w.logf("node %d: hears of assignment %d", n.id, w.generation)
	n.heard = w.generation
	for _, d := range n.routers {
		n.ticker.Revoke(int32(d.p))
	}
	n.routers = nil
	for p, owner := range w.events {
		if owner == n.id {
			n.ticker.Assign(int32(p))
			n.routers = append(n.routers, n.newRouter(p))
		}
	}
	for _, d := range n.drivers {
		d.lingering = true
	}
	for _, d := range n.sinks {
		d.lingering = true
	}
	if !w.has(Lingering) {
		n.drivers, n.sinks = nil, slices.DeleteFunc(n.sinks, func(d *sinkDriver) bool { return !d.asleep })
		if n.seats != nil { // a commit under way ends with its driver
			n.seats.drop()
		}
	}
	for f, owner := range w.facts {
		if owner == n.id {
			n.sinks = append(n.sinks, &sinkDriver{n: n, f: f})
		}
	}
}

// ensure opens a machine for an assigned partition that has none.
func (n *node) ensure() {
	for q, owner := range n.w.inbox {
		if owner != n.id || n.heard != n.w.generation || n.seats.busy[q] {
			continue
		}
		if !slices.ContainsFunc(n.drivers, func(d *machineDriver) bool { return d.q == q && !d.lingering }) {
			n.openMachine(q, nil)
		}
	}
}

// routerDriver runs the routing of one events partition: what pipeline's driver does around the step.
type routerDriver struct {
	n       *node
	p       int
	step    *pipeline.Routing
	next    int64
	fetched bool // a fetch was answered and is not handled yet
	before  pipeline.Clocks
	got     pipeline.Clocks
	batch   kafka.Batch
}

func (n *node) newRouter(p int) *routerDriver {
	norm, err := normalize.New(&n.w.dep, simKeys)
	if err != nil {
		panic(err) // our own deployment and key
	}
	d := &routerDriver{n: n, p: p, next: n.w.committed[p]}
	d.step = pipeline.NewRouting(&n.w.dep, norm, n.w.topics, p, func(offset int64) { n.w.commitOffset(n, p, offset) })
	return d
}

// act takes one step: a fetch, or its handling. Anything may happen between the two.
func (d *routerDriver) act() {
	w := d.n.w
	if !d.fetched {
		d.before = d.n.clocks()
		d.fetched = true
		if w.random.IntN(4) == 0 && !w.calm { // the answer takes its time
			w.clock += int64(w.random.IntN(1_000))
		}
		w.fetchEvents(d.p, d.next, 1+w.random.IntN(4), &d.batch)
		d.got = d.n.clocks()
		return
	}
	d.fetched = false
	if len(d.batch.Records)+len(d.batch.Voids) > 0 {
		var takeBack func()
		d.batch.Records, takeBack = lend(d.batch.Records)
		routed := d.step.Step(d.n.wall(), &d.batch, func() {})
		takeBack()
		w.logf("node %d: routes events %d from %d to %d: %d outputs", d.n.id, d.p, d.next, d.batch.Next, len(routed.Outputs))
		d.n.send(routed.Outputs, routed.Ack)
		routed.Tell(d.n.ticker, d.n.mono())
	}
	d.next = d.batch.Next
	d.step.Hear(&d.batch, d.before, d.got, &d.n.guard, d.n.ticker)
}

// tick queues the ticks that are due.
func (n *node) tick() {
	due := n.ticker.Due(n.mono(), n.guard.Suspect(n.wall(), n.mono()))
	for i := range due {
		n.send([]pipeline.Output{pipeline.InboxOutput(n.w.topics, &due[i])}, nil)
	}
}
