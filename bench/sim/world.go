package sim

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"portrait/bench/sim/model"
	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/profile/machine"
	"portrait/profile/tag"
	"portrait/schemas"
	"portrait/schemas/wire"
	"portrait/sinks/clickhouse"
)

// start is the first instant of every world, in ms.
const start = 1_700_000_000_000

// simKeys are the keys of every simulated deployment.
var simKeys = func() normalize.Keys {
	keys, err := normalize.NewKeys(make([]byte, normalize.KeyBytes))
	if err != nil {
		panic(err) // the key is long enough
	}
	return keys
}()

// World is one deployment with everything around it, in one goroutine. All that happens follows from
// its options.
type World struct {
	Options
	dep        schemas.Deployment
	hash       uint64 // of dep
	topics     pipeline.Topics
	random     *rand.Rand
	clock      int64 // ms: what the time really is; brokers and producers know it
	broker     *broker
	clickhouse *clickhouseServer
	nodes      []*node

	generation int // of the assignment
	events     []int
	inbox      []int
	facts      []int
	committed  []int64      // router's group: by events partition
	commits    [][][2]int64 // and when: how much was appended to all logs before, and the offset
	history    int64        // ms: the time of the latest event, where the clock is that of the events
	cut        bool         // logs lost their tails once
	over       bool         // what is left is beyond any promise
	went       int          // losses after which everything fits together
	naming     bool         // references name their outputs

	loaded       int // raw records sent so far
	ids          int
	past         [][]draft
	sent         []*model.Event
	items        [][]int      // by events partition and offset: events in the record
	voids        [][]voidKind // by events partition and offset, where there is none
	holes        []uint64     // by events partition: rows that tell of such offsets
	coordinators []*coordinator
	version      int64                 // of the last catalogue
	lagging      int                   // inbox partition that gets few turns; -1: none
	calm         bool                  // the trouble is over
	poisoned     map[placeAt]bool      // inbox records that no machine can apply
	operators    map[placeAt]wire.Skip // stops that an operator has not looked at yet
	answered     map[placeAt]bool      // those answered
	inboxes      inboxReader
	barriers     []int64 // by inbox partition: where another version of the logic goes on; nil: nowhere

	faults []string
	trace  *[]string
}

// NewWorld returns the world of the options at its beginning. What happens is appended to trace, if it is
// not nil.
func NewWorld(o Options, trace *[]string) *World {
	w := &World{Options: o, topics: pipeline.TopicNames("p"), random: rand.New(rand.NewPCG(o.Seed, 0x51a)), clock: start,
		broker: newBroker(), clickhouse: newClickHouse(o.Window), lagging: -1, trace: trace}
	w.dep = o.deployment()
	w.hash = w.dep.Hash()
	w.committed, w.items = make([]int64, o.Events), make([][]int, o.Events)
	w.voids, w.holes = make([][]voidKind, o.Events), make([]uint64, o.Events)
	w.commits, w.history = make([][][2]int64, o.Events), start-1_000_000_000
	w.poisoned, w.operators, w.answered = map[placeAt]bool{}, map[placeAt]wire.Skip{}, map[placeAt]bool{}
	w.inboxes.init(w)
	for id := range o.Nodes {
		n := &node{w: w, id: id, disk: newDisk(o.Inbox)}
		if w.has(Skew) {
			n.skew = -int64(w.random.IntN(3_000))
		}
		if w.has(Ahead) {
			n.skew = int64(w.random.IntN(3_000))
		}
		w.nodes = append(w.nodes, n)
	}
	w.assign()
	for _, n := range w.nodes {
		n.start()
	}
	w.version = 1
	w.activate(1)
	if !w.Race {
		for _, out := range w.coordinators[0].outputs {
			w.broker.append(request{place{out.Topic, out.Partition}, []kafka.Record{out.Record}, w.clock, false})
		}
	}
	return w
}

func (w *World) has(f Fault) bool { return w.Faults&f != 0 }

// chance says, in so many of a hundred cases, that a kind of trouble strikes now.
func (w *World) chance(f Fault, percent int) bool {
	return w.Faults&f != 0 && !w.calm && w.random.IntN(100) < percent
}

func (w *World) logf(format string, args ...any) {
	if w.trace != nil {
		*w.trace = append(*w.trace, fmt.Sprintf("%7d  ", w.clock-start)+fmt.Sprintf(format, args...))
	}
}

// fault notes that a promise is broken. The world goes on: what follows may explain it.
func (w *World) fault(format string, args ...any) {
	w.logf("FAULT: "+format, args...)
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// rule is a node's rule of blocks: they may differ, as while a deployment is configured anew.
func (w *World) rule(n *node) clickhouse.Rule {
	rule := clickhouse.Rule{Rows: w.Rows, Bytes: 1 << 20}
	if w.Rules {
		rule.Rows += n.id
	}
	return rule
}

// assign gives every partition to a node that may be there or not.
func (w *World) assign() {
	w.generation++
	draw := func(n int) []int {
		list := make([]int, n)
		for i := range list {
			list[i] = w.random.IntN(w.Nodes)
		}
		return list
	}
	w.events, w.inbox, w.facts = draw(w.Events), draw(w.Inbox), draw(w.Facts)
	w.logf("group: assignment %d: events %v, inbox %v, facts %v", w.generation, w.events, w.inbox, w.facts)
}

// commitOffset is a router's commit. Whoever makes it, everything before it must be in the inboxes.
func (w *World) commitOffset(n *node, p int, offset int64) {
	w.inboxes.read()
	if done := w.inboxes.frontier(p); done < offset {
		w.fault("events %d: offset %d is committed, the inboxes hold events up to %d", p, offset, done)
	}
	w.committed[p] = offset // the group takes what it is told, also from a zombie, also backwards
	w.commits[p] = append(w.commits[p], [2]int64{w.broker.appends, offset})
}

var compiled struct {
	sync.Mutex
	catalogs map[string]*tag.Catalog
}

// compileOnce is machine.CompileCatalog, for all worlds of the process together.
func compileOnce(text []byte, version int64, dep *schemas.Deployment) (*tag.Catalog, error) {
	key := fmt.Sprint(version, dep.Identifiers, dep.DedupeIDs, string(text))
	compiled.Lock()
	defer compiled.Unlock()
	if c := compiled.catalogs[key]; c != nil {
		return c, nil
	}
	c, err := machine.CompileCatalog(text, version, dep)
	if err == nil {
		if compiled.catalogs == nil {
			compiled.catalogs = map[string]*tag.Catalog{}
		}
		compiled.catalogs[key] = c
	}
	return c, err
}
