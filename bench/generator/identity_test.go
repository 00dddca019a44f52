package generator

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"portrait/bench/ledger"
)

// edge is one identifier beside the anchor of an event, as the protocol would link them.
type edge struct {
	at             int64 // ms
	anchor, linked string
	weak           bool
}

const weakSlots = ledger.Device1 | ledger.Device2 | ledger.Anon1 | ledger.Anon2 | ledger.Tablet

// edges lists all edges of a plan; slots are in order of priority, so an event's first is its anchor.
func edges(run ledger.Run, records []Record) (list []edge, nodes map[string]bool) {
	nodes = map[string]bool{}
	for i := range records {
		ev := &records[i].Event
		if ev.Kind != ledger.Counted {
			continue
		}
		anchor := ""
		for k := range ledger.SlotCount {
			if ev.Slots&(1<<k) == 0 {
				continue
			}
			id := ledger.SlotType(k) + ":" + run.Identifier(ev.Person, k)
			weak := weakSlots&(1<<k) != 0
			if _, ok := nodes[id]; !ok {
				nodes[id] = weak
			}
			if anchor == "" {
				anchor = id
				continue
			}
			list = append(list, edge{ev.Time, anchor, id, weak})
		}
	}
	return list, nodes
}

// model joins identifiers edge by edge, with the rule for weak ones.
type model struct {
	parent map[string]string
	strong map[string]bool
}

func (m *model) find(id string) string {
	for m.parent[id] != id {
		m.parent[id] = m.parent[m.parent[id]]
		id = m.parent[id]
	}
	return id
}

func (m *model) apply(e edge) {
	a, b := m.find(e.anchor), m.find(e.linked)
	if a == b || e.weak && m.strong[a] && m.strong[b] {
		return
	}
	m.parent[b] = a
	m.strong[a] = m.strong[a] || m.strong[b]
}

