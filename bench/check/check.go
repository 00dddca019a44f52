package check

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"portrait/bench"
	"portrait/bench/ledger"
)

// Query asks ClickHouse. Every value comes as text, as toString of ClickHouse would write it; the
// queries of this package select only strings, numbers and UUIDs as text.
type Query func(ctx context.Context, sql string) ([][]string, error)

// Input is what a run left behind.
type Input struct {
	Ledger *ledger.Ledger // sending has ended
	Topic  *Topic         // everything received from portrait.tags; not added to while Run runs (Clone)
	Query  Query

	// Database is ClickHouse's name of the database, "portrait" if empty.
	Database string

	// Canonical maps an identifier of the ledger, in normal form, to the stored form "type:value": for
	// sensitive types the deployment's keyed hash.
	Canonical func(identifierType, value string) string

	// AsOf is the latest instant at which tags may be compared: the stream was quiet, and topic and
	// ClickHouse have passed it. An earlier one is chosen if too many tags were about to flip then.
	AsOf time.Time
}

// Margin is how near to AsOf a deadline may lie for its tag to count as undetermined.
const Margin = 2 * time.Second

// MaxUndetermined is the greatest share of (person, tag) pairs that may be undetermined.
const MaxUndetermined = 0.02

// checker is one comparison under way.
type checker struct {
	Input
	ctx    context.Context // of the one call of Run that made the checker
	report *bench.Report

	instant  time.Time // at which tags are compared
	people   []ledger.Person
	expected []ledger.Expected // as people
	place    map[int32]int     // person number -> place in people
	owner    map[string]int32  // canonical identifier -> person number
	relation relation
}

// Run compares and returns the report, latencies left out. An error means that ClickHouse could not be asked;
// a difference is a check that is not ok. Call Settle on the report when it is complete.
func Run(ctx context.Context, in Input) (*bench.Report, error) {
	if in.Database == "" {
		in.Database = "portrait"
	}
	c := &checker{Input: in, ctx: ctx, report: &bench.Report{}}
	c.prepare()
	for _, part := range []struct {
		name string
		run  func() (bench.Check, error)
	}{
		{"events_stored", c.eventsStored},
		{"rejected", c.rejected},
		{"duplicates", c.duplicates},
		{"accounting", c.accounting},
		{"identity", c.identity}, // the next two need the relation that it fills
		{"features", c.features},
		{"funnel", c.funnel},
		{"versions_gapless", c.versionsGapless},
		{"tags_final", c.tagsFinal},
		{"tags_history", c.tagsHistory},
		{"tags_topic_vs_clickhouse", c.tagsTopicVsClickHouse},
	} {
		result, err := part.run()
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", part.name, err)
		}
		result.Name = part.name
		c.report.Checks = append(c.report.Checks, result)
	}
	return c.report, nil
}

// prepare works out what must be there.
func (c *checker) prepare() {
	c.report.EventsSent = int64(c.Ledger.Len())
	c.report.TagChanges = c.Topic.Kept()
	c.people = c.Ledger.People()
	c.report.People = len(c.people)
	c.place, c.owner = make(map[int32]int, len(c.people)), make(map[string]int32, 4*len(c.people))
	c.instant = c.calm()
	c.relation = relation{profiles: map[string][]int32{}, people: map[int32][]string{}}
	for i, p := range c.people {
		c.place[p.Number] = i
		c.expected = append(c.expected, c.Ledger.Expect(p, c.instant, Margin))
		c.Ledger.Identifiers(p, func(identifierType, value string) {
			c.owner[c.Canonical(identifierType, value)] = p.Number
		})
	}
}

// calm chooses the instant at which tags are compared: AsOf, or before it the latest at which clearly
// fewer than MaxUndetermined are about to flip. For example, a whole crowd that stopped at once turns silent at
// once. Any instant behind the last event will do, because from then on only timers change tags, and their
// changes say when they were due.
func (c *checker) calm() time.Time {
	var last int64
	for i := range c.Ledger.Len() {
		last = max(last, c.Ledger.At(i).Time, c.Ledger.At(i).Sent)
	}
	const step, sample = 250 * time.Millisecond, 1000
	stride := max(1, len(c.people)/sample)
	best, fewest := c.AsOf, math.MaxInt
	for at := c.AsOf; ; at = at.Add(-step) {
		flips, compared := 0, 0
		for i := 0; i < len(c.people); i += stride {
			e := c.Ledger.Expect(c.people[i], at, Margin)
			for _, undetermined := range e.Undetermined {
				compared++
				if undetermined {
					flips++
				}
			}
		}
		if flips < fewest {
			best, fewest = at, flips
		}
		enough := float64(flips) <= 0.75*MaxUndetermined*float64(compared)
		if enough || at.Add(-step-Margin).UnixMilli() < last {
			return best
		}
	}
}

// ask runs a query; each row must have the given number of columns.
func (c *checker) ask(columns int, sql string) ([][]string, error) {
	rows, err := c.Query(c.ctx, sql)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if len(row) != columns {
			return nil, fmt.Errorf("a row of %d columns instead of %d from: %s", len(row), columns, sql)
		}
	}
	return rows, nil
}

// number reads a count that ClickHouse answered.
func number(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q where a number was asked for", text)
	}
	return n, nil
}
