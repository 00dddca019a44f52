package generator

import (
	"fmt"
	"math/rand/v2"
	"time"

	"portrait/bench/ledger"
)

// Config says how large the shop is. The zero value of a field marked so takes its default.
type Config struct {
	Seed     uint64        // same seed, same plan
	Run      uint32        // part of all ids; 0: from the seed. Give runs that share a data directory different ones
	Rate     int           // records per second, duplicates and rejected ones included
	Duration time.Duration // Rate × Duration records are planned
	Start    time.Time     // when the first record is due
	People   int           // 0: one per 12 records, at most Rate×1.5; memory is bounded by it

	// Stall is the longest that any part of the pipeline may stand still without making the plan's outcome ambiguous; 0: a
	// few seconds. Guests come so much later to a shared tablet, and nothing is sent twice before identities have been one
	// for so long.
	Stall time.Duration
}

// maxRecords keeps sequence numbers in nine digits.
const maxRecords = 999_999_999

// Validate reports the first setting that cannot work, and the remedy.
func (c Config) Validate() error {
	records := float64(c.Rate) * c.Duration.Seconds()
	switch {
	case c.Rate < 1:
		return fmt.Errorf("generator: rate %d; want at least 1 event per second", c.Rate)
	case c.Duration < time.Second:
		return fmt.Errorf("generator: duration %v; want at least 1s", c.Duration)
	case records > maxRecords:
		return fmt.Errorf("generator: %.0f records; want at most %d: lower rate or duration", records, maxRecords)
	case c.Stall < 0:
		return fmt.Errorf("generator: stall %v; want a positive time, or 0", c.Stall)
	case c.People < 0:
		return fmt.Errorf("generator: %d people; want a positive number, or 0 for the default", c.People)
	case c.Start.IsZero():
		return fmt.Errorf("generator: no start; give the instant at which the first record is due")
	}
	return nil
}

// Record is one planned Kafka record.
type Record struct {
	Event ledger.Event  // what the ledger must know of it
	At    time.Duration // when to send it, after Start: never earlier, or its time would lie in the future
	Key   []byte        // Kafka key: records of one key must keep their order
	Value []byte        // Kafka value
}

// Generator is the plan of one run. It is not safe for concurrent use.
type Generator struct {
	run      ledger.Run
	records  int32
	duration int64
	stall    int64 // ns
	random   *rand.Rand

	people   []person
	arrived  int32 // next person in the order of arrival
	due      queue
	browsers []int32        // people who are there and send something when nothing else is due
	retries  []ledger.Event // duplicates to come, in the order of their time
	retried  int
	seq      int32
}

// New makes the plan's beginning. Nothing is computed ahead of Next.
func New(c Config) (*Generator, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	records := int(float64(c.Rate) * c.Duration.Seconds())
	people := c.People
	if people == 0 {
		people = max(Minimum, min(records/12, c.Rate*3/2))
	}
	number := c.Run
	if number == 0 {
		number = uint32(c.Seed*0x9e3779b97f4a7c15>>32) | 1
	}
	return &Generator{
		run:      ledger.Run{Number: number, Rate: c.Rate, Start: c.Start.UnixMilli()},
		records:  int32(records),
		duration: int64(c.Duration),
		stall:    int64(c.Stall),
		random:   rand.New(rand.NewPCG(c.Seed, 0x9e3779b97f4a7c15)),
		people:   make([]person, people),
	}, nil
}

// Minimum is the fewest people of a plan: two households.
const Minimum = 2 * ledger.Household

// Run returns what the ledger is made with.
func (g *Generator) Run() ledger.Run { return g.run }

// Planned returns how many records Next will give in all.
func (g *Generator) Planned() int { return int(g.records) }

