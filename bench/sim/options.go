package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"portrait/schemas"
)

// Fault is one kind of trouble that a world may meet.
type Fault uint64

// The kinds of trouble.
const (
	LostAcks     Fault = 1 << iota // appended, and the producer does not learn it
	LostRequests                   // never appended
	LateRequests                   // given up, and arrive later
	Crashes                        // processes end at any step
	HostCrashes                    // and with them the store's newest checkpoints
	Pauses                         // processes sleep, and come back as zombies
	Rebalances                     // partitions move
	Lingering                      // drivers of a partition that moved go on beside their successors
	StoreErrors                    // full disks, commits that fail half-way
	Skew                           // wall clocks that are behind
	Ahead                          // wall clocks that are ahead: absences may come early
	Jumps                          // wall clocks that move while a process runs
	Lag                            // one inbox partition far behind the others
	BrokerAway                     // no request gets through for a while
	SinkFaults                     // inserts fail, or their answers are lost
	Restores                       // ClickHouse goes back to a backup
	Activations                    // catalogues in the middle, by coordinators that die
	Repeats                        // producers send an event twice
	Poison                         // records that are no event, oversize ones, foreign ones
	Junk                           // identifiers that name nobody, and blocked ones
	Snapshots                      // nodes begin with what another node had committed
	LostTails                      // all hosts crash, and what was acknowledged is gone; topics made anew
	OwnTimes                       // events carry their producers' times, which hold them back
	lastFault
)

var faultNames = []string{"lost acks", "lost requests", "late requests", "crashes", "host crashes", "pauses", "rebalances",
	"lingering", "store errors", "skew", "ahead", "jumps", "lag", "broker away", "sink faults", "restores", "activations",
	"repeats", "poison", "junk", "snapshots", "lost tails", "own times"}

