package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"portrait/pipeline/kafka"
	"portrait/sinks/clickhouse"
)

// startClickHouse starts the embedded engine, if it is that one, and brings the tables up to date.
func (s *Service) startClickHouse(ctx context.Context, progress io.Writer) (err error) {
	if !s.config.sinks() {
		return nil
	}
	s.dsn = s.config.ClickHouse.DSN
	if s.dsn == "" {
		s.engine, err = clickhouse.KeepEngine(ctx, clickhouse.EngineConfig{Dir: filepath.Join(s.config.DataDir, "clickhouse"),
			Log: progress, TCPPort: s.config.ClickHouse.TCPPort, HTTPPort: s.config.ClickHouse.HTTPPort},
			func(err error) { s.log.Error("embedded clickhouse", "error", err) })
		if err != nil {
			return err
		}
		s.dsn = s.engine.DSN()
	}
	if s.conn, err = clickhouse.Connect(s.dsn); err != nil { // it connects when it is used
		return err
	}
	err = clickhouse.Migrate(ctx, s.dsn)
	if unreachable(err) && s.engine == nil {
		// A ClickHouse that is away costs lag, never latency: also at the start.
		s.log.Warn("clickhouse does not answer; facts wait in their topic until it does", "error", err)
		return nil
	}
	s.migrated = err == nil
	return err
}

// unreachable reports whether an error says that a server is not there, rather than what it answered.
func unreachable(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded)
}

// runSink stores facts until ctx ends, and first brings the tables up to date if that could not be done
// at the start.
func (s *Service) runSink(ctx context.Context) error {
	for !s.migrated {
		err := clickhouse.Migrate(ctx, s.dsn)
		if err != nil && !unreachable(err) {
			return err
		}
		if s.migrated = err == nil; s.migrated {
			s.log.Info("clickhouse answers")
			break
		}
		s.trouble.Add(1)
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	if s.engine != nil { // nobody else stores there
		return s.store(ctx, allPartitions(s.node.Deployment().FactsPartitions))
	}
	var err error
	s.facts, err = kafka.NewGroup(s.node.Client(), kafka.GroupConfig{ID: s.config.Prefix + ".sink", Topic: s.node.Topics().Facts,
		MemberFile: filepath.Join(s.config.DataDir, "sink.member"), OnError: func(err error) { s.log.Warn("consumer group", "error", err) }})
	if err != nil {
		return err
	}
	return s.facts.Run(ctx, func(ctx context.Context, assigned []int) error {
		if err := s.store(ctx, assigned); ctx.Err() == nil {
			return err
		}
		return nil // the generation ended, not the sink
	})
}

func allPartitions(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// store stores the facts of partitions until ctx ends. Two processes that believe to own the same one store the same blocks
// under the same tokens, so nothing is doubled.
func (s *Service) store(ctx context.Context, partitions []int) error {
	if len(partitions) == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, f := range partitions {
		group.Go(func() error {
			return s.sink.Run(ctx, int32(f), &factsLog{client: s.node.Client(), topic: s.node.Topics().Facts, log: s.log})
		})
	}
	return group.Wait()
}

// factsLog is the facts topic as the sink wants it.
type factsLog struct {
	client    *kafka.Client
	topic     string
	log       *slog.Logger
	partition int
	fetcher   *kafka.Fetcher
	records   []clickhouse.Record
	newest    clickhouse.Record // of the partition, when it was looked for last
	told      kafka.Complaints
}

// Seek implements clickhouse.Log.
func (l *factsLog) Seek(ctx context.Context, partition int32, offset int64) error {
	l.partition, l.newest = int(partition), clickhouse.Record{}
	l.fetcher = kafka.NewFetcher(l.client, l.topic, l.partition, offset)
	return nil
}

// Next implements clickhouse.Log.
func (l *factsLog) Next(ctx context.Context) (clickhouse.Batch, error) {
	for {
		b, err := l.fetcher.Next(ctx)
		if err != nil {
			return clickhouse.Batch{}, err
		}
		if b.Err != nil {
			if l.told.Due("fetch", b.Err.Error(), time.Now()) {
				l.log.Warn("facts fetch", "error", b.Err)
			}
			select {
			case <-ctx.Done():
				return clickhouse.Batch{}, ctx.Err()
			case <-time.After(200 * time.Millisecond):
			}
		}
		if len(b.Records) == 0 {
			continue
		}
		l.records = l.records[:0]
		for i := range b.Records {
			l.records = append(l.records, clickhouse.Record{Offset: b.Records[i].Offset, Time: b.Records[i].Time, Value: b.Records[i].Value})
		}
		l.look(ctx, &b)
		return clickhouse.Batch{Records: l.records, Newest: l.newest}, nil
	}
}

// look finds the newest record of the partition, unless one is known that is far enough behind the batch. Whatever it meets is
// left to the reading: not to know it costs speed only.
func (l *factsLog) look(ctx context.Context, b *kafka.Batch) {
	last := &l.records[len(l.records)-1]
	if l.newest.Offset > last.Offset && l.newest.Time-last.Time > time.Hour.Milliseconds() {
		return // no block is longer
	}
	l.newest = clickhouse.Record{Offset: last.Offset, Time: last.Time}
	if b.Next >= b.High {
		return
	}
	end, err := kafka.NewFetcher(l.client, l.topic, l.partition, b.High-1).Next(ctx)
	if err != nil || len(end.Records) == 0 {
		return
	}
	newest := &end.Records[len(end.Records)-1]
	l.newest = clickhouse.Record{Offset: newest.Offset, Time: newest.Time}
}
