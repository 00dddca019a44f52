package sim

import (
	"portrait/pipeline/kafka"
	"portrait/schemas/wire"
)

// trouble lets something go wrong, or be healed.
func (w *World) trouble() {
	if w.heal() {
		return
	}
	n := w.nodes[w.random.IntN(w.Nodes)]
	switch f := Fault(1) << w.random.IntN(len(faultNames)); {
	case !w.has(f):
	case f == Crashes:
		if n.alive {
			n.crash()
		}
	case f == HostCrashes:
		if n.alive {
			n.crash()
		}
		n.disk.hostCrash(w)
	case f == Pauses && w.random.IntN(2) == 0:
		for _, d := range n.sinks {
			if d.storing != nil && !d.asleep {
				w.logf("node %d: sink %d falls asleep in the middle of %s", n.id, d.f, d.blocks[0].Token)
				d.asleep = true
				n.sinks = append(n.sinks, &sinkDriver{n: n, f: d.f})
				break
			}
		}
	case f == Pauses:
		if n.runs() {
			w.logf("node %d: falls asleep", n.id)
			n.paused = true
		}
	case f == Rebalances || f == Lingering:
		w.assign()
	case f == Jumps:
		n.skew += int64(w.random.IntN(4_000)) - 4_000 // never ahead because of it
		w.logf("node %d: its wall clock is %d ms ahead now", n.id, n.skew)
	case f == Lag:
		w.lagging = w.random.IntN(w.Inbox)
		w.logf("machine %d gets few turns", w.lagging)
	case f == BrokerAway:
		w.logf("broker: away")
		w.broker.away = true
	case f == SinkFaults:
		w.logf("ClickHouse: away")
		w.clickhouse.away = true
	case f == Restores:
		w.restore()
	case f == LostTails && !w.cut && w.barriers == nil:
		w.loseTails()
	case f == Activations:
		if w.version < 3 {
			w.version++
			w.activate(w.version)
		}
	case f == Poison && w.random.IntN(3) == 0:
		w.poisonInbox()
	case f == Poison:
		w.foreign()
	}
}

// heal ends one trouble, or lets what is late arrive; false if there was nothing, or no luck.
func (w *World) heal() bool {
	if k := len(w.broker.network); k > 0 && w.random.IntN(2) == 0 {
		r := w.broker.arrive(w.random.IntN(k))
		w.logf("network: a late request of %d records arrives at %v", len(r.records), r.to)
		return true
	}
	if w.random.IntN(4) == 0 && w.answer() {
		return true
	}
	if len(w.coordinators) > 0 && w.random.IntN(2) == 0 {
		k := w.random.IntN(len(w.coordinators))
		for range 4 {
			w.coordinators[k].step(w)
		}
		return true
	}
	switch n := w.nodes[w.random.IntN(w.Nodes)]; {
	case w.random.IntN(3) > 0:
		return false
	case !n.alive:
		if n.skew > 0 && !w.has(Ahead) {
			n.skew = 0
		}
		n.start()
	case n.paused:
		w.logf("node %d: wakes up", n.id)
		n.paused = false
	case w.broker.away:
		w.logf("broker: back")
		w.broker.away = false
	case w.clickhouse.away:
		w.logf("ClickHouse: back")
		w.clickhouse.away = false
	case w.lagging >= 0:
		w.lagging = -1
	case len(n.drivers) > 0 && n.drivers[0].lingering && n.drivers[0].commit == nil:
		w.logf("node %d: a machine of %d that was superseded ends", n.id, n.drivers[0].q)
		n.drivers = n.drivers[1:]
	case len(n.sinks) > 0 && n.sinks[0].lingering && !n.sinks[0].asleep:
		n.sinks = n.sinks[1:]
	default:
		return false
	}
	return true
}

// restore makes a backup of ClickHouse, or goes back to it. A restore ends every connection, so a sink in
// the middle of a block begins it again.
func (w *World) restore() {
	if w.clickhouse.backup == nil {
		w.logf("ClickHouse: a backup is made")
		w.clickhouse.save()
		return
	}
	w.logf("ClickHouse: goes back to its backup")
	w.clickhouse.restore()
	for _, n := range w.nodes {
		for _, d := range n.sinks {
			d.storing, d.looked = nil, false
		}
	}
}

// placeAt is a record of an inbox.
type placeAt struct {
	inbox  int
	offset int64
}

// poisonInbox appends what no machine can apply: it stands there until an operator passes over it.
func (w *World) poisonInbox() {
	q := w.random.IntN(w.Inbox)
	p := place{w.topics.Inbox, q}
	r := wire.InboxRecord{Deployment: w.hash, Source: wire.FromRouter, From: 99, Ticks: []wire.Tick{{Stamp: w.clock + 1_000_000}}}
	if w.random.IntN(2) == 0 {
		r = wire.InboxRecord{Deployment: w.hash, Source: wire.FromCoordinator, Controls: []wire.Control{{Kind: wire.CtlActivate, Version: 99}}}
	}
	var e wire.Encoder
	if r.Encode(&e); w.random.IntN(3) == 0 {
		e.B = e.B[:len(e.B)-1]
	}
	w.poisoned[placeAt{q, w.broker.end(p)}] = true
	w.logf("inbox %d offset %d: a record that no machine can apply", q, w.broker.end(p))
	w.broker.append(request{p, []kafka.Record{{Value: e.B}}, w.clock, false})
}

// answer lets an operator pass over a place at which a partition stands; false if none does.
func (w *World) answer() bool {
	for q := range w.Inbox {
		for offset := range w.broker.end(place{w.topics.Inbox, q}) {
			skip, ok := w.operators[placeAt{q, offset}]
			if !ok {
				continue
			}
			delete(w.operators, placeAt{q, offset})
			if w.answered[placeAt{q, offset}] {
				continue
			}
			w.answered[placeAt{q, offset}] = true
			var body, e wire.Encoder
			skip.Encode(&body)
			r := wire.InboxRecord{Deployment: w.hash, Source: wire.FromCoordinator, Controls: []wire.Control{{Kind: wire.CtlSkip, Body: body.B}}}
			r.Encode(&e)
			w.logf("operator: inbox %d goes on without offset %d: %s", q, offset, skip.Flags())
			w.broker.append(request{place{w.topics.Inbox, q}, []kafka.Record{{Value: e.B}}, w.clock, false})
			return true
		}
	}
	return false
}
