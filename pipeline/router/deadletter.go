package router

import (
	"strconv"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// DeadLetter is a record for portrait.rejected. It holds the event's original bytes, phone numbers
// perhaps among them: it has the input's access rules, and goes nowhere else.
type DeadLetter struct {
	At     wire.Position
	Reason schemas.Reason
	Detail string // names the place, never the content
	Value  []byte // the bytes as sent: of the record, or of one event in an array; shares the fetch's memory
}

// Header is a Kafka header.
type Header struct {
	Key   string
	Value []byte
}

// Key returns the record's key, the events partition as text: the letters of one partition stay in
// order, and a repeat after a crash lies beside its first.
func (d *DeadLetter) Key() []byte { return strconv.AppendInt(nil, int64(d.At.Partition), 10) }

// Headers returns reason, detail, and the position in topic: all as text.
func (d *DeadLetter) Headers(topic string) []Header {
	number := func(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
	return []Header{
		{"reason", []byte(d.Reason)},
		{"detail", []byte(d.Detail)},
		{"topic", []byte(topic)},
		{"partition", number(int64(d.At.Partition))},
		{"offset", number(d.At.Offset)},
		{"index", number(int64(d.At.Index))},
	}
}

// reject makes a dead letter, and an item without its bytes so that the accounting is complete. The
// item goes to the inbox partition of the events partition's number: any would do, but always one.
func (r *Router) reject(at wire.Position, kafka int64, raw []byte, why *schemas.Rejection) {
	if r.out.Counts.Rejected == nil {
		r.out.Counts.Rejected = make(map[schemas.Reason]int)
	}
	r.out.Counts.Rejected[why.Reason]++
	r.out.Rejected = append(r.out.Rejected, DeadLetter{At: at, Reason: why.Reason, Detail: why.Detail, Value: raw})
	when := kafka
	if r.dep.Clock == schemas.ClockEvent {
		when = noTime
	}
	item := wire.Routed{Rejected: &wire.Rejected{At: at, Kafka: kafka, Reason: string(why.Reason), Detail: why.Detail}}
	size := 64 + len(why.Reason) + len(why.Detail)
	r.add(int(at.Partition)%r.dep.InboxPartitions, item, size, when)
}
