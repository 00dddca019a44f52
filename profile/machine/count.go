package machine

import (
	"slices"

	"portrait/profile/feature"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// cause is why tags are decided: an event, a merge, a deadline, a catalogue.
type cause struct {
	kind  schemas.CauseKind
	event string // event id
	at    int64  // ms: the event's time, or the deadline
	kafka int64  // ms: the event's Kafka timestamp; 0 of other causes
}

// count applies an event at its root: it is counted in exactly this profile.
func (m *Machine) count(e *entry, ev *wire.Event, anchor int) {
	m.cache.dirty(e)
	m.settle(e)
	m.touch(e, m.watermark())
	p := e.profile
	id := m.profileOf(e)
	if p.seen(ev.ID, m.meta.decided, m.dep.DedupeIDs) {
		m.Counters.Duplicates++
		repeat := *ev
		repeat.Props = nil
		m.fact(wire.Fact{Kind: wire.FactDuplicate, Version: m.version(), Profile: id, Event: &repeat})
		return
	}
	m.Counters.Events++
	first := p.events == 0
	if p.events++; first || ev.Time < p.firstSeen {
		p.firstSeen = ev.Time
	}
	p.lastSeen = max(p.lastSeen, ev.Time)
	m.fact(wire.Fact{Kind: wire.FactEvent, Version: m.version(), Profile: id, Event: ev})

	m.touched = m.touched[:0]
	due := never
	now := m.watermark()
	for _, i := range m.cat.FeaturesFor(ev) {
		f := m.cat.Features[i]
		if !f.Holds(ev) { // FeaturesFor has looked at the name
			continue
		}
		state := m.update(p, i, ev)
		m.touched = append(m.touched, m.cat.Readers(i)...)
		if m.cat.isTimed[i] {
			due = min(due, f.NextChange(state, now, m.cat.Cuts(i)))
		}
	}
	m.register(e, due)
	m.host.at = e
	m.ids.Event(&e.Node, ev.Identifiers, anchor, ev.ID)

	tags := m.cat.allTags
	if !first {
		slices.Sort(m.touched)
		m.touched = slices.Compact(m.touched)
		tags = m.touched
	}
	changed := m.evaluate(e, tags, now, cause{schemas.CauseEvent, ev.ID, ev.Time, ev.Kafka})
	if changed || first || now >= p.docAt+m.dep.DocInterval {
		m.document(e)
	} else if p.docDue == 0 {
		m.setDoc(e, p.docAt+m.dep.DocInterval)
	}
}

// update counts an event in feature i and returns the new state, which the next update overwrites. States grow
// in memory of the machine's own: what they outgrow would be garbage with each event.
func (m *Machine) update(p *state, i int, ev *wire.Event) []byte {
	state := m.cat.Features[i].Update(append(m.state[:0], p.features.get(i)...), ev)
	if cap(state) > cap(m.state) {
		m.state = state
	}
	p.features.set(i, state)
	return state
}

// schedule registers a timer for the next change of any of an entry's timed features.
func (m *Machine) schedule(e *entry) { m.register(e, m.deadline(e.profile, m.watermark())) }

// deadline is when one of a profile's timed features next changes after an instant, if no event comes; or never.
func (m *Machine) deadline(p *state, after int64) int64 {
	due := never
	for _, i := range m.cat.Timed() {
		if s := p.features.get(i); s != nil {
			due = min(due, m.cat.Features[i].NextChange(s, after, m.cat.Cuts(i)))
		}
	}
	return due
}

// inputs is what a rule reads: the features of one profile at one instant.
type inputs struct {
	m   *Machine
	e   *entry
	now int64
}

// Feature implements tag.Inputs.
func (in *inputs) Feature(i int) feature.Value {
	return in.m.cat.Features[i].Value(in.e.profile.features.get(i), in.now)
}

// Identifiers implements tag.Inputs: the values of a base type, ascending, a scope before its value.
func (in *inputs) Identifiers(baseType string) []string {
	var list []string
	for _, id := range in.e.Root.Members {
		if schemas.BaseType(id) == baseType {
			list = append(list, id[len(baseType)+1:])
		}
	}
	return list
}

// IdentifierCount implements tag.Inputs.
func (in *inputs) IdentifierCount(baseType string) int {
	n := 0
	for _, id := range in.e.Root.Members {
		if schemas.BaseType(id) == baseType {
			n++
		}
	}
	return n
}

// evaluate decides tags at an instant and publishes what changed. A rule that fails at run time (a
// division by zero) leaves its tag as it is.
func (m *Machine) evaluate(e *entry, tags []int, now int64, why cause) (changed bool) {
	m.inputs = inputs{m, e, now}
	for _, k := range tags {
		t := m.cat.Tags[k]
		value, err := t.Eval(&m.inputs)
		if err != nil {
			m.Counters.TagErrors++
			continue
		}
		if before := e.profile.value(k); value != before {
			m.change(e, t.Name, t.Weight, before, value, why, m.read(t.Reads))
			changed = true
		}
	}
	return changed
}

// read writes the values that a rule read, as a JSON object in order of the features.
func (m *Machine) read(features []int) string {
	w := writer{b: make([]byte, 0, 128)}
	w.open('{')
	for _, i := range features {
		w.key(m.cat.Features[i].Name)
		w.b = m.inputs.Feature(i).AppendJSON(w.b)
	}
	w.close('}')
	return string(w.b)
}

// change publishes one tag change and keeps the new value.
func (m *Machine) change(e *entry, tag string, weight *float64, before, after string, why cause, read string) {
	e.profile.setTag(tag, after)
	kind := schemas.Changed
	switch {
	case before == "":
		kind = schemas.Entered
	case after == "":
		kind = schemas.Left
	}
	m.publish(e, schemas.TagChange{Tag: tag, Change: kind, Weight: weight,
		Value: tagJSON(after, before), Previous: tagJSON(before, after)}, why, read)
}

// tagJSON is one side of a change in the public contract, given the other one: a boolean tag is true
// or false, an enum has a value or null. The catalogue may not know the tag any more.
func tagJSON(v, other string) any {
	switch {
	case v == "true":
		return true
	case v == "" && other == "true":
		return false
	case v == "":
		return nil
	}
	return v
}

// publish numbers a tag change, chains it to the profile's previous one, and emits it with its fact.
func (m *Machine) publish(e *entry, c schemas.TagChange, why cause, read string) {
	p := e.profile
	id := m.profileOf(e)
	c.Version, c.PreviousVersion, c.Epoch = m.version(), p.changeVersion, m.dep.Epoch
	p.changeVersion = c.Version
	c.ID = m.changeID()
	c.ProfileID = uuidText(id)
	c.Catalog = m.cat.Label()
	c.Cause = schemas.Cause{Kind: why.kind, EventID: why.event}
	value := tagChangeJSON(&c, e.Root.Members, why.at, m.meta.decided)
	m.out.Tags = append(m.out.Tags, Change{Key: c.ProfileID, Value: value, Tag: c.Tag, Kind: string(c.Change), Kafka: why.kafka})
	m.fact(wire.Fact{Kind: wire.FactTag, Version: c.Version, Profile: id, Tag: &wire.Tag{
		ID: c.ID, Tag: c.Tag, Change: string(c.Change), Value: valueText(c.Value), Previous: valueText(c.Previous),
		PrevVer: c.PreviousVersion, CauseKind: string(why.kind), CauseID: why.event, EventTime: why.at,
		Catalog: c.Catalog, Winner: c.Winner, Inputs: read}})
}
