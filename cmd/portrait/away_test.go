package main

import (
	"flag"
	"net"
	"strconv"
	"testing"
	"time"

	"portrait/schemas"
	"portrait/sinks/clickhouse"
)

// awayTime is how long ClickHouse is gone; the failure table's figure is 10m.
var awayTime = flag.Duration("away", 10*time.Second, "how long ClickHouse is gone in TestClickHouseAway")

// A ClickHouse that dies under load and comes back costs lag: tags go on meanwhile, and afterwards everything is there
// once.
func TestClickHouseAway(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of load: not with -short")
	}
	needEngine(t)
	t.Parallel()
	p := startParts(t, "")
	data, config := p.node(t, "node", loadPartitions)
	startProcess(t.Context(), t, data, config)
	f := newFeeder(t.Context(), t, loadPartitions, loadRate, 15*time.Second+*awayTime, 11)
	f.connect(t, []string{p.broker})
	f.start()
	waitUntil(t, f.begin.Add(6*time.Second))
	p.killEngine(t)
	before := f.changes(t)
	waitUntil(t, time.Now().Add(*awayTime))
	during := f.changes(t)
	p.restartEngine(t)
	events, took := p.caughtUp(t, 2**awayTime+judgeLimit)
	t.Logf("after %v away: %d events more and up to date after %.1f s, %.0f events/s", *awayTime, events, took.Seconds(), float64(events)/took.Seconds())
	f.wait(t)
	openWorld(t, f, p.engine.DSN(), p.keyFile).judgeWithin(t, judgeLimit+2**awayTime)
	t.Logf("%d tag changes before, %d while ClickHouse was away", before, during-before)
	if during < before+loadRate {
		t.Errorf("%d tag changes in %v without ClickHouse, with %d events per second", during-before, *awayTime, loadRate)
	}
}

// caughtUp waits until all is stored that was in the facts topic when ClickHouse came back, and returns how many events were
// stored meanwhile.
func (p *parts) caughtUp(t *testing.T, limit time.Duration) (events uint64, took time.Duration) {
	t.Helper()
	conn, err := clickhouse.Connect(p.engine.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Logf("close connection: %v", err)
		}
	})
	began := time.Now()
	stored := func() (n uint64, oldest time.Time) {
		row := conn.QueryRow(t.Context(), `SELECT sum(arraySum(items)), min(log_time) FROM
			(SELECT items, log_time FROM sink_positions ORDER BY next_offset DESC LIMIT 1 BY facts_partition)`)
		if err := row.Scan(&n, &oldest); err != nil {
			t.Fatal(err)
		}
		return n, oldest
	}
	first, oldest := stored()
	for n := first; ; n, oldest = stored() {
		took = time.Since(began)
		if !oldest.Before(began) {
			return n - first, took
		}
		if took > limit {
			t.Fatalf("%d events stored in %v, and facts of %v ago are not", n-first, took.Round(time.Second), time.Since(oldest).Round(time.Second))
		}
		waitUntil(t, time.Now().Add(200*time.Millisecond))
	}
}

// killEngine kills ClickHouse as a crash would.
func (p *parts) killEngine(t *testing.T) {
	t.Helper()
	if err := p.engine.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.engine.Current().Done()
}

// restartEngine starts ClickHouse again where it was.
func (p *parts) restartEngine(t *testing.T) {
	t.Helper()
	port := func(addr string) int {
		_, text, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	config := p.engineConfig(t)
	config.TCPPort, config.HTTPPort = port(p.engine.Addr()), port(p.engine.HTTPAddr())
	engine, err := clickhouse.KeepEngine(t.Context(), config, func(err error) { t.Logf("engine of the test: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	p.engine = engine
}

// changes is how many records portrait.tags holds.
func (f *feeder) changes(t *testing.T) (n int64) {
	t.Helper()
	for p := range schemas.DefaultDeployment().InboxPartitions {
		_, end, err := f.client.Offsets(t.Context(), "portrait.tags", p)
		if err != nil {
			t.Fatal(err)
		}
		n += end
	}
	return n
}
