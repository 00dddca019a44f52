package sim

// Run lets the world live until all events are sent, brings it to rest, and judges it. It returns what is
// wrong, nothing if all promises hold.
func (w *World) Run() []string {
	weights := w.weights()
	for k := 0; len(w.faults) == 0 && !w.over && (w.loaded < w.Records || k < 400); k++ {
		w.happens(weights)
		if k == 20_000 {
			w.fault("after %d steps only %d records are sent", k, w.loaded)
		}
	}
	if w.over {
		return w.faults
	}
	if len(w.faults) == 0 {
		w.settle()
	}
	if len(w.faults) == 0 {
		w.judge()
	}
	if len(w.faults) == 0 && w.Upgrade {
		w.upgrade()
	}
	return w.faults
}

// The kinds of things that happen.
const (
	doLoad = iota
	doTime
	doRoute
	doTick
	doProduce
	doMachine
	doCheckpoint
	doSink
	doTrouble
	kinds
)

// weights draws how often each kind of thing happens in this world.
func (w *World) weights() (list [kinds]int) {
	for i, base := range [kinds]int{doLoad: 3, doTime: 8, doRoute: 12, doTick: 6, doProduce: 40, doMachine: 30, doCheckpoint: 12, doSink: 14, doTrouble: 3} {
		list[i] = base << w.random.IntN(w.Spread)
	}
	return list
}

func (w *World) happens(weights [kinds]int) {
	sum := 0
	for _, n := range weights {
		sum += n
	}
	x, kind := w.random.IntN(sum), 0
	for x >= weights[kind] {
		x -= weights[kind]
		kind++
	}
	switch kind {
	case doLoad:
		w.load()
	case doTime:
		w.pass()
	case doTrouble:
		w.trouble()
	default:
		if n := w.nodes[w.random.IntN(w.Nodes)]; n.runs() {
			n.act(kind)
		}
	}
}

// now is the time that machines are told at rest: the wall, or that of the events.
func (w *World) now() int64 {
	if w.History {
		return w.history
	}
	return w.clock
}

// pass lets time go on.
func (w *World) pass() {
	switch w.random.IntN(20) {
	case 0:
		w.clock += int64(w.random.IntN(20_000))
	case 1, 2:
		w.clock += int64(w.random.IntN(3_000))
	default:
		w.clock += int64(w.random.IntN(200))
	}
}

// full is how many records wait at a node before its drivers wait, too.
const full = 200

// act lets one of a node's drivers do something.
func (n *node) act(kind int) {
	w := n.w
	if n.heard != w.generation && w.random.IntN(4) == 0 {
		n.hear()
	}
	switch kind {
	case doRoute:
		if len(n.routers) > 0 && n.queued() < full {
			n.routers[w.random.IntN(len(n.routers))].act()
		}
	case doTick:
		n.tick()
	case doProduce:
		if len(n.outlets) > 0 {
			w.produce(n, n.outlets[w.random.IntN(len(n.outlets))])
		}
	case doMachine, doCheckpoint:
		n.ensure()
		if len(n.drivers) == 0 {
			return
		}
		d := n.drivers[w.random.IntN(len(n.drivers))]
		switch {
		case kind == doCheckpoint:
			d.checkpoint()
		case n.queued() < full && (d.q != w.lagging || w.random.IntN(30) == 0):
			d.act()
		}
	case doSink:
		if len(n.sinks) > 0 {
			n.sinks[w.random.IntN(len(n.sinks))].act()
		}
	}
}
