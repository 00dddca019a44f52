package clickhouse

import (
	"fmt"
	"strings"
	"time"
)

// Insert is one statement: rows of one table under a token. Repeated, it changes neither the table nor
// what views made of it.
type Insert struct {
	Table    string
	Token    string
	Columns  []string // their names
	Values   []any    // a typed slice per column, all of one length
	Position Position // what a row of sink_positions says, besides; the zero Position for other tables
}

// Statement is what clickhouse-go prepares.
func (i *Insert) Statement() string {
	return "INSERT INTO " + i.Table + " (" + strings.Join(i.Columns, ", ") + ")"
}

// Storing is the storing of one block: its tables in order, its position last, and before the first insert
// a look at the position that is stored. It does no I/O: whoever drives it may die, sleep or repeat between
// any two calls.
//
// Why nothing is doubled: a block has one token whoever cuts it, and ClickHouse drops what it has under
// that token. Why the look is needed all the same: it forgets tokens after 10,000 blocks, and whoever
// slept that long must not insert an old block. So no insert reaches ClickHouse long after a look: it has a
// deadline that counts from there, and whoever is slow looks again.
type Storing struct {
	block *Block
	epoch uint32
	next  int // table; tableCount: the position
}

// Storing begins to store the block.
func (b *Block) Storing(epoch int) *Storing {
	s := &Storing{block: b, epoch: uint32(epoch)}
	s.skip()
	return s
}

// skip goes to the next table that has rows.
func (s *Storing) skip() {
	for s.next < tableCount && len(s.block.tables[s.next]) == 0 {
		s.next++
	}
}

// Look takes the position that is stored now. ahead says that another sink has stored this block, or the
// one before it under another rule for this one (ours was a repeat that ClickHouse dropped): what is in
// memory is then not what everybody else cuts, so the caller resumes.
func (s *Storing) Look(at Position) (ahead bool, err error) {
	b := s.block
	if at.Next < b.start {
		return false, fmt.Errorf("block %s begins at offset %d but only %d is stored: %w; ClickHouse was restored or emptied: start the sink again to go on from there",
			b.Token, b.start, at.Next, ErrWentBack)
	}
	return at.Next > b.start || at.Rule != b.rule, nil
}

// Insert is the insert that is due; a failed one is repeated unchanged.
func (s *Storing) Insert() Insert {
	if s.next == tableCount {
		return positionInsert(s.epoch, s.block.Partition, s.block.Token, s.block.After)
	}
	t, rows := &sinkTables[s.next], s.block.tables[s.next]
	i := Insert{Table: t.name, Token: s.block.Token, Columns: make([]string, len(t.columns)), Values: make([]any, len(t.columns))}
	for k, c := range t.columns {
		i.Columns[k], i.Values[k] = c.name, c.values(rows)
	}
	return i
}

// Inserted says that the insert is stored; done if it was the last.
func (s *Storing) Inserted() (done bool) {
	if s.next == tableCount {
		return true
	}
	s.next++
	s.skip()
	return false
}

// FirstInsert is the row that begins a facts partition: it says by which rule the first block is cut,
// so it is stored before anything else.
func FirstInsert(epoch int, partition int32, rule Rule) Insert {
	token := fmt.Sprintf("facts/%d/start/%d", epoch, partition)
	return positionInsert(uint32(epoch), partition, token, Position{Rule: rule})
}

var positionColumns = []string{"epoch", "facts_partition", "next_offset", "rule_rows", "rule_bytes", "rule_until", "log_time",
	"sources", "marks", "decided_at", "partitions", "items", "last_offsets"}

// positionInsert says how far a facts partition has come.
func positionInsert(epoch uint32, partition int32, token string, p Position) Insert {
	sources, marks, decided := make([]int32, len(p.Sources)), make([]uint64, len(p.Sources)), make([]time.Time, len(p.Sources))
	for i, m := range p.Sources {
		sources[i], marks[i], decided[i] = m.Source, m.Mark, time.UnixMilli(m.Decided)
	}
	partitions, items, last := make([]int32, len(p.Items)), make([]uint64, len(p.Items)), make([]int64, len(p.Items))
	for i, c := range p.Items {
		partitions[i], items[i], last[i] = c.Partition, c.Items, c.LastOffset
	}
	return Insert{Table: "sink_positions", Token: token, Columns: positionColumns, Position: p, Values: []any{
		[]uint32{epoch}, []int32{partition}, []int64{p.Next}, []uint32{uint32(p.Rule.Rows)}, []uint64{uint64(p.Rule.Bytes)},
		[]int64{p.Rule.Until}, []int64{p.LogTime}, [][]int32{sources}, [][]uint64{marks}, [][]time.Time{decided},
		[][]int32{partitions}, [][]uint64{items}, [][]int64{last}}}
}
