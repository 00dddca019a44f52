package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is what happens to a part.
type Kind string

// The kinds of faults.
const (
	Kill    Kind = "kill"    // kill -9, started again after a while
	Freeze  Kind = "freeze"  // SIGSTOP beyond the session timeout, then SIGCONT
	Restart Kind = "restart" // SIGTERM, started again after a while
)

// Class is what a part is.
type Class string

// The classes of parts.
const (
	Node       Class = "node"
	Broker     Class = "broker"
	ClickHouse Class = "clickhouse"
)

// Fault is one planned misfortune.
type Fault struct {
	At    time.Duration // after the start of the load
	Kind  Kind
	Class Class
	Node  int           // which one, if Class is Node
	Away  time.Duration // how long the part is gone, or stands still
}

// Part is the name of the part that it happens to.
func (f Fault) Part() string {
	if f.Class == Node {
		return nodeName(f.Node)
	}
	return string(f.Class)
}

func nodeName(n int) string { return fmt.Sprintf("node-%d", n+1) }

// String says it in a line.
func (f Fault) String() string {
	return fmt.Sprintf("%6.1f s  %-7s %-10s for %.1f s", f.At.Seconds(), f.Kind, f.Part(), f.Away.Seconds())
}

// How long parts are away.
//
//   - Freezes are longer than the groups' session of 6 s, so the broker takes the frozen one for dead, and shorter than the
//     10 s that a request may take, in part: what wakes up finds its requests answered, or given up.
//   - Whoever supervises processes starts them again at once, or after a few seconds.
const (
	freezeMin, freezeMax = 7 * time.Second, 11 * time.Second
	awayMax              = 4 * time.Second
)

// weights say how often each combination is dealt besides the one time that each is dealt first.
var weights = []struct {
	kind  Kind
	class Class
	n     int
}{
	{Kill, Node, 7}, {Kill, Broker, 4}, {Kill, ClickHouse, 3},
	{Freeze, Node, 2}, {Freeze, Broker, 1}, {Freeze, ClickHouse, 1},
	{Restart, Node, 2}, {Restart, Broker, 1}, {Restart, ClickHouse, 1},
}

// Plan deals faults over a load of so long, in the order of their time: the first nine are one of each kind and class, in any
// order, the others mostly kills. One falls into each of as many equal stretches, so that they overlap now and then; there
// is none in the first seconds, and none so late that nobody could see the recovery.
// The broker, Embedded or Apache, has its rest.
func Plan(seed uint64, faults, nodes int, duration time.Duration, broker string) []Fault {
	random := rand.New(rand.NewPCG(seed, 0x746f7274757265))
	deck := deal(random, faults, int(0.6*float64(duration)/float64(rest(Broker, broker, duration)+awayMax)))
	tail := min(25*time.Second, duration/4)
	var best []Fault
	for range 50 { // parts need their rest: not every order fits into the time
		plan := order(random, deck, nodes, duration, tail, broker)
		if best == nil || len(plan) > 0 && plan[len(plan)-1].At < best[len(best)-1].At {
			best = plan
		}
		if len(best) == 0 || best[len(best)-1].At <= duration-tail {
			break
		}
	}
	return best
}

// deal takes one of each combination, as far as it goes, and more by weight, with so many of the broker at most.
func deal(random *rand.Rand, faults, broker int) (deck []Fault) {
	var first, urn []Fault
	for _, w := range weights {
		f := Fault{Kind: w.kind, Class: w.class}
		first = append(first, f)
		for range w.n {
			urn = append(urn, f)
		}
	}
	random.Shuffle(len(first), func(i, j int) { first[i], first[j] = first[j], first[i] })
	for i := range faults {
		f := urn[random.IntN(len(urn))]
		if i < len(first) {
			f = first[i]
		}
		if f.Class == Broker {
			if broker--; broker < 0 && i >= len(first) {
				f.Class = Node
			}
		}
		deck = append(deck, f)
	}
	return deck
}

// order shuffles a deck and gives each fault its time.
func order(random *rand.Rand, deck []Fault, nodes int, duration, tail time.Duration, broker string) []Fault {
	plan := slices.Clone(deck)
	random.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	head := min(8*time.Second, duration/8)
	stretch := (duration - head - tail) / time.Duration(max(len(plan), 1))
	free := map[string]time.Duration{} // when each part can be struck again
	for i := range plan {
		f := &plan[i]
		if f.Class == Node {
			f.Node = random.IntN(nodes)
		}
		f.Away = time.Duration(random.Int64N(int64(awayMax))).Round(100 * time.Millisecond)
		if f.Kind == Freeze {
			f.Away = freezeMin + time.Duration(random.Int64N(int64(freezeMax-freezeMin))).Round(100*time.Millisecond)
		}
		f.At = head + stretch*time.Duration(i) + time.Duration(random.Int64N(max(1, int64(stretch))))
		f.At = max(f.At, free[f.Part()]).Round(100 * time.Millisecond)
		free[f.Part()] = f.At + f.Away + rest(f.Class, broker, duration)
	}
	slices.SortStableFunc(plan, func(a, b Fault) int { return int(a.At - b.At) })
	return plan
}

// rest is the least time between two faults of one part, its start included. Everybody needs the broker: with less rest it would
// be one long outage, which a plan could not bear. Apache Kafka takes up to twenty seconds to start beside a load: with the embedded
// broker's rest it was away for four tenths of ten minutes, and everybody a minute and a half behind in the end, when nobody
// can say any more whose a device was that went from hand to hand.
func rest(c Class, broker string, duration time.Duration) time.Duration {
	switch {
	case c != Broker:
		return 3 * time.Second
	case broker == Apache:
		return min(60*time.Second, duration/6)
	}
	return min(25*time.Second, duration/8)
}
