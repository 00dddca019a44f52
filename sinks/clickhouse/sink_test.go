package clickhouse

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// smallRule makes many blocks out of a short log.
var smallRule = Rule{Rows: 12, Bytes: 1 << 20}

func testConfig(epoch int) Config {
	c := DefaultConfig(testDeployment(epoch))
	c.Rule, c.RetryMin, c.RetryMax = smallRule, time.Millisecond, 20*time.Millisecond
	return c
}

// endLimit is for a sink of a few blocks on a machine that is slow beyond measure: ClickHouse that does not come back fails the test
// that waits for it, not the whole run half an hour later.
const endLimit = 3 * time.Minute

// runToEnd stores a whole log.
func runToEnd(t *testing.T, conn driver.Conn, c Config, w *writer) {
	t.Helper()
	s, err := New(conn, c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), endLimit)
	defer cancel()
	var last atomic.Value // trouble comes from several goroutines
	trouble := s.config.Trouble
	s.config.Trouble = func(err error) { last.Store(err.Error()); trouble(err) }
	if err := s.Run(ctx, 0, &memoryLog{records: w.records}); !errors.Is(err, errLogEnd) {
		t.Fatalf("%v; last trouble: %v", err, last.Load())
	}
}

// runUntil stores a log and waits at its end until a condition holds.
func runUntil(t *testing.T, conn driver.Conn, c Config, w *writer, holds func() bool) {
	t.Helper()
	s, err := New(conn, c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, 0, &memoryLog{records: w.records, endless: true}) }()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case err := <-ended:
			t.Fatalf("the sink ended: %v", err)
		case <-limit.C:
			t.Fatal("what was waited for did not come within a minute")
		case <-tick.C:
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestSinkStoresEverythingOnce(t *testing.T) {
	_, conn := startDatabase(t)
	c := testConfig(1)
	c.Trouble = func(err error) { t.Errorf("trouble: %v", err) }
	w := mixedLog(c.Deployment, 60)
	runToEnd(t, conn, c, w)
	checkStored(t, conn, 1, w)
	runToEnd(t, conn, c, w) // resumes behind the last whole block
	checkStored(t, conn, 1, w)
}

func TestSinkRestartedAtEveryPoint(t *testing.T) {
	_, conn := startDatabase(t)
	count := &boxed{Conn: conn, dieAt: never, inserts: map[int]bool{}}
	c := testConfig(1)
	s, err := New(count, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), 0, &memoryLog{records: mixedLog(c.Deployment, 16).records, blind: true}); !errors.Is(err, errLogEnd) {
		t.Fatal(err)
	}
	if count.operations < 20 || len(count.inserts) < 10 {
		t.Fatalf("%d operations, %d of them inserts: too few to mean anything", count.operations, len(count.inserts))
	}
	epoch := 1
	for dieAt := 1; dieAt <= count.operations; dieAt++ {
		for _, after := range []bool{false, true} {
			if after && !count.inserts[dieAt] {
				continue // nothing to lose behind a question
			}
			epoch++
			c := testConfig(epoch)
			w := mixedLog(c.Deployment, 16)
			ctx, cancel := context.WithCancel(t.Context())
			s, err := New(&boxed{Conn: conn, dieAt: dieAt, after: after, die: cancel}, c)
			if err != nil {
				t.Fatal(err)
			}
			err = s.Run(ctx, 0, &memoryLog{records: w.records, blind: true}) // so that who goes on chooses other rules
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			cancel()
			runToEnd(t, conn, c, w)
			checkStored(t, conn, epoch, w)
			if t.Failed() {
				t.Fatalf("the process died at operation %d, after it: %v", dieAt, after)
			}
		}
	}
}

