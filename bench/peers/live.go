package peers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"portrait/bench"
	"portrait/bench/latency"
	"portrait/bench/meter"
	"portrait/bench/traffic"
	"portrait/pipeline"
)

// Live is one application at one rate.
type Live struct {
	Round      int           `json:"round"`
	Name       string        `json:"application"`
	Rate       float64       `json:"rate"`       // planned, events per second
	Kept       bool          `json:"kept"`       // at least 99 % of the plan were handed over by the end of the window
	Latency    bench.Latency `json:"latency_ms"` // planned instant of an event to its tag change received
	Samples    int64         `json:"samples"`
	Unanswered int64         `json:"unanswered"` // tag changes that were still missing when the latencies were summed up
	Hiccups    bench.Latency `json:"hiccups_ms"`
	Lateness   bench.Latency `json:"lateness_ms"`
	CPU        float64       `json:"cpu_us_per_event"`
	Broker     float64       `json:"broker_us_per_event"`
	Memory     int64         `json:"rss_bytes"`
}

const (
	preloadLimit = 5 * time.Minute
	// answerLimit is how long the answers to a window are waited for: without the late ones a system that falls behind would
	// show only its quick ones.
	answerLimit = 45 * time.Second
	graceful    = time.Second // how long after its planned end a stretch may still hand over what was held up
	keepShare   = 0.99
	// lull is how long an application is listened to after its last expected change: it must say nothing more.
	lull = 2 * time.Second
)

