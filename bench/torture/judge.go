package torture

import (
	"context"
	"time"
)

// Limits of the end of a run.
const (
	settleLimit = 10 * time.Minute // for everything sent to be stored: how fast is not what is judged
	judgeLimit  = 2 * time.Minute  // for topics and ClickHouse to be as the ledger says
	passed      = 3 * time.Second  // tags are compared so far in the past, which topic and ClickHouse have passed
)

// judge waits until all is at rest and compares everything, again and again until it agrees: the last blocks, documents and
// timers take their time. What stays different until the limit is the verdict.
func (t *torturer) judge(ctx context.Context, l *load, plan []Fault) (*Verdict, error) {
	silence, behind, strikes := l.watch.result(time.Now())
	retries := l.retries()
	strangers, err := l.countCopies(ctx)
	if err != nil {
		return nil, err
	}
	repeats, source := l.copies.settle(l.ledger, int32(l.plan.Planned()), retries, strangers)
	if err := t.settle(ctx, l); err != nil {
		return nil, err
	}
	v := &Verdict{Seed: t.Seed, Broker: t.Broker, Nodes: t.Nodes, Seconds: t.Duration.Seconds(), Rate: t.Rate, SourceRepeats: repeats,
		LongestSilenceMS: silence.Milliseconds(), BehindMS: behind.Milliseconds(), BearsMS: stall(t.Duration).Milliseconds(), planned: int64(l.plan.Planned()), faults: len(plan)}
	v.count(strikes)
	limit := time.Now().Add(judgeLimit)
	for {
		report, err := l.world.Compare(ctx, l.ledger, l.watcher.Received(), time.Now().Add(-passed))
		if err == nil {
			v.take(report, l)
			v.settle(append(report.Checks, source), t.unasked())
		}
		if v.OK || time.Now().After(limit) {
			if err != nil {
				return nil, err
			}
			break
		}
		if err != nil {
			t.say("cannot compare yet: %v", err)
		} else if time.Until(limit) < judgeLimit/2 { // slow: what is it waiting for?
			for _, text := range v.failed() {
				t.say("not yet: %s", text)
			}
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
	}
	v.EngineAborts = t.engine.aborts.Load()
	t.mu.Lock()
	defer t.mu.Unlock()
	v.StoodStillMS, v.RefusedStarts = t.still.Milliseconds(), t.refused
	return v, nil
}

// unasked returns what happened that nobody asked for.
func (t *torturer) unasked() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string{}, t.notes...)
}

// settle waits until ClickHouse accounts for everything sent and every document has had its interval.
func (t *torturer) settle(ctx context.Context, l *load) error {
	stored, duplicates, rejected := l.ledger.Counts()
	docs, limit := time.Now().Add(docInterval+3*time.Second), time.Now().Add(settleLimit)
	for {
		have, err := l.world.accounted(ctx)
		if err == nil && have >= stored+duplicates+rejected && time.Now().After(docs) || time.Now().After(limit) {
			return nil // after the limit the checks say what is missing
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}
