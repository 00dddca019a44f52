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
	second      int64 // of the first record; the block ends before a later one
}

// Steps cuts the log of one facts partition into blocks. It does no I/O, knows no clock, and answers
// the same records with the same blocks.
type Steps struct {
	partition  int32
	epoch      uint32
	deployment uint64
	rule       Rule     // wanted; in force from the second block on
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

// Add takes the next record and returns the blocks that end with it or before it, at most two.
// Records below Next are dropped: they were added before. An error (a record that does not decode, a
// gap) names the place; the blocks returned with it are whole, and nothing may be added afterwards.
func (s *Steps) Add(r Record) ([]*Block, error) {
	if r.Offset < s.at.Next {
		return nil, nil
	}
	facts, err := wire.DecodeFacts(bytes.Clone(r.Value)) // its rows outlive the batch, whose memory is the log's
	if err != nil {
		return nil, fmt.Errorf("facts partition %d, offset %d: %w; a newer portrait wrote it or the log is damaged: update the sink, or begin a new epoch",
			s.partition, r.Offset, err)
	}
	var done []*Block
	if s.open != nil && floorSecond(r.Time) > s.open.second {
		done = append(done, s.end())
	}
	if s.open == nil {
		rule := s.at.Rule
		s.at.Rule = s.rule // the rule of the block behind this one
		s.open = &Block{Partition: s.partition, First: r.Offset, start: s.at.Next, rule: rule, second: floorSecond(r.Time)}
	}
	if err := s.take(r, facts); err != nil {
		return done, fmt.Errorf("facts partition %d, offset %d: %w", s.partition, r.Offset, err)
	}
	s.open.Last, s.open.bytes = r.Offset, s.open.bytes+len(r.Value)
	s.at.Next, s.at.LogTime = r.Offset+1, max(s.at.LogTime, r.Time)
	if rule := s.open.rule; s.open.Rows >= rule.Rows || s.open.bytes >= rule.Bytes {
		done = append(done, s.end())
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
		return fmt.Errorf("source %d goes on with fact %d behind fact %d: %w; the facts topic lost records (retention, a topic made anew): restore it, or begin a new epoch",
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
	}
	s.open.tables[table] = append(s.open.tables[table], row{fact, source, s.epoch, r.Time})
	s.open.Rows++
	return nil
}

// end closes the open block.
func (s *Steps) end() *Block {
	b := s.open
	s.open = nil
	b.Token = fmt.Sprintf("facts/%d/%s/%d/%d-%d", s.epoch, b.rule, s.partition, b.First, b.Last)
	b.After = s.at.clone()
	return b
}

// floorSecond works for instants before 1970, too.
func floorSecond(ms int64) int64 {
	if ms < 0 {
		return (ms - 999) / 1000
	}
	return ms / 1000
}
