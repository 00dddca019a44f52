package traffic

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"portrait/bench"
)

// Told is the tag changes of each person, by plan or by what was received: how many, a sum over which (event, tag
// and value), and the tags that they add up to. It is for plans without merges, in which each event brings exactly
// the changes that the events before it leave to it, so that two systems must say the same whatever their pace.
// Not safe for concurrent use.
type Told struct {
	plan    *Plan
	model   *Model
	slots   *slots
	persons []toldPerson
	cells   []cells // of Expect

	Changes int64
	Repeats int64   // dropped by version
	Faults  int64   // gaps in chains of versions, second profiles of a person, tags or values that the model does not have
	Causes  []int64 // of Expect: the number of the event behind each change, in order
}

type toldPerson struct {
	profile uuid.UUID
	version uint64
	changes int32
	sum     uint64
	tags    set
}

// NewTold knows of no change.
func NewTold(p *Plan, m *Model) (*Told, error) {
	if p.config.Merges > 0 {
		return nil, fmt.Errorf("traffic: a plan in which %v of the events link a device does not say which changes there are", p.config.Merges)
	}
	t := &Told{plan: p, model: m, slots: newSlots(m), persons: make([]toldPerson, p.config.Persons)}
	words := (t.slots.count + 63) / 64
	all := make(set, words*len(t.persons))
	for i := range t.persons {
		t.persons[i].tags = all[i*words : (i+1)*words : (i+1)*words]
	}
	return t, nil
}

// Expect adds the changes that events [from, to) of a plan bring: the next ones after those of the calls before. The
// plan is the one of NewTold, or what came of it by Then.
func (t *Told) Expect(plan *Plan, from, to int64) {
	t.plan = plan
	if t.cells == nil {
		t.cells = make([]cells, len(t.persons))
	}
	for n := from; n < to; n++ {
		e := plan.Event(n)
		c := &t.cells[e.Person]
		c.add(&e)
		for i := range t.model.tags {
			tag := &t.model.tags[i]
			value, slot := t.model.tagValue(tag, *c, 0, e.Time), -1
			span := t.slots.of[tag.name]
			if value != "" {
				slot = t.slots.number[tag.name+"\x00"+value]
			}
			if t.persons[e.Person].change(n, span, slot) {
				t.Changes++
				t.Causes = append(t.Causes, n)
			}
		}
	}
}

// change sets the tag that has the slots of span to one of them, or with -1 to none, and says whether it was another.
func (p *toldPerson) change(n int64, span [2]int, slot int) bool {
	before := -1
	for s := span[0]; s < span[1]; s++ {
		if p.tags.has(s) {
			before = s
		}
	}
	if before == slot {
		return false
	}
	p.tags.drop(span[0], span[1])
	if slot >= 0 {
		p.tags.put(slot)
	}
	p.changes++
	p.sum += mix(mix(uint64(n)*golden) + uint64(span[0])<<32 + uint64(slot+1))
	return true
}

// Received takes the next record of a partition of the tag topic, and returns the number of the event behind it; ok is false
// for a repeat and for a change of somebody who is not in the plan, or that no event of it caused.
func (t *Told) Received(value []byte) (n int64, ok bool, err error) {
	r, err := t.parse(value)
	if err != nil {
		return 0, false, fmt.Errorf("tag change: %w", err)
	}
	if r.person < 0 || r.event == nil {
		t.Faults++
		return 0, false, nil
	}
	p := &t.persons[r.person]
	if p.profile == (uuid.UUID{}) {
		p.profile = r.profile
	}
	if r.version <= p.version {
		t.Repeats++
		return 0, false, nil
	}
	if n, ok = t.plan.Seq(r.event); !ok || r.profile != p.profile || r.previous != p.version {
		t.Faults++
	}
	p.version = r.version
	t.Changes++
	span, known := t.slots.of[r.tag]
	slot, valued := t.slots.number[r.tag+"\x00"+r.value]
	off := r.value == "null" || r.value == "false"
	if off {
		slot = -1
	}
	if !known || !valued && !off || !p.change(n, span, slot) {
		t.Faults++ // of no use, or no change at all
	}
	return n, ok, nil
}

// received is what is read of a record.
type received struct {
	person            int // -1: none of the plan
	profile           uuid.UUID
	tag, value        string
	event             []byte
	version, previous uint64
}

func (t *Told) parse(text []byte) (r received, err error) {
	r.person = -1
	return r, object(text, func(name string, v jsontext.Value) (err error) {
		switch name {
		case "profile_id":
			r.profile, err = uuid.ParseBytes(bytes.Trim(v, `"`))
		case "tag":
			r.tag = string(bytes.Trim(v, `"`))
		case "value":
			r.value = string(v)
		case "version":
			r.version, err = strconv.ParseUint(string(v), 10, 64)
		case "previous_version":
			r.previous, err = strconv.ParseUint(string(v), 10, 64)
		case "cause":
			err = object(v, func(name string, v jsontext.Value) error {
				if name == "event_id" {
					r.event = bytes.Clone(bytes.Trim(v, `"`))
				}
				return nil
			})
		case "identifiers":
			err = object(v, func(kind string, list jsontext.Value) error {
				first, _, _ := bytes.Cut(bytes.Trim(list, "[]"), []byte(","))
				if n, ok := t.plan.parseValue(kind, bytes.Trim(first, `" `)); ok {
					r.person = n.person
				}
				return nil
			})
		}
		return err
	})
}

// Compare says whether both know of the same changes of everybody.
func (t *Told) Compare(name string, want *Told) bench.Check {
	c := &tally{name: name}
	for i := range t.persons {
		have, should := &t.persons[i], &want.persons[i]
		c.want(have.changes == should.changes && have.sum == should.sum && have.tags.equal(should.tags),
			"person %d: %d changes that add up to %s, expected %d and %s", i, have.changes, t.slots.names(have.tags), should.changes, want.slots.names(should.tags))
	}
	c.want(t.Faults == 0, "%d gaps in versions, second profiles, or unknown values", t.Faults)
	check := c.check()
	check.Detail += fmt.Sprintf("; %d changes, %d expected, %d repeats dropped", t.Changes, want.Changes, t.Repeats)
	return check
}
