package drive

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"portrait/bench"
	"portrait/bench/latency"
	"portrait/pipeline/kafka"
)

// listen follows every partition of the tag topic from where it ended at Open.
func (d *Driver) listen(ctx context.Context) {
	for _, r := range d.topics {
		if r.topic != d.dep.Topics.Tags {
			continue
		}
		d.work(ctx, func(ctx context.Context) error {
			f, heard := kafka.NewFetcher(d.client, r.topic, r.partition, r.next), numbers{}
			for {
				b, err := f.Next(ctx)
				if err != nil {
					return fmt.Errorf("%s: %w", r.topic, err)
				}
				now := time.Now()
				for i := range b.Records {
					if !heard.repeat(b.Records[i].Value) {
						d.change(b.Records[i].Value, now)
					}
				}
			}
		})
	}
}

// numbers drops what every receiver drops: changes that were said before, by an owner of their inbox partition that went
// on from an older checkpoint or by one that did not know yet that it was none. Counted again they would look as if they
// had waited since then. Of each inbox partition it holds the newest record and the ordinal within it, as change ids name
// them: in one partition of the topic they ascend.
type numbers map[uint64][2]uint64

var idField = []byte(`"id":"e`)

// repeat reports whether a change was heard before, and remembers it if not.
func (n numbers) repeat(value []byte) bool {
	k := bytes.Index(value, idField)
	if k < 0 {
		return false
	}
	id := value[k+len(idField):]
	if k = bytes.IndexByte(id, '"'); k < 0 {
		return false
	}
	var part [4]uint64 // epoch, inbox partition, offset, ordinal
	for i, text := range bytes.Split(bytes.Replace(id[:k], []byte("-p"), []byte("-"), 1), []byte("-")) {
		x, err := strconv.ParseUint(string(text), 10, 64)
		if err != nil || i >= len(part) {
			return false // the verification says what is wrong with it
		}
		part[i] = x
	}
	last, known := n[part[1]]
	if known && (part[2] < last[0] || part[2] == last[0] && part[3] <= last[1]) {
		return true
	}
	n[part[1]] = [2]uint64{part[2], part[3]}
	return false
}

var (
	eventField = []byte(`"event_id":"`)
	mergeField = []byte(`"kind":"merge"`)
)

// change records how long a tag change took since its event's planned instant. Changes by timers and those
// of other runs have no such event.
func (d *Driver) change(value []byte, now time.Time) {
	d.changes.Add(1)
	k := bytes.Index(value, eventField)
	if k < 0 {
		d.wave(value, now)
		return
	}
	id := value[k+len(eventField):]
	if k = bytes.IndexByte(id, '"'); k < 0 {
		return
	}
	plan := d.traffic()
	n, ok := plan.Seq(id[:k])
	if !ok || n < 0 {
		return
	}
	took, cause := now.Sub(plan.At(n)), latency.Event
	d.arrivals.add(n, plan.At(n), now)
	if bytes.Contains(value, mergeField) {
		cause = latency.Merge
	}
	d.recent.Record(cause, took)
	for _, w := range *d.windows.Load() {
		if n >= w.from && n < w.to {
			w.recorder.Record(cause, took)
		}
	}
}

// Wave is many timers due at one instant.
type Wave struct {
	Due     time.Time     `json:"due"`
	Changes int64         `json:"changes"` // by timers due then
	Last    float64       `json:"last_s"`  // when the last of them was received, seconds after due
	Latency bench.Latency `json:"latency_ms"`
}

// timerWave is a wave while it is watched.
type timerWave struct {
	due      []byte // as event_time has it
	at       time.Time
	mu       sync.Mutex
	changes  int64
	last     time.Time
	recorder *latency.Recorder
}

// WatchWave counts from now on the changes by timers due at an instant (in ms).
func (d *Driver) WatchWave(due time.Time) {
	d.watched.Store(&timerWave{at: due, due: []byte(`"event_time":"` + due.UTC().Format("2006-01-02T15:04:05.000Z") + `"`), recorder: latency.NewRecorder()})
}

// Wave is what came of the wave that is watched.
func (d *Driver) Wave() Wave {
	w := d.watched.Load()
	w.mu.Lock()
	defer w.mu.Unlock()
	out := Wave{Due: w.at, Changes: w.changes, Latency: w.recorder.Total(latency.Timer)}
	if w.changes > 0 {
		out.Last = w.last.Sub(w.at).Seconds()
	}
	return out
}

// wave counts a change that no event caused.
func (d *Driver) wave(value []byte, now time.Time) {
	w := d.watched.Load()
	if w == nil || !bytes.Contains(value, w.due) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes++
	w.last = now
	w.recorder.Record(latency.Timer, now.Sub(w.at))
}

// hiccupGap is what the idle ticker asks for.
const hiccupGap = time.Millisecond

// hiccups records how much later than asked an idle goroutine wakes up.
func (d *Driver) hiccups(ctx context.Context) error {
	for ctx.Err() == nil {
		before := time.Now()
		time.Sleep(hiccupGap)
		now := time.Now()
		late := max(0, now.Sub(before)-hiccupGap)
		d.recent.Record(latency.Hiccup, late)
		for _, w := range *d.windows.Load() {
			if !now.Before(w.start) && now.Before(w.start.Add(w.length)) {
				w.recorder.Record(latency.Hiccup, late)
			}
		}
	}
	return ctx.Err()
}
