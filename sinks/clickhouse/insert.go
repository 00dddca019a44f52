package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"portrait/schemas"
)

// server is what the sink does to ClickHouse. Every call has a deadline of its own.
type server struct {
	conn    driver.Conn
	dep     *schemas.Deployment
	epoch   uint32 // of dep
	timeout time.Duration
}

// insert stores rows under their token.
func (s *server) insert(ctx context.Context, i Insert) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("insert into %s: %w", i.Table, err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	ctx = ch.Context(ctx, ch.WithSettings(ch.Settings{
		"insert_deduplicate":                                 1,
		"insert_deduplication_token":                         i.Token,
		"deduplicate_blocks_in_dependent_materialized_views": 1,
		"async_insert":                                       0,
	}))
	batch, err := s.conn.PrepareBatch(ctx, i.Statement())
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	defer func() {
		if err != nil && !batch.IsSent() { // gives the connection back
			err = errors.Join(err, batch.Abort())
		}
	}()
	for k, values := range i.Values {
		if err := batch.Column(k).Append(values); err != nil {
			return fmt.Errorf("column %s: %w", i.Columns[k], err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

const selectPosition = `SELECT next_offset, rule_rows, rule_bytes, rule_until, log_time, sources, marks, decided_at, partitions, items, last_offsets
	FROM sink_positions WHERE epoch = ? AND facts_partition = ? ORDER BY next_offset DESC LIMIT 1`

// position reads how far a facts partition has come; found is false if nobody has begun it.
func (s *server) position(ctx context.Context, partition int32) (p Position, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var ruleRows uint32
	var ruleBytes uint64
	var logTime time.Time
	var sources, partitions []int32
	var marks, items []uint64
	var decided []time.Time
	var last []int64
	rows, err := s.conn.Query(ctx, selectPosition, s.epoch, partition)
	if err != nil {
		return p, false, fmt.Errorf("read sink_positions: %w", err)
	}
	if rows.Next() {
		found = true
		err = rows.Scan(&p.Next, &ruleRows, &ruleBytes, &p.Rule.Until, &logTime, &sources, &marks, &decided, &partitions, &items, &last)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return p, false, fmt.Errorf("read sink_positions: %w", err)
	}
	if len(marks) != len(sources) || len(decided) != len(sources) || len(items) != len(partitions) || len(last) != len(partitions) {
		return p, false, fmt.Errorf("read sink_positions: arrays of different lengths in the row of facts partition %d, offset %d", partition, p.Next)
	}
	if !found {
		return p, false, nil
	}
	p.Rule.Rows, p.Rule.Bytes, p.LogTime = int(ruleRows), int(ruleBytes), logTime.UnixMilli()
	for i := range sources {
		p.Sources = append(p.Sources, SourceMark{sources[i], marks[i], decided[i].UnixMilli()})
	}
	for i := range partitions {
		p.Items = append(p.Items, ItemCount{partitions[i], items[i], last[i]})
	}
	return p, true, nil
}

// reloadSurvivors makes the dictionary of merged profiles current at once.
func (s *server) reloadSurvivors(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.conn.Exec(ctx, "SYSTEM RELOAD DICTIONARY surviving_profile"); err != nil {
		return fmt.Errorf("reload dictionary surviving_profile: %w; the user needs the grant SYSTEM RELOAD DICTIONARY", err)
	}
	return nil
}
