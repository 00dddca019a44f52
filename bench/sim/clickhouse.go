package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"portrait/sinks/clickhouse"
)

// clickhouseServer is what the sink relies on of ClickHouse: inserts are atomic, and one whose token is
// among the table's latest changes nothing.
type clickhouseServer struct {
	tables    map[string][]stored
	tokens    map[string][]string // oldest first, at most window
	positions map[int]clickhouse.Position
	window    int
	taken     int // inserts, repeats included
	blocks    int // whole ones
	away      bool
	restored  bool // it went back to a backup once
	backup    *clickhouseServer
}

// stored is an insert that was taken.
type stored struct {
	facts  int // facts partition
	insert clickhouse.Insert
}

const positionsTable = "sink_positions"

func newClickHouse(window int) *clickhouseServer {
	return &clickhouseServer{tables: map[string][]stored{}, tokens: map[string][]string{}, positions: map[int]clickhouse.Position{}, window: window}
}

// position reads how far a facts partition is stored.
func (c *clickhouseServer) position(f int) (clickhouse.Position, bool) {
	p, ok := c.positions[f]
	p.Sources, p.Items = slices.Clone(p.Sources), slices.Clone(p.Items)
	return p, ok
}

// reach is the first offset of a facts partition of which no table has a row, not even one of a block that is
// only half there.
func (c *clickhouseServer) reach(f int) int64 {
	p, _ := c.position(f)
	for _, list := range c.tables {
		for _, s := range list {
			var epoch, partition, first, last int64
			var rule string
			token := strings.ReplaceAll(s.insert.Token, "/", " ")
			if n, _ := fmt.Sscanf(token, "facts %d %s %d %d-%d", &epoch, &rule, &partition, &first, &last); n == 5 && s.facts == f {
				p.Next = max(p.Next, last+1)
			}
		}
	}
	return p.Next
}

// insert takes an insert, or not; it reports whether the writer learns that it was taken.
func (c *clickhouseServer) insert(w *World, f int, i clickhouse.Insert) (acknowledged bool) {
	if c.away || w.chance(SinkFaults, 8) {
		w.logf("ClickHouse: insert into %s under %s fails", i.Table, i.Token)
		return false
	}
	c.taken++
	if tokens := c.tokens[i.Table]; !slices.Contains(tokens, i.Token) {
		tokens = append(tokens, i.Token)
		c.tokens[i.Table] = tokens[max(0, len(tokens)-c.window):]
		c.tables[i.Table] = append(c.tables[i.Table], stored{f, i})
		if old, ok := c.positions[f]; i.Table == positionsTable && (!ok || i.Position.Next > old.Next) {
			c.positions[f] = i.Position // readers take the row with the largest offset
			c.blocks++
		}
	} else {
		w.logf("ClickHouse: %s has %s already", i.Table, i.Token)
	}
	if w.chance(SinkFaults, 8) {
		w.logf("ClickHouse: the answer to the insert into %s is lost", i.Table)
		return false
	}
	return true
}

// save makes a backup, and restore goes back to it.
func (c *clickhouseServer) save() {
	b := *c
	b.tables, b.tokens, b.positions, b.backup = map[string][]stored{}, map[string][]string{}, maps.Clone(c.positions), nil
	for k, v := range c.tables {
		b.tables[k] = slices.Clone(v)
	}
	for k, v := range c.tokens {
		b.tokens[k] = slices.Clone(v)
	}
	c.backup = &b
}

func (c *clickhouseServer) restore() {
	if b := c.backup; b != nil {
		c.tables, c.tokens, c.positions, c.backup, c.restored = b.tables, b.tokens, b.positions, nil, true
	}
}