// liveRound asks each application at each rate.
func (w *world) liveRound(ctx context.Context, round int) error {
	for _, v := range turn(lives, round) {
		prefix := w.prefix()
		a, err := w.app(ctx, v, forLive, prefix, pipeline.TopicNames(prefix).Events)
		if err == nil {
			err = w.live(ctx, a, prefix, v.name, round)
		}
		if err == nil {
			err = w.forget(ctx, prefix)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
	}
	return nil
}

// So much is written and read before the first session: ten seconds of small requests, as a live load has them.
const (
	warmEvents = 200_000
	warmRate   = 20_000
)

// warmBroker has the broker take and give events for a while, without an application.
func (w *world) warmBroker(ctx context.Context) error {
	prefix := w.prefix()
	topic := pipeline.TopicNames(prefix).Events
	if err := w.topics(ctx, prefix, topic); err != nil {
		return err
	}
	plan, err := w.plan()
	if err == nil {
		plan, err = plan.Then(0, traffic.Stretch{Start: time.Now(), Rate: warmRate})
	}
	if err != nil {
		return err
	}
	s, err := newSender(w.addr, topic)
	if err != nil {
		return err
	}
	defer s.close()
	r, err := follow(w.addr, topic)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := s.send(ctx, plan, 0, warmEvents, time.Time{}, nil); err != nil {
		return err
	}
	if err := s.flush(ctx); err != nil {
		return err
	}
	for left := warmEvents; left > 0; {
		fetches := r.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		left -= fetches.NumRecords()
	}
	return w.forget(ctx, prefix)
}

// session is an application under an open load.
type session struct {
	*world
	app  app
	name string
	send *sender
	rec  *recorder
	plan *traffic.Plan
	want *traffic.Told
	next int64 // number of the next event
}

// live starts an application, preloads its profiles, and puts it under each rate.
func (w *world) live(ctx context.Context, a app, prefix, name string, round int) (err error) {
	s := &session{world: w, app: a, name: name}
	defer a.kill()
	if err := a.start(ctx); err != nil {
		return err
	}
	if s.plan, err = w.plan(); err != nil {
		return err
	}
	names := pipeline.TopicNames(prefix)
	if s.send, err = newSender(w.addr, names.Events); err != nil {
		return err
	}
	defer s.send.close()
	if s.rec, err = record(ctx, w.addr, names.Tags, s.plan, w.model); err != nil {
		return err
	}
	defer s.rec.stop()
	if s.want, err = traffic.NewTold(s.plan, w.model); err != nil {
		return err
	}
	if err := s.preload(ctx); err != nil {
		return fmt.Errorf("preload: %w", err)
	}
	for _, rate := range w.Rates {
		l, err := s.stretch(ctx, rate)
		if err != nil {
			return err
		}
		l.Round = round
		w.report.Lives = append(w.report.Lives, l)
		w.say("round %d: %s at %.0f/s: p50 %.1f p99 %.1f p99.9 %.1f ms, %.2f µs of CPU per event", round, name, rate,
			l.Latency.P50, l.Latency.P99, l.Latency.P999, l.CPU)
	}
	if err := s.rec.wait(ctx, s.want.Changes, answerLimit); err != nil && !errors.Is(err, errBehind) {
		return err // what is behind is for the comparison to tell
	}
	if err := bench.Pause(ctx, lull); err != nil {
		return err
	}
	if err := a.stop(); err != nil {
		return err
	}
	w.report.Checks = append(w.report.Checks, s.rec.close().Compare(fmt.Sprintf("latency, round %d, %s", round, name), s.want))
	return nil
}

// preload sends each person's first event and those of the warm-up as fast as the application takes them: a virtual machine
// compiles what it runs most, which would take half a minute at a low rate.
func (s *session) preload(ctx context.Context) (err error) {
	if s.plan, err = s.plan.Then(0, traffic.Stretch{Start: time.Now(), Rate: backlogRate}); err != nil {
		return err
	}
	s.rec.plan.Store(s.plan)
	if s.next, err = s.send.send(ctx, s.plan, s.plan.First(), int64(s.Warm), time.Time{}, nil); err != nil {
		return err
	}
	s.want.Expect(s.plan, s.plan.First(), s.next)
	return s.rec.wait(ctx, s.want.Changes, preloadLimit)
}

// stretch sends at one rate, and returns what its window showed when the answers have had their time to come.
func (s *session) stretch(ctx context.Context, rate float64) (l Live, err error) {
	start := time.Now().Add(100 * time.Millisecond).Truncate(time.Millisecond)
	first := s.next
	if s.plan, err = s.plan.Then(first, traffic.Stretch{Start: start, Rate: rate}); err != nil {
		return l, err
	}
	s.rec.plan.Store(s.plan)
	win := &window{from: first + int64(rate*s.Warmup.Seconds()), start: start.Add(s.Warmup), latencies: latency.NewRecorder()}
	win.to, win.end = win.from+int64(rate*s.Duration.Seconds()), win.start.Add(s.Duration)
	s.rec.window.Store(win)
	type sent struct {
		next int64
		err  error
	}
	done, late := make(chan sent, 1), latency.NewRecorder()
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	handed := make(chan int64, 1)
	go func() {
		next, err := s.send.send(sending, s.plan, first, win.to, win.end, late)
		handed <- next
		if err == nil && next < win.to {
			next, err = s.send.send(sending, s.plan, next, win.to, win.end.Add(graceful), late)
		}
		done <- sent{next, err}
	}()
	before, after, err := s.edges(ctx, win)
	if err != nil {
		return l, err
	}
	inTime := <-handed
	end := <-done
	if end.err != nil {
		return l, end.err
	}
	s.next = end.next
	if err := s.send.flush(ctx); err != nil {
		return l, err
	}
	if err := bench.Pause(ctx, time.Second); err != nil { // the walk takes CPU; the last answers do not wait for it
		return l, err
	}
	s.want.Expect(s.plan, first, s.next)
	if err := s.rec.wait(ctx, s.want.Changes, answerLimit); err != nil && !errors.Is(err, errBehind) {
		return l, err
	}
	l = Live{Name: s.name, Rate: rate, Latency: win.latencies.Total(latency.Event), Samples: win.latencies.Count(latency.Event),
		Unanswered: max(0, s.want.Changes-s.rec.changes.Load()), Hiccups: win.latencies.Total(latency.Hiccup), Lateness: late.Total(latency.Lateness)}
	events := int64(after.at.Sub(before.at).Seconds() * rate)
	l.Kept = float64(inTime-win.from) >= keepShare*float64(win.to-win.from)
	l.CPU, l.Broker = perEvent(before.app, after.app, events), perEvent(before.broker, after.broker, events)
	l.Memory, err = meter.RSS(s.app.pid())
	return l, err
}

// edges reads what is used at both ends of a window.
func (s *session) edges(ctx context.Context, win *window) (before, after usage, err error) {
	if err = bench.Pause(ctx, time.Until(win.start)); err == nil {
		before, err = s.usage(s.app)
	}
	if err == nil {
		err = bench.Pause(ctx, time.Until(win.end))
	}
	if err == nil {
		after, err = s.usage(s.app)
	}
	return before, after, err
}
