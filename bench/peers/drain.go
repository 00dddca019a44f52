package peers

import (
	"context"
	"fmt"
	"time"

	"portrait/bench"
	"portrait/bench/meter"
	"portrait/bench/traffic"
	"portrait/pipeline"
)

// Drain is one application working off a backlog.
type Drain struct {
	Round   int     `json:"round"`
	Name    string  `json:"application"`
	Events  int64   `json:"events"` // timed
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"events_per_s"`
	CPU     float64 `json:"cpu_us_per_event"`
	Rest    float64 `json:"cpu_to_rest_us_per_event"` // with what is done after the last tag change: documents, checkpoints, caches
	Broker  float64 `json:"broker_us_per_event"`
	Memory  int64   `json:"rss_bytes"`
}

const (
	drainLimit  = 10 * time.Minute
	backlogRate = 2_000_000 // events a second of the plan: faster than a broker takes them
)

// backlog is a topic that holds a plan's first events, and what they must bring.
type backlog struct {
	plan  *traffic.Plan
	topic string
	want  *traffic.Told
	warm  int64 // changes of the part that is not timed
	end   int64 // number after the last event
}

// drainRound fills a topic, and lets each application work it off from the beginning.
func (w *world) drainRound(ctx context.Context, round int) error {
	prefix := w.prefix() // Portrait's own, and the input of all
	portrait, err := w.app(ctx, variant{name: Portrait}, forDrain, prefix, "")
	if err != nil {
		return err
	}
	defer portrait.kill()
	if err := portrait.start(ctx); err != nil { // it founds its deployment
		return fmt.Errorf("%s: %w", Portrait, err)
	}
	if err := portrait.stop(); err != nil {
		return fmt.Errorf("%s: %w", Portrait, err)
	}
	b, err := w.fill(ctx, pipeline.TopicNames(prefix).Events)
	if err != nil {
		return err
	}
	for _, v := range turn(drains, round) {
		one, a := prefix, portrait
		if v.name != Portrait {
			one = w.prefix()
			if a, err = w.app(ctx, v, forDrain, one, b.topic); err != nil {
				return err
			}
		}
		d, err := w.drain(ctx, a, b, one, v.name, round)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		w.report.Drains = append(w.report.Drains, d)
		w.say("round %d: %s drained %.0f events/s, %.2f µs of CPU per event", round, v.name, d.Rate, d.CPU)
		if one != prefix {
			if err := w.forget(ctx, one); err != nil {
				return err
			}
		}
	}
	return w.forget(ctx, prefix)
}

// fill writes a backlog: the persons' first events, half as many as are timed, and those.
func (w *world) fill(ctx context.Context, topic string) (b *backlog, err error) {
	b = &backlog{topic: topic, end: int64(w.Drain) + int64(w.Drain)/2}
	if b.plan, err = w.plan(); err != nil {
		return nil, err
	}
	if b.plan, err = b.plan.Then(0, traffic.Stretch{Start: time.Now(), Rate: backlogRate}); err != nil {
		return nil, err
	}
	s, err := newSender(w.addr, topic)
	if err != nil {
		return nil, err
	}
	defer s.close()
	began := time.Now()
	if _, err := s.send(ctx, b.plan, b.plan.First(), b.end, time.Time{}, nil); err != nil {
		return nil, err
	}
	if err := s.flush(ctx); err != nil {
		return nil, err
	}
	w.say("a backlog of %d events, written in %.1f s", b.end-b.plan.First(), time.Since(began).Seconds())
	if b.want, err = traffic.NewTold(b.plan, w.model); err != nil {
		return nil, err
	}
	b.want.Expect(b.plan, b.plan.First(), b.end-int64(w.Drain))
	b.warm = b.want.Changes
	b.want.Expect(b.plan, b.end-int64(w.Drain), b.end)
	return b, nil
}

// drain times one application on a backlog, and checks what it said.
func (w *world) drain(ctx context.Context, a app, b *backlog, prefix, name string, round int) (d Drain, err error) {
	tags := pipeline.TopicNames(prefix).Tags
	r, err := record(ctx, w.addr, tags, b.plan, w.model)
	if err != nil {
		return d, err
	}
	defer r.stop()
	defer a.kill()
	if err := a.start(ctx); err != nil {
		return d, err
	}
	if err := r.wait(ctx, b.warm, drainLimit); err != nil {
		return d, err
	}
	there := r.changes.Load()
	before, err := w.usage(a)
	if err != nil {
		return d, err
	}
	if err := r.wait(ctx, b.want.Changes, drainLimit); err != nil {
		return d, err
	}
	after, err := w.usage(a)
	if err != nil {
		return d, err
	}
	from := b.want.Causes[min(there, b.want.Changes)-1] + 1
	d = Drain{Round: round, Name: name, Events: b.end - from, Seconds: after.at.Sub(before.at).Seconds(),
		CPU: perEvent(before.app, after.app, b.end-from), Broker: perEvent(before.broker, after.broker, b.end-from)}
	d.Rate = float64(d.Events) / d.Seconds
	if d.Memory, err = meter.RSS(a.pid()); err != nil {
		return d, err
	}
	if err := bench.Pause(ctx, w.Rest); err != nil {
		return d, err
	}
	rest, err := w.usage(a)
	if err != nil {
		return d, err
	}
	d.Rest = perEvent(before.app, rest.app, d.Events)
	if err := a.stop(); err != nil {
		return d, err
	}
	w.report.Checks = append(w.report.Checks, r.close().Compare(fmt.Sprintf("drain, round %d, %s", round, name), b.want))
	return d, nil
}
