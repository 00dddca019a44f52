package clickhouse

import (
	"fmt"
	"slices"
)

// Rule says when a block ends: behind the record that brings it to Rows rows or to Bytes bytes of records, and before the
// first record of a later second than its own first that lies at or behind second Until. It is part of the token, because
// another rule cuts other blocks.
type Rule struct {
	Rows  int
	Bytes int
	Until int64 // Unix seconds; 0 for a sink that is up to date: a block per second. Chosen block by block, see Steps.Reaches
}

// DefaultRule is 50,000 rows or 32 MiB. An insert costs 25 ms whatever is in it, so smaller blocks waste the server, and
// beyond 50,000 rows nothing is gained while memory grows. 32 MiB of records make about 100 MB of
// columns, the most a sink holds.
func DefaultRule() Rule { return Rule{Rows: 50_000, Bytes: 32 << 20} }

// String is how tokens name the rule.
func (r Rule) String() string {
	if r.Until == 0 {
		return fmt.Sprintf("r%db%d", r.Rows, r.Bytes)
	}
	return fmt.Sprintf("r%db%du%d", r.Rows, r.Bytes, r.Until)
}

// Validate reports a rule that cannot be asked for.
func (r Rule) Validate() error {
	if r.Rows < 1 || r.Rows > 1_000_000 || r.Bytes < 1 || r.Bytes > 1<<30 {
		return fmt.Errorf("clickhouse sink: a block of %d rows or %d bytes; want 1 to 1,000,000 rows and 1 byte to 1 GiB", r.Rows, r.Bytes)
	}
	if r.Until != 0 {
		return fmt.Errorf("clickhouse sink: blocks until second %d; the sink chooses that by itself", r.Until)
	}
	return nil
}

// until returns the second that ends a block whose first record is of the given one.
func (r Rule) until(second int64) int64 {
	if r.Until == 0 {
		return second + 1
	}
	return max(second+1, r.Until)
}

// SourceMark is how far one inbox partition's facts are stored.
type SourceMark struct {
	Source  int32
	Mark    uint64 // number of its last fact
	Decided int64  // ms: largest decision time
}

// ItemCount is how many items of one events partition are stored: what the accounting must find.
type ItemCount struct {
	Partition  int32
	Items      uint64
	LastOffset int64
}

// Position is how far one facts partition is stored: the row of sink_positions.
type Position struct {
	Next    int64 // first offset that is not stored
	Rule    Rule  // of the block that begins there; only later blocks may follow another rule
	LogTime int64 // ms: largest Kafka timestamp stored; 0: none yet
	Sources []SourceMark
	Items   []ItemCount
}

// clone returns a copy that shares nothing: Position is changed in place while a block grows.
func (p Position) clone() Position {
	p.Sources, p.Items = slices.Clone(p.Sources), slices.Clone(p.Items)
	return p
}

// source returns the mark of a source, made at 0 if it is new. Ascending order keeps rows the same
// whoever writes them.
func (p *Position) source(id int32) *SourceMark {
	i, found := slices.BinarySearchFunc(p.Sources, id, func(m SourceMark, id int32) int { return int(m.Source) - int(id) })
	if !found {
		p.Sources = slices.Insert(p.Sources, i, SourceMark{Source: id})
	}
	return &p.Sources[i]
}

// count adds one item.
func (p *Position) count(partition int32, offset int64) {
	i, found := slices.BinarySearchFunc(p.Items, partition, func(c ItemCount, id int32) int { return int(c.Partition) - int(id) })
	if !found {
		p.Items = slices.Insert(p.Items, i, ItemCount{Partition: partition, LastOffset: offset})
	}
	p.Items[i].Items++
	p.Items[i].LastOffset = max(p.Items[i].LastOffset, offset)
}
