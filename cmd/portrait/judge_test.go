package main

import (
	"context"
	"testing"
	"time"

	"portrait/bench"
	"portrait/bench/torture"
)

// judgeLimit bounds the wait until topics and ClickHouse are as the ledger says.
const judgeLimit = 2 * time.Minute

// world is what a run left behind.
type world struct {
	*torture.World
	feeder *feeder
}

// openWorld connects to what the processes of the test wrote to.
func openWorld(t *testing.T, f *feeder, dsn, keyFile string) *world {
	t.Helper()
	w, err := torture.OpenWorld(f.ctx, f.client.Brokers()[0], dsn, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return &world{World: w, feeder: f}
}

// judge is judgeWithin the usual limit.
func (w *world) judge(t *testing.T) {
	t.Helper()
	w.judgeWithin(t, judgeLimit)
}

// judgeWithin compares everything with the ledger, again and again until it agrees: the last blocks, documents and timers take
// their time. What stays wrong until the limit is an error.
func (w *world) judgeWithin(t *testing.T, limit time.Duration) {
	t.Helper()
	repeats := w.feeder.count(t)
	ctx, cancel := context.WithTimeout(w.feeder.ctx, limit)
	defer cancel()
	began := time.Now()
	for {
		report, wrong, err := w.compare(ctx)
		if err == nil && len(wrong) == 0 {
			t.Logf("%d records sent and %d of them twice by doubt; %d people, %d tag changes", report.EventsSent-int64(repeats), repeats,
				report.People, report.TagChanges)
			for _, c := range report.Checks {
				t.Logf("%s: %s", c.Name, c.Detail)
			}
			return
		}
		if err != nil || time.Since(began) > limit/4 { // slow: what is it waiting for?
			t.Logf("%v: not yet: %v %v", time.Since(began).Round(time.Second), err, wrong)
		}
		if pause(ctx, time.Second) != nil {
			t.Errorf("after %v still wrong: %v", limit, err)
			for _, text := range wrong {
				t.Error(text)
			}
			return
		}
	}
}

// compare looks once. Tags are compared a little in the past, which topic and ClickHouse have passed if they are
// up to date.
func (w *world) compare(ctx context.Context) (report *bench.Report, wrong []string, err error) {
	const passed = 3 * time.Second
	asOf := time.Now().Add(-passed)
	topic, err := w.Changes(ctx)
	if err != nil {
		return nil, nil, err
	}
	report, err = w.Compare(ctx, w.feeder.ledger, topic, asOf)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range report.Checks {
		if !c.OK {
			wrong = append(wrong, c.Name+": "+c.Detail)
		}
	}
	return report, wrong, nil
}