func TestSinkRepeatsWhenAnAnswerIsLost(t *testing.T) {
	_, conn := startDatabase(t)
	count := &boxed{Conn: conn, dieAt: never, inserts: map[int]bool{}}
	c := testConfig(1)
	runToEnd(t, count, c, mixedLog(c.Deployment, 12))
	for operation := range count.inserts {
		c := testConfig(1 + operation)
		w := mixedLog(c.Deployment, 12)
		losses := 0
		runToEnd(t, &boxed{Conn: conn, after: true, dieAt: operation, die: func() { losses++ }}, c, w)
		checkStored(t, conn, 1+operation, w)
		if losses != 1 {
			t.Errorf("operation %d: %d answers lost, want 1", operation, losses)
		}
	}
	if len(count.inserts) < 5 {
		t.Errorf("%d inserts: too few to mean anything", len(count.inserts))
	}
}

func TestRepeatedBlocksStaySingle(t *testing.T) {
	_, conn := startDatabase(t)
	c := testConfig(1)
	w := mixedLog(c.Deployment, 20)
	s, err := New(conn, c)
	if err != nil {
		t.Fatal(err)
	}
	steps := NewSteps(c.Deployment, 0, Position{Rule: smallRule}, smallRule)
	for _, r := range w.records {
		blocks, err := steps.Add(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			for range 3 { // without the look at sink_positions: only the token protects
				for storing, done := b.Storing(1), false; !done; done = storing.Inserted() {
					if err := s.server.insert(t.Context(), storing.Insert()); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	checkStored(t, conn, 1, w)
}

func TestEngineKilledInMidBlock(t *testing.T) {
	dir := t.TempDir()
	first := startTestEngine(t, dir)
	if err := Migrate(t.Context(), first.DSN()); err != nil {
		t.Fatal(err)
	}
	conn := connectDatabase(t, first.DSN())
	tcp, http := portOf(t, first.Addr()), portOf(t, first.HTTPAddr())
	var mu sync.Mutex // trouble comes from several goroutines
	engine, restarts := first, 0
	kill := &boxed{Conn: conn, dieAt: 14, after: true}
	kill.die = func() {
		mu.Lock()
		defer mu.Unlock()
		if err := engine.Kill(); err != nil {
			t.Error(err)
		}
		<-engine.Done()
		kill.dieAt = kill.operations + 20
	}
	c := testConfig(1)
	c.Trouble = func(error) { // the operator, who restarts it on the same ports
		mu.Lock()
		defer mu.Unlock()
		select {
		case <-engine.Done():
		default:
			return
		}
		next, err := StartEngine(t.Context(), EngineConfig{Dir: dir, TCPPort: tcp, HTTPPort: http})
		if err != nil {
			t.Error(err)
			return
		}
		engine, restarts = next, restarts+1
	}
	w := mixedLog(c.Deployment, 50)
	runToEnd(t, kill, c, w)
	checkStored(t, conn, 1, w)
	if restarts < 3 {
		t.Errorf("the engine was killed %d times, want at least 3", restarts)
	}
	if err := engine.Close(); err != nil {
		t.Error(err)
	}
}

func TestSinkGivesWayToAnotherSink(t *testing.T) {
	_, conn := startDatabase(t)
	c := testConfig(1)
	w := mixedLog(c.Deployment, 60)
	// The second sink runs, by another rule, while the first has read a part of the log.
	other := c
	other.Rule = Rule{Rows: 31, Bytes: 1 << 20}
	var blocks int
	c.Stored = func(Stored) {
		if blocks++; blocks == 4 {
			runToEnd(t, conn, other, w)
		}
	}
	runToEnd(t, conn, c, w)
	checkStored(t, conn, 1, w)
	if blocks > 5 {
		t.Errorf("the first sink stored %d blocks, though the second was ahead since the fourth", blocks)
	}
}

func TestSinkStopsWhenClickHouseWentBack(t *testing.T) {
	_, conn := startDatabase(t)
	c := testConfig(1)
	w := mixedLog(c.Deployment, 40)
	var blocks int
	c.Stored = func(Stored) {
		if blocks++; blocks == 4 {
			mustExec(t, conn, "TRUNCATE TABLE sink_positions")
		}
	}
	s, err := New(conn, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), 0, &memoryLog{records: w.records}); !errors.Is(err, ErrWentBack) {
		t.Fatalf("error %v, want %v", err, ErrWentBack)
	}
}

func TestSinkKeepsValues(t *testing.T) {
	_, conn := startDatabase(t)
	c := testConfig(1)
	w := newWriter(c.Deployment)
	event := eventFact(65536, 4, 9, "paid", begin)
	event.Event.At.Partition, event.Event.At.Index = 2, 1
	event.Event.Props[0].Text = "123456789012.000001"
	random := int64(0)
	w.add(3, begin+70, event, mixedFact(2, 5, &random, 9, begin), mixedFact(3, 6, &random, 9, begin))
	w.add(3, begin+2000)
	w.add(3, begin+4000)
	runToEnd(t, conn, c, w)
	for _, x := range []struct{ name, query, want string }{
		{"event", `SELECT (profile_id = toUUID('70657273-6f6e-2d30-3030-303030303030'), event_id, event, time, channel, identifiers,
			events_partition, events_offset, events_index, kafka_time, decided_at, catalog, source, version, log_time) FROM events`,
			`(0,'e4','paid','2026-03-01 12:00:00.000','app',['customer_id:c9','device_id:d1'],2,4,1,'2026-03-01 12:00:00.005','2026-03-01 12:00:00.000',3,3,65536,'2026-03-01 12:00:00.070')`},
		{"amount", "SELECT amount FROM events", "123456789012.000001"},
		{"properties", "SELECT properties FROM events", `{"amount":123456789012.000001,"city":"上\"海\n"}`},
		{"properties are JSON", "SELECT JSONExtractString(properties, 'city') FROM events", "上\"海\n"},
		{"tag", "SELECT (tag, change, value, previous, previous_version, id, catalog, cause_kind, cause_event_id, winner = toUUID('00000000-0000-0000-0000-000000000000'), inputs) FROM tag_changes",
			`('big_spender','entered','true','false',0,'t5','shop@3','event','',1,'{"paid_90d":12.5}')`},
		{"profile", "SELECT (events, identifiers, tags, features, first_seen, last_seen, as_of) FROM profiles_now",
			`(7,['customer_id:c1'],'{"a":"x","b":true}','{"orders":3}','2026-03-01 12:00:00.000','2026-03-01 12:00:00.000','2026-03-01 12:00:00.000')`},
		{"aggregate", "SELECT (minute, event, channel, sum(events), sum(amount), uniqMerge(profiles)) FROM events_per_minute GROUP BY minute, event, channel",
			"('2026-03-01 12:00:00','paid','app',1,123456789012.000001,1)"},
		{"position", "SELECT (next_offset, rule_rows, sources, marks, partitions, items, last_offsets) FROM sink_positions FINAL", "(2,12,[3],[3],[2],[1],[4])"},
		{"freshness", "SELECT (source, decided_at, log_time, seconds_behind > 0, events_last_minute) FROM freshness", "(3,'2026-03-01 12:00:00.000','2026-03-01 12:00:02.000',1,0)"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := ask(t, conn, x.query); got != x.want {
				t.Errorf("got  %s\nwant %s", got, x.want)
			}
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, x := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no deployment", func(c *Config) { c.Deployment = nil }, "no deployment record"},
		{"no timeout", func(c *Config) { c.Timeout = 0 }, "want positive ones"},
		{"pauses", func(c *Config) { c.RetryMax = 0 }, "want positive ones"},
		{"rows", func(c *Config) { c.Rule.Rows = 0 }, "want 1 to 1,000,000 rows"},
		{"bytes", func(c *Config) { c.Rule.Bytes = 2 << 30 }, "1 byte to 1 GiB"},
		{"until", func(c *Config) { c.Rule.Until = 1 }, "chooses that by itself"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := testConfig(1)
			x.change(&c)
			if _, err := New(nil, c); err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("error %v, want one with %q", err, x.want)
			}
		})
	}
}
