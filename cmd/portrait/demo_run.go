package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"portrait/bench"
	"portrait/bench/check"
	"portrait/bench/generator"
	"portrait/bench/latency"
	"portrait/bench/ledger"
	"portrait/bench/live"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/sinks/clickhouse"
)

// demo is one run of the shop.
type demo struct {
	o       demoOptions
	out     io.Writer
	log     *slog.Logger
	service *Service
	sender  *live.Sender
	watcher *live.Watcher
	latency *latency.Recorder
	ledger  *ledger.Ledger
	plan    *generator.Generator
	begin   time.Time
	before  int64 // events of earlier runs
	phase   string
}

// settleTimeout bounds the wait for everything sent to be stored; far more than a healthy run needs.
const settleTimeout = 3 * time.Minute

// run does a whole demo: start, send, settle, check.
func (d *demo) run(ctx context.Context) (*bench.Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cleanup, err := d.start(ctx)
	defer cleanup()
	if err != nil {
		return nil, err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.service.Run(gctx) })
	var report *bench.Report
	group.Go(func() (err error) {
		defer cancel()
		report, err = d.drive(gctx)
		return err
	})
	if err := group.Wait(); err != nil && (report == nil || ctx.Err() == nil) {
		return nil, err
	}
	if report == nil {
		return nil, fmt.Errorf("demo: interrupted before its checks")
	}
	return report, nil
}

// drive sends the plan to the running service and judges what came of it.
func (d *demo) drive(ctx context.Context) (*bench.Report, error) {
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	watching, stopWatching := context.WithCancel(ctx)
	group, watchCtx := errgroup.WithContext(watching)
	listening := make(chan struct{})
	group.Go(func() error { return d.watcher.Watch(watchCtx, listening) })
	defer func() { stopWatching(); _ = group.Wait() }() // what Watch returns after a cancel says nothing new
	<-listening
	fmt.Fprintf(d.out, "clickhouse %s   http %s   user %s, no password\nkafka %v   metrics http://%s/metrics\n",
		d.service.running().ClickHouse, d.service.running().ClickHouseHTTP, clickhouse.Reader, d.service.Brokers(), d.service.running().HTTP)
	d.phase = "sending"
	sending, interrupt := context.WithCancel(ctx)
	defer interrupt()
	stopView := d.view(ctx, interrupt)
	err := d.sender.Run(sending, d.plan, d.begin)
	stopView()
	if err != nil {
		return nil, err
	}
	d.phase = "settling"
	if err := d.settle(ctx); err != nil {
		return nil, err
	}
	d.phase = "checking"
	return d.judge(ctx)
}

// prepare makes plan, ledger, sender and watcher, and waits until every partition is owned.
func (d *demo) prepare(ctx context.Context) (err error) {
	for d.service.unready() != "" || len(d.service.node.Status().Routers) < d.service.node.Deployment().EventsPartitions {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	d.begin = time.Now().Add(500 * time.Millisecond).Truncate(time.Millisecond)
	d.plan, err = generator.New(generator.Config{Seed: d.o.seed, Run: uint32(d.begin.Unix()), Rate: d.o.rate, Duration: d.o.duration, Start: d.begin})
	if err != nil {
		return err
	}
	d.ledger, d.latency = ledger.New(d.plan.Run()), latency.NewRecorder()
	node := d.service.node
	producer, err := kafka.NewProducer(ctx, node.Client(), kafka.DefaultProducerConfig())
	if err != nil {
		return err
	}
	dep := node.Deployment()
	d.sender = &live.Sender{Producer: producer, Topic: node.Topics().Events, Partitions: dep.EventsPartitions, Ledger: d.ledger}
	d.watcher = &live.Watcher{Client: node.Client(), Topic: node.Topics().Tags, Partitions: dep.InboxPartitions, Run: d.plan.Run(), Latency: d.latency}
	if d.before, err = d.accounted(ctx); err != nil {
		return err
	}
	stored := d.fresh(ctx)
	d.service.onStore.Store(&stored)
	return nil
}

// fresh returns what to do when a block is stored: ask ClickHouse for the block's events, which is
// when they can be queried, and record how old they are.
func (d *demo) fresh(ctx context.Context) func(clickhouse.Stored) {
	stored := int64(0) // Kafka timestamp of the newest facts record stored before
	return func(s clickhouse.Stored) {
		from := stored
		stored = s.Block.After.LogTime
		rows, err := d.service.conn.Query(ctx, `SELECT toInt64(intDiv(toUnixTimestamp64Milli(time), 10) * 10), toInt64(count()) FROM events
			WHERE log_time > fromUnixTimestamp64Milli(?) AND log_time <= fromUnixTimestamp64Milli(?) AND startsWith(event_id, ?) GROUP BY 1`,
			from, stored, d.plan.Run().EventPrefix())
		if err != nil {
			d.log.Warn("freshness", "error", err)
			return
		}
		defer rows.Close()
		now := time.Now()
		for rows.Next() {
			var at, n int64
			if err := rows.Scan(&at, &n); err != nil {
				d.log.Warn("freshness", "error", err)
				return
			}
			for range n {
				d.latency.Record(latency.Freshness, now.Sub(time.UnixMilli(at)))
			}
		}
	}
}

// settle waits until everything sent is stored, documents have had their interval and the topic rests.
func (d *demo) settle(ctx context.Context) error {
	stored, duplicates, rejected := d.ledger.Counts()
	want := stored + duplicates + rejected
	docs := time.Now().Add(time.Duration(d.service.node.Deployment().DocInterval)*time.Millisecond + 3*time.Second)
	deadline := time.Now().Add(settleTimeout)
	for {
		have, err := d.accounted(ctx)
		if err != nil {
			return err
		}
		if have-d.before >= want && time.Now().After(docs) || time.Now().After(deadline) {
			return nil // after the deadline the checks say what is missing
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// accounted is how many events ClickHouse knows of, those of earlier runs in the same directory included.
func (d *demo) accounted(ctx context.Context) (int64, error) {
	var n int64
	err := d.service.conn.QueryRow(ctx, `SELECT toInt64((SELECT count() FROM events) + (SELECT count() FROM duplicates) + (SELECT count() FROM rejections))`).Scan(&n)
	return n, err
}

// judge compares ledger, topic and ClickHouse.
func (d *demo) judge(ctx context.Context) (*bench.Report, error) {
	asOf := time.Now()
	select { // topic and ClickHouse must have passed asOf
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(5 * time.Second):
	}
	norm, err := normalize.New(d.service.node.Deployment(), d.service.keys)
	if err != nil {
		return nil, err
	}
	report, err := check.Run(ctx, check.Input{Ledger: d.ledger, Topic: d.watcher.Received(), AsOf: asOf,
		Query: func(ctx context.Context, sql string) ([][]string, error) {
			return clickhouse.Texts(ctx, d.service.conn, sql)
		},
		Canonical: func(t, v string) string {
			id, err := norm.Hash(t + ":" + v)
			if err != nil {
				return t + ":" + v // the checker will find nothing there, and say so
			}
			return id
		}})
	if err != nil {
		return nil, err
	}
	report.EventsSent = d.sender.Sent()
	report.LatencyMS, report.MergeLatencyMS = d.latency.Total(latency.Event), d.latency.Total(latency.Merge)
	report.TimerLatencyMS, report.FreshnessMS = d.latency.Total(latency.Timer), d.latency.Total(latency.Freshness)
	report.Settle(int64(d.plan.Planned()))
	return report, nil
}
