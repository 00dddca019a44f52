package router

import (
	"math"
	"strconv"

	"portrait/pipeline/normalize"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// Bounds of an inbox record: what a machine does for one record, and holds of it, is bounded.
const (
	// MaxItems is small enough for a record's outputs to stay below 2^16 (DESIGN.md section 6), and
	// large enough that a record's cost no longer shows.
	MaxItems = schemas.ItemsPerRecord
	// MaxRecordBytes is an eighth of the inbox's message limit of 4 MiB.
	MaxRecordBytes = 512 << 10
	// MaxItemBytes bounds a normalised event, encoded: hashes can make one longer than it was.
	MaxItemBytes = MaxRecordBytes * 3 / 4
)

// Record is one Kafka record of the events partition.
type Record struct {
	Offset int64
	Time   int64 // ms since 1970: Kafka's timestamp; 0 or less if the record has none
	Value  []byte
}

// Void is offsets in a row, First to Last, of which the log shows that they never held an event.
type Void struct{ First, Last int64 }

// Fetch is the input of one step. Records are in ascending order of offset, and so are Voids, which lie between
// them, before or behind.
type Fetch struct {
	Records []Record
	Voids   []Void
	Now     int64 // ms since 1970: the wall, read after the fetch returned
}

// Inbox is a record for one inbox partition; the driver encodes and produces it.
type Inbox struct {
	Partition int
	Record    *wire.InboxRecord
	Size      int // bytes of Record when encoded, or a few per cent more
}

// Stamp returns the largest stamp in the record, for Ticker.Sent.
func (i *Inbox) Stamp() int64 {
	var stamp int64
	for k := range i.Record.Routed {
		stamp = max(stamp, i.Record.Routed[k].Stamp)
	}
	return stamp
}

// Output is what one step wants done: produce Inbox (in order per partition) and Rejected, and when
// all of it is acknowledged, commit Next.
type Output struct {
	Inbox    []Inbox
	Rejected []DeadLetter
	Next     int64 // offset behind the last record; -1 if the fetch had none
	Stamp    int64 // ms: that of the last record, for Ticker.Read; 0 if there is none
	Counts   Counts
}

// Counts is what metrics want to know of a step.
type Counts struct {
	Records      int
	Events       int // routed
	Rejected     map[schemas.Reason]int
	Repairs      normalize.Repairs
	EventClamped int // event time lay after the Kafka timestamp
	KafkaClamped int // Kafka timestamp lay after wall now
	WithoutEvent int // offsets that hold no event, and are reported
}

// EachRepair calls f for each rule of repair with its stable name, in a fixed order, zeros included.
func (c *Counts) EachRepair(f func(rule string, n int)) {
	for i, n := range c.Repairs {
		f(normalize.Repair(i).String(), n)
	}
	f("event_time_clamped", c.EventClamped)
	f("kafka_time_clamped", c.KafkaClamped)
}

// Router routes one events partition.
type Router struct {
	dep       *schemas.Deployment
	hash      uint64
	norm      *normalize.Normalizer
	decoder   *schemas.EventDecoder
	partition int32
	idPrefix  string      // of ids for events without one: "topic/partition/"
	open      []int       // per inbox partition: index into out.Inbox of its unfinished record, or -1
	memory    wire.Memory // of what was given out
	out       *Output
	now       int64
	voids     []Void  // behind the last record seen; what follows reports them
	routed    []place // items of the fetch in order, for stamps
}

// place is where an item went.
type place struct {
	inbox, item int
	at          int64 // ms: the item's time, noTime if it has none
}

// New returns the router of one events partition of topic. The normaliser must not be used elsewhere
// at the same time.
func New(dep *schemas.Deployment, norm *normalize.Normalizer, topic string, eventsPartition int32) *Router {
	if dep.Epoch > 1 { // the same position of another epoch is another event
		topic += "@" + strconv.Itoa(dep.Epoch)
	}
	return &Router{
		dep: dep, hash: dep.Hash(), norm: norm, decoder: schemas.NewEventDecoder(), partition: eventsPartition,
		idPrefix: topic + "/", open: make([]int, dep.InboxPartitions),
	}
}

// Route decodes, normalises, numbers and stamps the events of a fetch. It never fails: what cannot be
// used becomes a dead letter. The output is valid until Reset; dead letters share the memory of the fetch.
func (r *Router) Route(f Fetch) Output {
	out := Output{Next: -1, Counts: Counts{Records: len(f.Records)}}
	r.out, r.now, r.routed = &out, f.Now, r.routed[:0]
	for p := range r.open {
		r.open[p] = -1
	}
	for i := range f.Records {
		rec := &f.Records[i]
		f.Voids = r.pass(f.Voids, rec.Offset)
		r.report()
		kafka := r.clamp(rec.Time)
		r.decoder.Each(rec.Value, func(it schemas.Item) { r.item(rec.Offset, kafka, it) })
		out.Next = rec.Offset + 1
	}
	r.pass(f.Voids, math.MaxInt64)
	r.stamp()
	r.out = nil
	return out
}

// Reset says that no output is used any more, so that its memory is used again. Dead letters stay.
func (r *Router) Reset() {
	r.memory.Reset()
	r.norm.Reset()
}

// clamp returns a Kafka timestamp that is not ahead of the wall: a producer's clock must not move ours.
func (r *Router) clamp(kafka int64) int64 {
	switch {
	case kafka <= 0:
		return r.now
	case kafka > r.now:
		r.out.Counts.KafkaClamped++
		return r.now
	}
	return kafka
}

func (r *Router) item(offset, kafka int64, it schemas.Item) {
	at := wire.Position{Partition: r.partition, Offset: offset, Index: int32(it.Index)}
	if it.Err != nil {
		r.reject(at, kafka, it.Raw, it.Err)
		return
	}
	ev := r.memory.Event()
	ev.At = at
	var repairs normalize.Repairs
	r.norm.Event(it.Event, ev, &repairs)
	if len(ev.Identifiers) == 0 {
		r.reject(at, kafka, it.Raw, &schemas.Rejection{Reason: schemas.ReasonNoIdentifier, Detail: "identifiers: none is usable" + repairs.String()})
		return
	}
	if ev.ID == "" {
		ev.ID = r.idPrefix + at.String()
	}
	ev.Kafka, ev.Time = kafka, kafka
	if it.Event.HasTime {
		ev.Time = it.Event.TimeMS
		if ev.Time > kafka {
			ev.Time = kafka
			r.out.Counts.EventClamped++
		}
	}
	if r.dep.Clock == schemas.ClockEvent {
		ev.Kafka = ev.Time
	}
	size := eventSize(ev)
	if size > MaxItemBytes {
		r.reject(at, kafka, it.Raw, &schemas.Rejection{Reason: schemas.ReasonEventTooLarge,
			Detail: strconv.Itoa(size) + " bytes when its sensitive values are hashed; an event may have " + strconv.Itoa(MaxItemBytes)})
		return
	}
	r.out.Counts.Events++
	r.out.Counts.Repairs.Add(&repairs) // of a rejected event nothing was repaired
	r.add(schemas.PartitionOf(ev.Identifiers[0], r.dep.InboxPartitions), wire.Routed{Event: ev}, size, ev.Kafka)
}

// add appends an item to the open record of an inbox partition, or to a new one.
func (r *Router) add(partition int, item wire.Routed, size int, at int64) {
	k := r.open[partition]
	if k < 0 || len(r.out.Inbox[k].Record.Routed) == MaxItems || r.out.Inbox[k].Size+size > MaxRecordBytes {
		k = len(r.out.Inbox)
		r.out.Inbox = append(r.out.Inbox, Inbox{Partition: partition, Size: recordOverhead, Record: &wire.InboxRecord{
			Deployment: r.hash, Source: wire.FromRouter, From: r.partition,
		}})
		r.open[partition] = k
	}
	record := r.out.Inbox[k].Record
	record.Routed = append(record.Routed, item)
	r.out.Inbox[k].Size += size
	r.routed = append(r.routed, place{inbox: k, item: len(record.Routed) - 1, at: at})
}

// noTime is the time of what has none: a hole, and a rejected event under the event clock.
const noTime = int64(1)<<62 - 1

// stamp gives each item the smallest time from it to the end of the fetch. Under the event clock a
// rejected event with none behind it gets 0, which promises nothing.
func (r *Router) stamp() {
	least := noTime
	for i := len(r.routed) - 1; i >= 0; i-- {
		p := r.routed[i]
		least = min(least, p.at)
		if least != noTime {
			r.out.Inbox[p.inbox].Record.Routed[p.item].Stamp = least
			r.out.Stamp = max(r.out.Stamp, least)
		}
	}
}

// recordOverhead is more than a record without items takes.
const recordOverhead = 64

// eventSize returns a bound of the encoded size of a routed event, at most a few per cent above it.
func eventSize(ev *wire.Event) int {
	const numbers, length = 80, 3 // varints of position, times, stamp, counts; length of a text
	n := numbers + len(ev.ID) + len(ev.Name) + len(ev.Channel) + 3*length
	for _, id := range ev.Identifiers {
		n += length + len(id)
	}
	for i := range ev.Props {
		n += 2*length + 1 + len(ev.Props[i].Key) + len(ev.Props[i].Text)
	}
	return n
}