// Next appends the next record's key and value to arena, which may be nil, and returns the record and the
// arena as append would. ok is false when the plan has ended. The record's slices lie in the returned arena.
func (g *Generator) Next(arena []byte) (r Record, out []byte, ok bool) {
	if g.seq >= g.records {
		return Record{}, arena, false
	}
	at := int64(g.run.Planned(g.seq))
	r.At = time.Duration(at)
	r.Event = g.next(at)
	r.Event.Seq = g.seq
	if r.Event.Kind != ledger.Duplicate {
		r.Event.Of = g.seq
	}
	g.seq++
	g.maybeRetry(at, &r.Event)

	from := len(arena)
	arena = g.run.AppendKey(arena, r.Event.Person)
	key := len(arena)
	arena = appendValue(arena, g.run, &r.Event)
	r.Key, r.Value = arena[from:key:key], arena[key:len(arena):len(arena)]
	return r, arena, true
}

// Shares of the records that are not an ordinary event: one in so many.
const (
	oneRejectedIn = 1000
	oneRetriedIn  = 400
	oneJunkIn     = 200
	oneAliasIn    = 50
)

// retryAfter is how long a producer waits before it sends a record again: soon, and long enough for the
// original to have been counted.
const retryAfter = int64(200 * time.Millisecond)

// next decides whose turn it is: a retry or a step that is due, an arrival, else somebody who browses.
func (g *Generator) next(at int64) ledger.Event {
	if g.retried < len(g.retries) && int64(g.run.Planned(g.retries[g.retried].Of))+retryAfter <= at {
		return g.retry()
	}
	if g.arrived > 0 && g.random.IntN(oneRejectedIn) == 0 {
		kind := ledger.NotJSON + ledger.Kind(g.random.IntN(2))
		return ledger.Event{Kind: kind, Person: g.random.Int32N(g.arrived), Time: g.millis(at)}
	}
	for len(g.due) > 0 && g.due[0].at <= at {
		n := g.due.pop().person
		if again := g.people[n].last + pace; again > at { // has just browsed
			g.due.push(due{again, n})
			continue
		}
		return g.step(n, at)
	}
	browser, rested := g.rested(at)
	if p, ok := g.nextArrival(); ok && (arrival(p, len(g.people), g.duration) <= at || !rested) {
		g.arrived = p + 1
		return g.arrive(p, at)
	}
	return g.browse(browser, at)
}

func (g *Generator) retry() ledger.Event {
	ev := g.retries[g.retried]
	ev.Kind = ledger.Duplicate
	g.retried++
	if g.retried == len(g.retries) || g.retried == 256 { // keep what is still to come, and no more
		g.retries, g.retried = g.retries[:copy(g.retries, g.retries[g.retried:])], 0
	}
	return ev
}

// maybeRetry plans a duplicate of an event of somebody whose identities have settled: while two profiles
// merge, the two copies could reach different ones.
func (g *Generator) maybeRetry(at int64, ev *ledger.Event) {
	if ev.Kind != ledger.Counted || at+2*retryAfter > g.duration || !g.people[ev.Person].settled(at, g.stall) {
		return
	}
	if g.random.IntN(oneRetriedIn) == 0 {
		g.retries = append(g.retries, *ev)
	}
}

// arrival is when the p-th of n people first appears, in ns: 15 % in the first second, so that there is
// traffic at once, the others evenly until 60 % of the run.
func arrival(p int32, n int, duration int64) int64 {
	share := float64(p) / float64(n)
	const early = 0.15
	if share < early {
		return int64(share / early * float64(time.Second))
	}
	return int64(time.Second) + int64((share-early)/(1-early)*(0.6*float64(duration)-float64(time.Second)))
}

// nextArrival passes over guests, who come when the owner of their tablet has logged in.
func (g *Generator) nextArrival() (int32, bool) {
	p := g.arrived
	for int(p) < len(g.people) && (p%ledger.Household == 1 || p%ledger.Household == 2) {
		p++
	}
	return p, int(p) < len(g.people)
}

func (g *Generator) millis(at int64) int64 { return g.run.Start + at/int64(time.Millisecond) }
