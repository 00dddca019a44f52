package machine

import (
	"errors"
	"fmt"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// metaVersion is the version of the encoding of everything stored but entries.
const metaVersion = 1

// meta is the part of the state that is not a node: small, and written whole with each checkpoint.
type meta struct {
	hash       uint64 // of the deployment record
	deployed   bool   // the deployment record was met in the log
	position   int64
	marks      []wire.Position // per events partition: highest number seen
	stamps     []int64         // per events partition: largest stamp heard
	peers      []int64         // per machine, self included: largest watermark message
	seqIn      []uint64        // per machine: number of its last message
	seqOut     []uint64        // per machine: number of our last message to it
	factsSeq   uint64          // number of the next fact
	decided    int64           // largest stamp seen
	sent       int64           // last watermark message
	lastBorn   int64           // births are unique and ascending in a partition
	lastFact   int64           // decided at the last fact
	markers    int             // markers since
	continuing bool            // a Continue to ourselves is in flight: at most one
	catalog    int64           // active version
	sweeping   bool            // profiles are being moved to the active catalogue
	cursor     string          // the last node the sweep has seen
	pending    []pendingCatalog
	logic      int64 // version that the state goes on under; 0: the deployment record was not met yet
}

// pendingCatalog is a catalogue of which parts have come; whole ones wait for their activation.
type pendingCatalog struct {
	version int64
	parts   [][]byte // nil: not yet
}

func (t *meta) init(dep *schemas.Deployment) {
	t.hash = dep.Hash()
	t.marks = make([]wire.Position, dep.EventsPartitions)
	for i := range t.marks {
		t.marks[i] = wire.Position{Partition: int32(i), Offset: -1}
	}
	t.stamps = make([]int64, dep.EventsPartitions)
	t.peers = make([]int64, dep.InboxPartitions)
	t.seqIn = make([]uint64, dep.InboxPartitions)
	t.seqOut = make([]uint64, dep.InboxPartitions)
	t.factsSeq = 1
}

// MarksOf returns Machine.Marks of a checkpoint without opening it; nil of no checkpoint.
func MarksOf(dep *schemas.Deployment, metaBytes []byte) ([]wire.Position, error) {
	if metaBytes == nil {
		return nil, nil
	}
	var t meta
	t.init(dep)
	err := t.decode(metaBytes, dep.Hash())
	return t.marks, err
}

// stamp notes a promise of an events partition.
func (t *meta) stamp(partition int32, stamp int64) {
	if partition >= 0 && int(partition) < len(t.stamps) {
		t.stamps[partition] = max(t.stamps[partition], stamp)
		t.decided = max(t.decided, stamp)
	}
}

// heard is the smallest stamp over all events partitions: what this machine can promise the others.
func (t *meta) heard() int64 { return smallest(t.stamps) }

func smallest(list []int64) int64 {
	least := list[0]
	for _, v := range list[1:] {
		least = min(least, v)
	}
	return least
}

func (t *meta) encode() []byte {
	var e wire.Encoder
	e.Byte(metaVersion)
	e.Uint(t.hash)
	e.Bool(t.deployed)
	for _, p := range t.marks {
		e.Int(p.Offset)
		e.Int(int64(p.Index))
	}
	encodeInts(&e, t.stamps)
	encodeInts(&e, t.peers)
	for q := range t.seqIn {
		e.Uint(t.seqIn[q])
		e.Uint(t.seqOut[q])
	}
	e.Uint(t.factsSeq)
	encodeInts(&e, []int64{t.decided, t.sent, t.lastBorn, t.lastFact, int64(t.markers), t.catalog})
	e.Bool(t.continuing)
	e.Bool(t.sweeping)
	e.String(t.cursor)
	e.Uint(uint64(len(t.pending)))
	for _, p := range t.pending {
		e.Int(p.version)
		e.Uint(uint64(len(p.parts)))
		for _, part := range p.parts {
			e.Bool(part != nil) // its text has a key of its own
		}
	}
	if t.logic > 1 { // absent is 1: so were states written before there were barriers
		e.Uint(uint64(t.logic))
	}
	return e.B
}

// decode reads what encode wrote into a meta that init has sized.
func (t *meta) decode(b []byte, hash uint64) error {
	d := wire.NewDecoder(b)
	if v := d.Byte(); v != metaVersion {
		return fmt.Errorf("encoding version %d, this binary reads %d", v, metaVersion)
	}
	if t.hash = d.Uint(); t.hash != hash && d.Err() == nil {
		return errors.New("it belongs to another deployment record; use the data directory of this deployment, or a new one")
	}
	t.deployed = d.Bool()
	for i := range t.marks {
		t.marks[i].Offset, t.marks[i].Index = d.Int(), int32(d.Int())
	}
	decodeInts(d, t.stamps)
	decodeInts(d, t.peers)
	for q := range t.seqIn {
		t.seqIn[q], t.seqOut[q] = d.Uint(), d.Uint()
	}
	t.factsSeq = d.Uint()
	var rest [6]int64
	decodeInts(d, rest[:])
	t.decided, t.sent, t.lastBorn, t.lastFact = rest[0], rest[1], rest[2], rest[3]
	t.markers, t.catalog = int(rest[4]), rest[5]
	t.continuing, t.sweeping, t.cursor = d.Bool(), d.Bool(), d.String()
	t.pending = nil
	for n := d.Count(); n > 0 && d.Err() == nil; n-- {
		p := pendingCatalog{version: d.Int(), parts: make([][]byte, d.Count())}
		for i := range p.parts {
			if d.Bool() {
				p.parts[i] = []byte{} // restoreCatalog loads it
			}
		}
		t.pending = append(t.pending, p)
	}
	if t.logic = 1; d.Rest() > 0 {
		t.logic = int64(d.Uint())
	}
	return d.Close()
}

func encodeInts(e *wire.Encoder, list []int64) {
	for _, v := range list {
		e.Int(v)
	}
}

func decodeInts(d *wire.Decoder, list []int64) {
	for i := range list {
		list[i] = d.Int()
	}
}