// String lists the kinds.
func (f Fault) String() string {
	var list []string
	for i, name := range faultNames {
		if f&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// Options are all that a world follows from. NewOptions draws them from a seed; shrinking makes them less.
type Options struct {
	Seed                         uint64
	Records                      int // raw records of events
	Nodes                        int
	Events, Inbox, Facts         int // partitions
	Faults                       Fault
	People                       int  // identifiers of each type
	Single                       bool // each event has one identifier: nothing merges
	Shared                       bool // one device that everybody uses
	Weak                         bool // devices and cookies are weak
	MaxPhones, MaxDevices        int  // 0: no limit that matters
	QueueLimit, Links, DedupeIDs int
	TimersPerRecord              int
	CacheNodes                   int   // -1: nothing stays in memory that is committed
	Batch                        int   // records a machine applies at once, at most
	Transaction                  int   // changes that a commit takes at once
	Window                       int   // inserts that ClickHouse remembers, per table
	Rows                         int   // a block's
	Spread                       int   // 1..4: how unevenly actors get their turns
	Flat                         bool  // judged when nothing can happen any more, not in the middle
	Rules                        bool  // each node has its own rule of blocks
	Upgrade                      bool  // at the end another version of the logic goes on
	History                      bool  // the clock is that of the events, one partition of them in order of time
	Step                         int64 // ms: with it, how often inboxes without events are told
	Race                         bool  // the first catalogue comes while events do, not before
	Holes                        bool  // producers of events write in transactions, and the broker loses records in the middle
}

// NewOptions returns the options of a seed.
func NewOptions(seed uint64) Options {
	r := rand.New(rand.NewPCG(seed, 0x0907))
	pick := func(list ...int) int { return list[r.IntN(len(list))] }
	o := Options{Seed: seed, Records: pick(6, 8, 10, 12, 16, 20, 40), Nodes: 1 + r.IntN(3), Events: 1 + r.IntN(2), Inbox: 1 + r.IntN(4),
		Facts: 1 + r.IntN(2), People: pick(2, 3, 4), Single: r.IntN(6) == 0, Shared: r.IntN(5) == 0, Weak: r.IntN(2) == 0,
		MaxPhones: pick(0, 0, 1, 2), MaxDevices: pick(0, 0, 2), QueueLimit: pick(64, 64, 1), Links: pick(256, 256, 2), DedupeIDs: pick(64, 64, 2),
		TimersPerRecord: pick(128, 1, 2), CacheNodes: pick(-1, -1, 0), Batch: pick(1, 3, 20), Transaction: pick(1000, 3, 1),
		Window: pick(200, 200, 40), Rows: pick(2, 5, 50), Spread: 1 + r.IntN(4), Race: r.IntN(4) == 0, Flat: r.IntN(3) == 0, Upgrade: r.IntN(6) == 0, Rules: r.IntN(3) == 0}
	// Some worlds have every kind of trouble, most a few: too much of it hides what it does to each other.
	for f := Fault(1); f < lastFault; f <<= 1 {
		if r.IntN(3) == 0 || seed%7 == 0 {
			o.Faults |= f
		}
	}
	if r.IntN(4) > 0 {
		o.Faults &^= Ahead // absences cannot be judged with it
	}
	if o.Step = int64(pick(1, 5_000, 60_000)); r.IntN(6) == 0 {
		o.History, o.Events = true, 1
		o.Faults &^= Repeats | OwnTimes // what comes again is not in order of time
	}
	if o.Facts == 1 && r.IntN(3) == 0 {
		o.Window = 6 // a sink that slept finds its tokens forgotten
	}
	o.Holes = r.IntN(3) == 0
	return o
}

// String says in one line what the world is like.
func (o Options) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d records, %d nodes, partitions %d events, %d inbox, %d facts, %d identifiers of a type", o.Seed, o.Records, o.Nodes, o.Events, o.Inbox, o.Facts, o.People)
	fmt.Fprintf(&b, ", single %v, shared %v, weak %v, limits %d phones %d devices, queue %d, links %d, ids %d", o.Single, o.Shared, o.Weak, o.MaxPhones, o.MaxDevices, o.QueueLimit, o.Links, o.DedupeIDs)
	fmt.Fprintf(&b, ", timers %d, cache %d, batch %d, transaction %d, window %d, rows %d, spread %d, race %v, flat %v, upgrade %v, rules %v, history %v, step %d, holes %v", o.TimersPerRecord, o.CacheNodes, o.Batch, o.Transaction, o.Window, o.Rows, o.Spread, o.Race, o.Flat, o.Upgrade, o.Rules, o.History, o.Step, o.Holes)
	fmt.Fprintf(&b, "; faults: %v", o.Faults)
	return b.String()
}

// deployment returns the record that the options ask for.
func (o *Options) deployment() schemas.Deployment {
	d := schemas.DefaultDeployment()
	d.ID, d.KeyID, d.KeyCheck = "sim", simKeys.ID(), simKeys.KeyCheck()
	d.EventsPartitions, d.InboxPartitions, d.FactsPartitions = o.Events, o.Inbox, o.Facts
	d.Identifiers = []schemas.IdentifierType{{Name: "phone", Max: 20}, {Name: "device_id", Max: 20, Weak: o.Weak}, {Name: "anonymous_id", Max: 20, Weak: o.Weak}}
	if o.History {
		d.Clock, d.ClockStep = schemas.ClockEvent, o.Step
	}
	d.QueueLimit, d.LinksRemembered, d.DedupeIDs, d.TimersPerRecord = o.QueueLimit, o.Links, o.DedupeIDs, o.TimersPerRecord
	return d
}

// catalogText returns a version of the catalogue. Its rules stand once more, in the dumbest way, in
// package model; identifiers may be limited, and one device is blocked where junk is about.
func (o *Options) catalogText(version int64) []byte {
	limit := func(n int) string {
		if n == 0 {
			return "max: 20"
		}
		return fmt.Sprintf("max: %d", n)
	}
	blocked := ""
	if o.Faults&Junk != 0 {
		blocked = ", blocked: [" + blockedDevice + "]"
	}
	tags := "  curious: {when: \"cats_1m >= 2\"}\n"
	if version == 2 {
		tags = "  heavy: {when: \"events >= 5\"}\n"
	}
	return fmt.Appendf(nil, catalogBody, limit(o.MaxPhones), limit(o.MaxDevices), blocked, tags)
}

const catalogBody = `name: shop
identifiers: {phone: {%s}, device_id: {%s%s}}
aliases: {"Order Paid": buy}
features:
  events: {kind: count, event: "*"}
  buys: {kind: count, event: buy}
  carts: {kind: count, event: cart}
  paid: {kind: sum, event: buy, property: amount}
  paid_1m: {kind: sum, event: buy, property: amount, window: 60s, bucket: 2s}
  cats: {kind: distinct, event: [cart, view], property: category}
  cats_1m: {kind: distinct, event: [cart, view], property: category, window: 60s, bucket: 2s}
  since_buy: {kind: recency, event: buy}
  since_cart: {kind: recency, event: cart}
tags:
  buyer: {when: "buys > 0"}
  spender: {when: "paid_1m >= 100.0", weight: 1.5}
  phoned: {when: "size(identifiers.phone) > 0"}
  waiting: {when: "carts > 0 && since_cart > duration('5s') && since_cart <= duration('40s')"}
%s  lifecycle:
    enum: [potential, new, repeat, dormant]
    cases:
      - {value: dormant, when: "buys > 0 && since_buy > duration('45s')"}
      - {value: repeat, when: "buys > 1"}
      - {value: new, when: "buys == 1"}
    default: potential
`
