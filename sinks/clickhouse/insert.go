package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// server is what the sink does to ClickHouse. Every call has a deadline of its own.
type server struct {
	conn    driver.Conn
	tables  [tableCount]table
	epoch   uint32
	timeout time.Duration
}

// insert stores rows under a token: repeated, it changes neither the table nor what views made of it.
func (s *server) insert(ctx context.Context, statement, token string, columns []any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	ctx = ch.Context(ctx, ch.WithSettings(ch.Settings{
		"insert_deduplicate":                                 1,
		"insert_deduplication_token":                         token,
		"deduplicate_blocks_in_dependent_materialized_views": 1,
		"async_insert":                                       0,
	}))
	batch, err := s.conn.PrepareBatch(ctx, statement)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	defer func() {
		if err != nil && !batch.IsSent() { // gives the connection back
			err = errors.Join(err, batch.Abort())
		}
	}()
	for i, values := range columns {
		if err := batch.Column(i).Append(values); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// insertTable stores a block's rows of one table.
func (s *server) insertTable(ctx context.Context, b *Block, table int) error {
	t, rows := &s.tables[table], b.tables[table]
	columns := make([]any, len(t.columns))
	for i, c := range t.columns {
		columns[i] = c.values(rows)
	}
	if err := s.insert(ctx, t.insert(), b.Token, columns); err != nil {
		return fmt.Errorf("insert %d rows into %s: %w", len(rows), t.name, err)
	}
	return nil
}

const insertPosition = `INSERT INTO sink_positions (epoch, facts_partition, next_offset, rule_rows, rule_bytes, log_time,
	sources, marks, decided_at, partitions, items, last_offsets)`

// insertPosition stores how far a facts partition has come.
func (s *server) insertPosition(ctx context.Context, partition int32, token string, p Position) error {
	sources, marks, decided := make([]int32, len(p.Sources)), make([]uint64, len(p.Sources)), make([]time.Time, len(p.Sources))
	for i, m := range p.Sources {
		sources[i], marks[i], decided[i] = m.Source, m.Mark, time.UnixMilli(m.Decided)
	}
	partitions, items, last := make([]int32, len(p.Items)), make([]uint64, len(p.Items)), make([]int64, len(p.Items))
	for i, c := range p.Items {
		partitions[i], items[i], last[i] = c.Partition, c.Items, c.LastOffset
	}
	err := s.insert(ctx, insertPosition, token, []any{
		[]uint32{s.epoch}, []int32{partition}, []int64{p.Next}, []uint32{uint32(p.Rule.Rows)}, []uint64{uint64(p.Rule.Bytes)},
		[]int64{p.LogTime}, [][]int32{sources}, [][]uint64{marks}, [][]time.Time{decided},
		[][]int32{partitions}, [][]uint64{items}, [][]int64{last},
	})
	if err != nil {
		return fmt.Errorf("insert into sink_positions: %w", err)
	}
	return nil
}

const selectPosition = `SELECT next_offset, rule_rows, rule_bytes, log_time, sources, marks, decided_at, partitions, items, last_offsets
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
		err = rows.Scan(&p.Next, &ruleRows, &ruleBytes, &logTime, &sources, &marks, &decided, &partitions, &items, &last)
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
	p.Rule, p.LogTime = Rule{Rows: int(ruleRows), Bytes: int(ruleBytes)}, logTime.UnixMilli()
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
