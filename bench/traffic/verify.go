package traffic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"portrait/bench"
)

// shown is how many differences a check spells out.
const shown = 3

// shardPersons bounds the memory of Verify: the plan is walked once for so many persons.
const shardPersons = 200_000

// person is what a person's events add up to, by node: the customer's id, then the devices.
type person struct {
	events [1 + devices]int64
	cells  [1 + devices]cells
	linked uint8 // devices that were linked to the customer
}

// tally counts differences of one check.
type tally struct {
	name        string
	compared    int64
	differences int64
	first       []string
}

func (t *tally) want(ok bool, format string, args ...any) {
	t.compared++
	if ok {
		return
	}
	if t.differences++; len(t.first) < shown {
		t.first = append(t.first, fmt.Sprintf(format, args...))
	}
}

func (t *tally) check() bench.Check {
	detail := fmt.Sprintf("%d compared, %d differ", t.compared, t.differences)
	if len(t.first) > 0 {
		detail += ": " + strings.Join(t.first, "; ")
	}
	return bench.Check{Name: t.name, OK: t.compared > 0 && t.differences == 0, Detail: detail}
}

// Verify compares what was observed with what events [First, sent) of a plan add up to, at an instant now
// (ms) after the last of them. The plan is the one that o was made with, or what came of it by Then. Every person's profiles are compared: who they are, how many events they count,
// each of their tags as the document says and as the changes add up to.
func (o *Observed) Verify(plan *Plan, m *Model, sent, now int64) []bench.Check {
	o.plan = plan
	events := &tally{name: "events per profile"}
	identity := &tally{name: "identity"}
	tags := &tally{name: "tags"}
	topic := &tally{name: "tag topic"}
	home, strangers := o.homes(identity)
	n := o.plan.config.Persons
	for from := 0; from < n; from += shardPersons {
		o.shard(m, from, min(n, from+shardPersons), sent, now, home, events, identity, tags)
	}
	live, gaps := int64(0), int64(0)
	for id, p := range o.profiles {
		if o.shared && !p.ours {
			continue
		}
		gaps += p.gaps
		if p.gone || !p.live {
			continue
		}
		live++
		topic.want(p.changed == p.tagged, "%s: newest change is %d, its document has %d", id, p.changed, p.tagged)
		topic.want(p.tags.equal(p.said), "%s: the changes add up to %s, the document says %s", id, o.names(p.tags), o.names(p.said))
	}
	topic.want(gaps == 0, "%d gaps in the chains of versions", gaps)
	topic.want(o.Unknown == 0, "%d tags or values that the catalogue does not have", o.Unknown)
	if o.shared {
		strangers = 0
	}
	identity.want(identity.compared == live-strangers, "%d profiles are alive, %d are expected", live-strangers, identity.compared)
	return []bench.Check{events.check(), identity.check(), tags.check(), topic.check()}
}

// homes says which live profile each identifier is in.
func (o *Observed) homes(identity *tally) (home map[node]*profile, strangers int64) {
	home = make(map[node]*profile, len(o.profiles))
	doubled := 0
	for _, p := range o.profiles {
		if !p.live || p.gone {
			continue
		}
		if len(p.nodes) == 0 {
			strangers++
		}
		for _, n := range p.nodes {
			if home[n] != nil {
				doubled++
			}
			home[n] = p
		}
	}
	if doubled > 0 {
		identity.differences++
		identity.first = append(identity.first, fmt.Sprintf("%d identifiers are in two profiles", doubled))
	}
	return home, strangers
}

// shard walks the plan for persons [from, to) and compares their profiles.
func (o *Observed) shard(m *Model, from, to int, sent, now int64, home map[node]*profile, events, identity, tags *tally) {
	persons := o.plan.walk(from, to, sent)
	want := make(set, (o.slots.count+63)/64)
	compare := func(nodes []node, count int64, of cells, known int) {
		p := home[nodes[0]]
		if p == nil {
			identity.want(false, "%v has %d events and no profile", nodes[0], count)
			return
		}
		same := len(p.nodes) == len(nodes)
		for _, n := range nodes {
			same = same && home[n] == p
		}
		identity.want(same, "%v: the profile holds %v", nodes, p.nodes)
		events.want(p.events == count, "%v: %d events are counted, %d were sent", nodes[0], p.events, count)
		clear(want)
		for i := range m.tags {
			if v := m.tagValue(&m.tags[i], of, known, now); v != "" {
				want.put(o.slots.number[m.tags[i].name+"\x00"+v])
			}
		}
		tags.want(p.said.equal(want), "%v: tags %s, expected %s", nodes[0], o.names(p.said), o.names(want))
	}
	for k := range persons {
		p := &persons[k]
		whole, count, known := p.cells[0], p.events[0], 0
		nodes := []node{{from + k, -1}}
		for d := range devices {
			n := node{from + k, d}
			switch {
			case p.linked>>d&1 == 1:
				whole.merge(p.cells[1+d])
				count += p.events[1+d]
				nodes = append(nodes, n)
				known++
			case p.events[1+d] > 0:
				compare([]node{n}, p.events[1+d], p.cells[1+d], 1)
			}
		}
		if count > 0 {
			compare(nodes, count, whole, known)
		}
	}
}

// walk adds up events [First, sent) of persons [from, to).
func (p *Plan) walk(from, to int, sent int64) []person {
	persons := make([]person, to-from)
	for n := p.First(); n < sent; n++ {
		e := p.Event(n)
		if e.Person < from || e.Person >= to {
			continue
		}
		who := &persons[e.Person-from]
		at := 0
		if !e.Customer {
			at = 1 + e.Device
		} else if e.Device >= 0 {
			who.linked |= 1 << e.Device
		}
		who.events[at]++
		who.cells[at].add(&e)
	}
	return persons
}

// names lists the tags of a set.
func (o *Observed) names(s set) string { return o.slots.names(s) }

// names lists the tags of a set.
func (l *slots) names(s set) string {
	var list []string
	for key, n := range l.number {
		if s.has(n) {
			list = append(list, strings.Replace(key, "\x00", "=", 1))
		}
	}
	slices.Sort(list)
	if len(list) > 8 {
		return fmt.Sprintf("%v and %d more", list[:8], len(list)-8)
	}
	return fmt.Sprint(list)
}

// VerifyRows compares ClickHouse's events, counted by their first identifier, with events [First, sent) of the plan.
func (p *Plan) VerifyRows(sent int64, rows [][]string) bench.Check {
	t := &tally{name: "ClickHouse events"}
	have := make(map[node]int64, len(rows))
	for _, row := range rows {
		kind, value, _ := strings.Cut(row[0], ":")
		n, ok := p.parseValue(kind, []byte(value))
		count, err := strconv.ParseInt(row[1], 10, 64)
		if !ok || err != nil {
			t.want(false, "unexpected row %q", row)
			continue
		}
		have[n] += count
	}
	for from := 0; from < p.config.Persons; from += shardPersons {
		persons := p.walk(from, min(p.config.Persons, from+shardPersons), sent)
		for k := range persons {
			for at, want := range persons[k].events {
				n := node{from + k, at - 1}
				if want > 0 || have[n] > 0 {
					t.want(have[n] == want, "%v has %d rows of %d", n, have[n], want)
				}
			}
		}
	}
	return t.check()
}
