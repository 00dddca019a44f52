package kafka

import (
	"context"
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
)

// echo is what one output partition was told lately. Only the outlet's goroutine touches it.
type echo struct {
	until   time.Time         // records that are acknowledged before are kept
	records map[string]Record // by key, the newest
	bytes   int
	timer   *time.Timer // runs while there are records
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
	if !time.Now().Before(e.until) {
		return
	}
	if e.records == nil {
		e.records = map[string]Record{}
	}
	for i := range batch {
		r := batch[i].record
		if old, ok := e.records[string(r.Key)]; ok {
			e.bytes -= old.size()
		}
		e.bytes += r.size()
		e.records[string(r.Key)] = r
	}
	if e.timer == nil {
		e.timer = time.NewTimer(time.Until(e.until))
	}
}

// tellAgain repeats what was kept when it is time. Newer records wait behind it: an echo is never the last word
// on a key that has changed since.
func (o *outlet) tellAgain(ctx context.Context) bool {
	e := &o.echo
	if e.timer == nil || time.Now().Before(e.until) && e.bytes < echoBytes {
		if e.timer != nil { // the end may have moved
			e.timer.Reset(max(time.Until(e.until), time.Millisecond))
		}
		return true
	}
	e.timer.Stop()
	records := e.records
	e.timer, e.records, e.bytes = nil, nil, 0
	var batch []item
	size := 0
	for _, r := range records {
		batch = append(batch, item{record: r})
		if size += r.size(); len(batch) == o.producer.config.BatchRecords || size >= o.producer.config.BatchBytes/2 {
			if !o.deliverEcho(ctx, batch) {
				return false
			}
			batch, size = nil, 0
		}
	}
	return len(batch) == 0 || o.deliverEcho(ctx, batch)
}

// deliverEcho sends records that nobody waits for and no queue has counted.
func (o *outlet) deliverEcho(ctx context.Context, batch []item) bool {
	encoded, err := encodeBatch(batch, time.Now().UnixMilli(), o.producer.codec)
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
