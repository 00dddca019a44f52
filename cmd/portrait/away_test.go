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
	f.wait(t)
	// The sink stores a block per second of log, about three a second on a free machine and fewer on a busy one.
	openWorld(t, f, p.engine.DSN(), p.keyFile).judgeWithin(t, judgeLimit+2**awayTime)
	t.Logf("%d tag changes before, %d while ClickHouse was away", before, during-before)
	if during < before+loadRate {
		t.Errorf("%d tag changes in %v without ClickHouse, with %d events per second", during-before, *awayTime, loadRate)
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
