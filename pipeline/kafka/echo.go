package kafka

import (
	"context"
	"encoding/binary"
	"time"
)

// A compacted topic keeps the last record of a key, and nobody behind it drops by number. A late copy of a request that
// seemed to have failed, or an owner that did not know yet that it was one no more, can put an older record last. So for
// a while after either, what the topic is told is kept, and told once more at the end: whatever came late is then
// before the newest.

const (
	// echoAfter is how long a late copy may take: far longer than a request lives in a broker that stalls.
	echoAfter = time.Minute
	// echoBytes bounds what is kept per output partition; when it is full the echo comes early.
	echoBytes = 32 << 20
	// echoRecords go at once, and echoPause later the next: 1,280 a second. All of them in one go held up the
	// tag changes of half a second at 20,000 events/s.
	echoRecords = 64
	echoPause   = 50 * time.Millisecond
)

// echo is what one output partition was told lately. Only the outlet's goroutine touches it.
type echo struct {
	until time.Time         // records that are acknowledged before are kept
	kept  map[string][]byte // by key, the newest, packed: 100,000 records of seven pieces each kept the collector of garbage busy
	bytes int               // of kept
	due   map[string][]byte // to be told again now, a few at a time; nothing that has changed since
	next  time.Time         // when more of due may go
	timer *time.Timer       // runs while there are records
}

// Echo says that another process may still be writing what was ours to write from now on: what ProducerConfig.Echo is
// told in the next minute is told once more at its end.
func (p *Producer) Echo() {
	p.echoUntil.Store(int64(time.Since(p.base) + p.config.EchoAfter))
}

// failed begins to keep records because a request may come late.
func (e *echo) failed(after time.Duration) { e.until = time.Now().Add(after) }

// C is when to look again.
func (e *echo) C() <-chan time.Time {
	if e.timer == nil {
		return nil
	}
	return e.timer.C
}

// told keeps what was acknowledged just now, if it is to be told again.
func (o *outlet) told(batch []item) {
	p, e := o.producer, &o.echo
	if o.place.topic != p.config.Echo {
		return
	}
	if until := p.base.Add(time.Duration(p.echoUntil.Load())); until.After(e.until) {
		e.until = until
	}
	keep := time.Now().Before(e.until)
	if keep && e.kept == nil {
		e.kept = map[string][]byte{}
	}
	for i := range batch {
		r := &batch[i].record
		delete(e.due, string(r.Key)) // an echo is never the last word on a key that has changed since
		if keep {
			old := e.kept[string(r.Key)]
			packed := packRecord(old[:0], r)
			e.bytes += len(packed) - len(old)
			e.kept[string(r.Key)] = packed
		}
	}
	e.arm()
}

// packRecord appends a record as one piece of memory, without its offset.
func packRecord(b []byte, r *Record) []byte {
	if b == nil {
		b = make([]byte, 0, r.size())
	}
	b = binary.AppendVarint(b, r.Time)
	b = appendBytes(appendBytes(b, r.Key), r.Value)
	b = binary.AppendVarint(b, int64(len(r.Headers)))
	for i := range r.Headers {
		b = appendBytes(appendBytes(b, []byte(r.Headers[i].Key)), r.Headers[i].Value)
	}
	return b
}

// unpackRecord returns what packRecord packed; its bytes are those of b.
func unpackRecord(b []byte) Record {
	d := reader{b: b}
	r := Record{Time: d.varint(), Key: d.bytes(), Value: d.bytes()}
	for n := d.varint(); n > 0; n-- {
		r.Headers = append(r.Headers, Header{Key: string(d.bytes()), Value: d.bytes()})
	}
	return r
}

// arm sets the timer to when tellAgain has something to do.
func (e *echo) arm() {
	at := e.next
	switch {
	case len(e.due) > 0:
	case len(e.kept) > 0:
		at = e.until
	default:
		e.timer = nil
		return
	}
	if wait := max(time.Until(at), time.Millisecond); e.timer == nil {
		e.timer = time.NewTimer(wait)
	} else {
		e.timer.Reset(wait)
	}
}

// tellAgain repeats some of what was kept when it is time.
func (o *outlet) tellAgain(ctx context.Context) bool {
	e := &o.echo
	if e.timer == nil {
		return true
	}
	now := time.Now()
	if len(e.due) == 0 && (!now.Before(e.until) || e.bytes >= echoBytes) {
		e.due, e.kept, e.bytes = e.kept, nil, 0
	}
	if len(e.due) > 0 && !now.Before(e.next) {
		var batch []item
		size := 0
		for key, packed := range e.due { // in whatever order: there is none between keys
			delete(e.due, key)
			r := unpackRecord(packed)
			batch = append(batch, item{record: r})
			if size += r.size(); len(batch) == echoRecords || size >= o.producer.config.BatchBytes/2 {
				break
			}
		}
		if !o.deliverEcho(ctx, batch) {
			return false
		}
		e.next = time.Now().Add(echoPause)
	}
	e.arm()
	return true
}

// deliverEcho sends records that nobody waits for and no queue has counted.
func (o *outlet) deliverEcho(ctx context.Context, batch []item) bool {
	encoded, err := o.encoder.encode(batch, time.Now().UnixMilli())
	if err != nil {
		o.producer.stop(err)
		return false
	}
	if !o.repeat(ctx, encoded, len(batch)) {
		return false
	}
	o.producer.echoed.Add(int64(len(batch)))
	return true
}

// held waits while Hold says so.
func (o *outlet) held(ctx context.Context) bool {
	c := &o.producer.config
	for o.place.topic == c.Echo && c.Hold != nil && c.Hold() {
		if !pause(ctx, holdPoll) {
			return false
		}
	}
	return true
}

// holdPoll is how often Hold is asked.
const holdPoll = 20 * time.Millisecond
