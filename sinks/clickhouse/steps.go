package clickhouse

import (
	"bytes"
	"errors"
	"fmt"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// ErrGap says that facts are missing between what is stored and what comes next.
var ErrGap = errors.New("facts are missing")

// Record is one record of the facts topic.
type Record struct {
	Offset int64
	Time   int64 // ms: Kafka timestamp
	Value  []byte
}

// row is one fact on its way into its table.
type row struct {
	fact    *wire.Fact
	source  int32
	epoch   uint32
	logTime int64 // ms
}

// Block is what one round of inserts stores. Its borders, contents and token depend on the log only.
type Block struct {
	Partition   int32
	First, Last int64 // offsets, both inclusive
	Token       string
	Rows        int
	Foreign     int      // records of another deployment, which were dropped
	After       Position // with everything of the block stored
	tables      [tableCount][]row
	start       int64 // Next of the position it follows; First unless the log has a hole
	rule        Rule  // by which it is cut: that of the position it follows
	bytes       int
	until       int64 // second: the block ends before a record of this one or a later one
}

// Steps cuts the log of one facts partition into blocks. It does no I/O, knows no clock, and answers
// the same records with the same blocks.
type Steps struct {
	partition  int32
	epoch      uint32
	deployment uint64
	rule       Rule     // wanted; in force from the second block on
	newest     Record   // of the log, as far as was told
	at         Position // as of the last record added
	open       *Block   // nil between blocks
}

// NewSteps returns the steps of a partition from a stored position on. The first block is cut by the
// position's own rule, because it may have been stored in part by a sink that followed that.
func NewSteps(dep *schemas.Deployment, partition int32, from Position, rule Rule) *Steps {
	return &Steps{partition: partition, epoch: uint32(dep.Epoch), deployment: dep.Hash(), rule: rule, at: from.clone()}
}

// Next returns the offset of the record wanted next.
func (s *Steps) Next() int64 { return s.at.Next }

// Reaches tells of the newest record that the log is known to hold (its value is not read), so that what lies before it is cut
// into few blocks: an insert costs much the same whatever is in it, and a sink that has to catch up must not do one per
// table and second of the log. It decides only on the rules of blocks that begin later, which are stored before they begin.
//
// The record must really be there, because blocks wait for it, or for one before it: Until is its second at most, and it stands
// behind the beginning of the block, so it ends it at the latest. Steps need no clock for that, nor do clocks have to agree.
func (s *Steps) Reaches(newest Record) { s.newest = Record{Offset: newest.Offset, Time: newest.Time} }

// Add takes the next record and returns the blocks that end with it or before it, at most two.
// Records below Next are dropped: they were added before. An error (a record that does not decode, a
// gap) names the place; the blocks returned with it are whole, and nothing may be added afterwards.
func (s *Steps) Add(r Record) ([]*Block, error) {
	if r.Offset < s.at.Next {
		return nil, nil
	}
	facts, err := wire.DecodeFacts(bytes.Clone(r.Value)) // its rows outlive the batch, whose memory is the log's
	if err != nil {
		return nil, fmt.Errorf("facts partition %d, offset %d: %w; a newer portrait wrote it or the log is damaged: update the sink, or start anew: another prefix, an empty data directory, another ClickHouse database",
			s.partition, r.Offset, err)
	}
	var done []*Block
	second := floorSecond(r.Time)
	if s.open != nil && second >= s.open.until {
		done = append(done, s.end(second))
	}
	if s.open == nil {
		s.open = &Block{Partition: s.partition, First: r.Offset, start: s.at.Next, rule: s.at.Rule, until: s.at.Rule.until(second)}
	}
	if err := s.take(r, facts); err != nil {
		return done, fmt.Errorf("facts partition %d, offset %d: %w", s.partition, r.Offset, err)
	}
	s.open.Last, s.open.bytes = r.Offset, s.open.bytes+len(r.Value)
	s.at.Next, s.at.LogTime = r.Offset+1, max(s.at.LogTime, r.Time)
	if rule := s.open.rule; s.open.Rows >= rule.Rows || s.open.bytes >= rule.Bytes {
		done = append(done, s.end(second))
	}
	return done, nil
}

// take adds the record's facts that are new. One of another deployment is not ours and moves nothing.
func (s *Steps) take(r Record, facts *wire.FactsRecord) error {
	if facts.Deployment != s.deployment {
		s.open.Foreign++
		return nil
	}
	mark := s.at.source(facts.From)
	if facts.Seq > mark.Mark+1 {
		return fmt.Errorf("source %d goes on with fact %d behind fact %d: %w; the facts topic lost records (retention, a topic made anew): restore it, or start anew: another prefix, an empty data directory, another ClickHouse database",
			facts.From, facts.Seq, mark.Mark, ErrGap)
	}
	for i := range facts.Facts {
		number, fact := facts.Seq+uint64(i), &facts.Facts[i]
		if number <= mark.Mark {
			continue // a repeat: a machine said it again after a crash, or two owners said it
		}
		mark.Mark, mark.Decided = number, max(mark.Decided, fact.Decided)
		if err := s.put(r, facts.From, fact); err != nil {
			return fmt.Errorf("source %d, fact %d: %w", facts.From, number, err)
		}
	}
	return nil
}

func (s *Steps) put(r Record, source int32, fact *wire.Fact) error {
	table, err := tableOf(fact)
	if err != nil {
		return err
	}
	switch {
	case fact.Event != nil:
		s.at.count(fact.Event.At.Partition, fact.Event.At.Offset)
	case fact.Rejected != nil:
		s.at.count(fact.Rejected.At.Partition, fact.Rejected.At.Offset)
	case fact.Hole != nil:
		s.at.count(fact.Hole.At.Partition, fact.Hole.At.Offset)
	}
	s.open.tables[table] = append(s.open.tables[table], row{fact, source, s.epoch, r.Time})
	s.open.Rows++
	return nil
}

// end closes the open block at a second of the log, from which the next one goes on.
func (s *Steps) end(second int64) *Block {
	b := s.open
	s.open = nil
	s.at.Rule = s.next(second)
	b.Token = fmt.Sprintf("facts/%d/%s/%d/%d-%d", s.epoch, b.rule, s.partition, b.First, b.Last)
	b.After = s.at.clone()
	return b
}

// longest is the most seconds of the log that a block takes, and it ends with the hour. Not shorter: a log of a weekend with
// few events in it would be days of small inserts. Not longer: tables are partitioned by the month of the log, and an insert
// into two partitions is not atomic.
const longest = 3600

// next returns the rule of a block that begins at a second of the log or behind it.
func (s *Steps) next(second int64) Rule {
	rule := s.rule
	if s.newest.Offset < s.at.Next {
		return rule // nothing is known of what comes
	}
	hour := second - (second%longest+longest)%longest + longest
	if until := min(floorSecond(s.newest.Time), hour); until > second+1 {
		rule.Until = until
	}
	return rule
}

// floorSecond works for instants before 1970, too.
func floorSecond(ms int64) int64 {
	if ms < 0 {
		return (ms - 999) / 1000
	}
	return ms / 1000
}
