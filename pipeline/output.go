package pipeline

import (
	"strconv"
	"time"

	"portrait/pipeline/kafka"
	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// Output is one record to produce. Outputs of one topic and partition must reach it in order.
type Output struct {
	Topic     string
	Partition int
	Record    kafka.Record
	Caused    int64 // ms: Kafka timestamp of the event behind a tag change, for latency; 0: none
}

// patientGap is the largest gap between requests to a topic whose readers can wait. At 5 ms as elsewhere,
// five partitions of them cost a tenth of a core; larger would hold up checkpoints, which wait for all.
const patientGap = 40 * time.Millisecond

// producerDefaults is how outputs are produced unless somebody says otherwise.
func producerDefaults(t Topics) kafka.ProducerConfig {
	c := kafka.DefaultProducerConfig()
	// Records to inboxes and facts are large and repetitive: a third of the bytes to copy, send and write
	// is worth more than the microsecond it takes.
	c.Compression = kafka.CompressionSnappy
	c.Ahead = t.Inbox // machines say what comes of it to the other topics
	// ClickHouse gets a block a second, and documents are for who starts: fewer requests cost them nothing.
	c.Gaps = map[string]time.Duration{t.Facts: patientGap, t.Profiles: patientGap}
	return c
}

// encoder turns effects into records.
type encoder struct {
	dep    *schemas.Deployment
	hash   uint64
	topics Topics
	self   int
	epoch  []byte // as text, for headers
	list   []byte // scratch: the facts of a record
}

func newEncoder(dep *schemas.Deployment, topics Topics, self int) encoder {
	return encoder{dep: dep, hash: dep.Hash(), topics: topics, self: self, epoch: strconv.AppendInt(nil, int64(dep.Epoch), 10)}
}

// slab is memory for the keys and headers of one batch of outputs: one by one they were four in ten of all objects that
// a busy process had. It has to be as large as what is taken, or what was given out moves.
type slab struct {
	bytes   []byte
	headers []kafka.Header
}

// text returns s as bytes.
func (b *slab) text(s string) []byte {
	from := len(b.bytes)
	b.bytes = append(b.bytes, s...)
	return b.bytes[from:len(b.bytes):len(b.bytes)]
}

// number returns v in decimal digits.
func (b *slab) number(v uint64) []byte {
	from := len(b.bytes)
	b.bytes = strconv.AppendUint(b.bytes, v, 10)
	return b.bytes[from:len(b.bytes):len(b.bytes)]
}

// pair returns two headers.
func (b *slab) pair(first, second kafka.Header) []kafka.Header {
	from := len(b.headers)
	b.headers = append(b.headers, first, second)
	return b.headers[from:len(b.headers):len(b.headers)]
}

// numberBytes is the most that slab.number takes.
const numberBytes = 20

// slabFor returns a slab for keys and headers of the tag changes and documents in f.
func slabFor(f *machine.Effects) slab {
	size := 0
	for i := range f.Tags {
		size += len(f.Tags[i].Key) + len(f.Tags[i].Tag) + len(f.Tags[i].Kind)
	}
	for i := range f.Docs {
		size += len(f.Docs[i].Key) + numberBytes
	}
	return slab{make([]byte, 0, size), make([]kafka.Header, 0, 2*(len(f.Tags)+len(f.Docs)))}
}

// outputs encodes everything in f. Records to inboxes and facts carry lists of items, bounded in
// number and bytes; where a list is split says nothing to its reader, who counts items.
func (c *encoder) outputs(f *machine.Effects) []Output {
	out := make([]Output, 0, len(f.Messages)+1+len(f.Tags)+len(f.Docs)+len(f.Dead)+f.Markers)
	for q, list := range f.Messages {
		out = c.messages(out, q, f.FirstSeq[q], list, f.Catalog)
	}
	out = c.facts(out, f)
	memory := slabFor(f)
	for i := range f.Tags {
		t := &f.Tags[i]
		out = append(out, Output{Topic: c.topics.Tags, Partition: schemas.PartitionOf(t.Key, c.dep.InboxPartitions), Caused: t.Kafka,
			Record: kafka.Record{Key: memory.text(t.Key), Value: t.Value, Headers: memory.pair(
				kafka.Header{Key: "tag", Value: memory.text(t.Tag)}, kafka.Header{Key: "change", Value: memory.text(t.Kind)})}})
	}
	for i := range f.Docs {
		d := &f.Docs[i]
		out = append(out, Output{Topic: c.topics.Profiles, Partition: schemas.PartitionOf(d.Key, c.dep.InboxPartitions), Record: kafka.Record{
			Key: memory.text(d.Key), Value: d.Value, Headers: memory.pair(
				kafka.Header{Key: "version", Value: memory.number(d.Version)}, kafka.Header{Key: "epoch", Value: c.epoch})}})
	}
	for i := range f.Dead {
		out = append(out, c.dead(&f.Dead[i]))
	}
	return out
}

// messages appends the records of one channel.
func (c *encoder) messages(out []Output, to int, seq uint64, list []wire.Message, catalog int64) []Output {
	for len(list) > 0 {
		n, size := 0, 0
		for n < len(list) && n < schemas.ItemsPerRecord && (n == 0 || size+approx(&list[n]) <= schemas.BytesPerRecord) {
			size += approx(&list[n])
			n++
		}
		r := wire.InboxRecord{Deployment: c.hash, Source: wire.FromMachine, From: int32(c.self),
			Catalog: catalog, Seq: seq, Messages: list[:n]}
		e := wire.Encoder{B: make([]byte, 0, size+64)}
		r.Encode(&e)
		out = append(out, Output{Topic: c.topics.Inbox, Partition: to, Record: kafka.Record{Value: e.B}})
		list, seq = list[n:], seq+uint64(n)
	}
	return out
}

// approx is about how many bytes a message takes: enough to bound a record.
func approx(m *wire.Message) int {
	n := 48 + len(m.To) + len(m.From.ID) + len(m.Via) + len(m.Other) + len(m.Cause) + len(m.State) + 24*len(m.Counts)
	if m.Event != nil {
		n += eventBytes(m.Event)
	}
	return n
}

func eventBytes(ev *wire.Event) int {
	n := 48 + len(ev.ID) + len(ev.Name) + len(ev.Channel)
	for _, id := range ev.Identifiers {
		n += 2 + len(id)
	}
	for i := range ev.Props {
		n += 4 + len(ev.Props[i].Key) + len(ev.Props[i].Text)
	}
	return n
}

// facts appends the facts records of this machine, and its markers behind them.
func (c *encoder) facts(out []Output, f *machine.Effects) []Output {
	partition := c.self % c.dep.FactsPartitions
	list, seq := f.Facts, f.FactsSeq
	e := wire.Encoder{B: c.list}
	for len(list) > 0 {
		e.B = e.B[:0]
		n := 0
		for n < len(list) && n < schemas.ItemsPerRecord*4 && len(e.B) < schemas.BytesPerRecord {
			list[n].Encode(&e)
			n++
		}
		out = append(out, Output{Topic: c.topics.Facts, Partition: partition, Record: kafka.Record{Value: c.factsRecord(seq, n, e.B)}})
		list, seq = list[n:], seq+uint64(n)
	}
	c.list = e.B
	for range f.Markers {
		out = append(out, c.marker(seq))
	}
	return out
}

// marker is a facts record without facts; next is the number of the fact to come.
func (c *encoder) marker(next uint64) Output {
	return Output{Topic: c.topics.Facts, Partition: c.self % c.dep.FactsPartitions, Record: kafka.Record{Value: c.factsRecord(next, 0, nil)}}
}

// factsRecord is wire.FactsRecord.Encode for facts that are encoded already: a record is bounded by
// bytes, so they have to be.
func (c *encoder) factsRecord(seq uint64, n int, facts []byte) []byte {
	e := wire.Encoder{B: make([]byte, 0, len(facts)+40)}
	e.Byte(wire.Version)
	e.Uint(c.hash)
	e.Uint(uint64(c.self))
	e.Uint(seq)
	e.Uint(uint64(n))
	e.B = append(e.B, facts...)
	return e.B
}

// dead is the dead letter of an event that the machine has no identifier left for. The original bytes
// are not here any more: it holds the normalised event, and the position names the original.
func (c *encoder) dead(d *machine.Dead) Output {
	at := d.Event.At
	header := func(k string, v int64) kafka.Header {
		return kafka.Header{Key: k, Value: strconv.AppendInt(nil, v, 10)}
	}
	var e wire.Encoder
	d.Event.Encode(&e)
	return Output{Topic: c.topics.Rejected, Partition: int(at.Partition), Record: kafka.Record{
		Key: strconv.AppendInt(nil, int64(at.Partition), 10), Value: e.B,
		Headers: []kafka.Header{{Key: "reason", Value: []byte(d.Reason)}, {Key: "encoding", Value: []byte("portrait-event-1")},
			{Key: "topic", Value: []byte(c.topics.Events)}, header("partition", int64(at.Partition)),
			header("offset", at.Offset), header("index", int64(at.Index))}}}
}