// TestIdentityIsUnambiguous lets every edge take up to two seconds, each by itself, so that edges overtake one
// another: the profiles must always be the people of the ledger.
func TestIdentityIsUnambiguous(t *testing.T) {
	for _, size := range sizes {
		t.Run(size.name, func(t *testing.T) {
			g, records := planned(t, size.c)
			run := g.Run()
			l := ledger.New(run)
			for i := range records {
				l.Record(records[i].Event, start.Add(records[i].At))
			}
			all, nodes := edges(run, records)
			for round := range uint64(5) {
				random := rand.New(rand.NewPCG(size.c.Seed, round))
				m := model{parent: map[string]string{}, strong: map[string]bool{}}
				for id, weak := range nodes {
					m.parent[id], m.strong[id] = id, !weak
				}
				delayed := append([]edge(nil), all...)
				if round > 0 {
					for i := range delayed {
						delayed[i].at += random.Int64N(2000)
					}
					sort.SliceStable(delayed, func(i, j int) bool { return delayed[i].at < delayed[j].at })
				}
				for _, e := range delayed {
					m.apply(e)
				}
				if err := compare(l, &m, len(nodes)); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
		})
	}
}

// TestIdentityUnderStalls lets partitions stand still for as long as the plan allows, one after the other: what an edge
// needs of them waits, in order. The profiles must be the people of the ledger; without Stall they are not.
func TestIdentityUnderStalls(t *testing.T) {
	const partitions, stall = 4, 30 * time.Second
	c := Config{Seed: 11, Rate: 500, Duration: 2 * time.Minute, Stall: stall}
	g, records := planned(t, c)
	l := ledger.New(g.Run())
	for i := range records {
		l.Record(records[i].Event, start.Add(records[i].At))
	}
	all, nodes := edges(g.Run(), records)
	partition := func(id string) (sum int) {
		for _, b := range []byte(id) {
			sum = sum*31 + int(b)
		}
		return (sum%partitions + partitions) % partitions
	}
	for round := range uint64(20) {
		random := rand.New(rand.NewPCG(c.Seed, round))
		var from [partitions]int64 // ms: when each stands still, for stall
		for q := range from {
			from[q] = start.UnixMilli() + int64(q)*int64(stall/time.Millisecond) + random.Int64N(int64(stall/time.Millisecond))
		}
		wait := func(id string, at int64) int64 {
			if begin := from[partition(id)]; at >= begin && at < begin+stall.Milliseconds() {
				return begin + stall.Milliseconds()
			}
			return at
		}
		m := model{parent: map[string]string{}, strong: map[string]bool{}}
		for id, weak := range nodes {
			m.parent[id], m.strong[id] = id, !weak
		}
		delayed := append([]edge(nil), all...)
		for i := range delayed {
			e := &delayed[i]
			e.at = wait(e.linked, wait(e.anchor, e.at))
		}
		sort.SliceStable(delayed, func(i, j int) bool { return delayed[i].at < delayed[j].at })
		for _, e := range delayed {
			m.apply(e)
		}
		if err := compare(l, &m, len(nodes)); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// compare checks that the people of the ledger are the model's profiles, no identifier left over.
func compare(l *ledger.Ledger, m *model, nodes int) error {
	profile := map[string]int32{} // root -> person
	for _, p := range l.People() {
		root := ""
		var err error
		l.Identifiers(p, func(identifierType, value string) {
			nodes--
			r := m.find(identifierType + ":" + value)
			if root == "" {
				root = r
			}
			if r != root {
				err = fmt.Errorf("person %d: %s and %s are in two profiles", p.Number, r, root)
			}
		})
		if err != nil {
			return err
		}
		if other, ok := profile[root]; ok {
			return fmt.Errorf("people %d and %d are in one profile", p.Number, other)
		}
		profile[root] = p.Number
	}
	if nodes != 0 {
		return fmt.Errorf("%d identifiers belong to nobody", nodes)
	}
	return nil
}

// TestTiming checks the gaps that doc.go promises.
func TestTiming(t *testing.T) {
	_, records := planned(t, Config{Seed: 4, Rate: 2000, Duration: time.Minute})
	type way struct {
		last, grown int64
		slots       ledger.Slots
	}
	ways := map[int32]*way{}
	ownerSince := map[int32]int64{}
	guests := 0
	for _, r := range records {
		ev := &r.Event
		if ev.Kind != ledger.Counted {
			continue
		}
		w := ways[ev.Person]
		if w == nil {
			w = &way{}
			ways[ev.Person] = w
		} else if ev.Time == w.last {
			t.Fatalf("person %d has two events in one millisecond", ev.Person)
		}
		joins := ev.Slots&w.slots != 0 && ev.Slots&^w.slots != 0 // what is known meets something new
		if joins && ev.Slots&^weakSlots != 0 && w.slots != 0 && ev.Time-w.grown < int64(quiet/time.Millisecond) {
			t.Fatalf("person %d joins identifiers %d ms after new ones came", ev.Person, ev.Time-w.grown)
		}
		if ev.Slots&^w.slots != 0 {
			w.grown = ev.Time
			w.slots |= ev.Slots
		}
		w.last = ev.Time
		house := ev.Person / ledger.Household
		if ev.Slots&ledger.Tablet == 0 {
			continue
		}
		if ev.Person%ledger.Household == 0 {
			if ev.Slots&ledger.Phone1 != 0 && ownerSince[house] == 0 {
				ownerSince[house] = ev.Time
			}
			continue
		}
		guests++
		if since := ownerSince[house]; since == 0 || ev.Time-since < int64(handover/time.Millisecond) {
			t.Fatalf("guest %d is on the tablet %d ms after its owner", ev.Person, ev.Time-since)
		}
		if ev.Slots&ledger.Phone1 == 0 {
			t.Fatalf("guest %d is anonymous on the tablet", ev.Person)
		}
	}
	if guests < 100 {
		t.Fatalf("only %d events of guests", guests)
	}
}
