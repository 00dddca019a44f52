package machine

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// document publishes the profile as it is now.
func (m *Machine) document(e *entry) {
	p := e.profile
	m.Counters.Documents++
	p.docVersion, p.docAt = m.version(), m.watermark()
	m.setDoc(e, 0)
	id := m.profileOf(e)
	text, fact := m.describe(e)
	m.out.Docs = append(m.out.Docs, Doc{Key: uuidText(id), Value: text, Version: p.docVersion})
	m.fact(wire.Fact{Kind: wire.FactProfile, Version: p.docVersion, Profile: id, Doc: fact})
}

// describe writes a profile that is aligned with the active catalogue: a schemas.ProfileDoc for the
// topic, and a fact.
func (m *Machine) describe(e *entry) ([]byte, *wire.Doc) {
	p := e.profile
	asOf := max(m.watermark(), p.lastSeen)
	fact := &wire.Doc{AsOf: asOf, FirstSeen: p.firstSeen, LastSeen: p.lastSeen, Events: p.events,
		Identifiers: slices.Clone(e.Root.Members), // the fact outlives this record; members may change in the next
		Tags:        make([]wire.NamedValue, 0, len(p.tags))}
	for _, t := range p.tags {
		fact.Tags = append(fact.Tags, wire.NamedValue{Name: t.name, Value: valueText(tagJSON(t.value, ""))})
	}
	fact.Features = m.features(p, asOf)
	doc := schemas.ProfileDoc{ProfileID: uuidText(m.profileOf(e)), Epoch: m.dep.Epoch, Version: p.docVersion,
		TagVersion: p.changeVersion, Catalog: m.cat.Label(), Events: p.events}
	return profileDocJSON(&doc, e.Root.Members, asOf, p.firstSeen, p.lastSeen, fact.Tags, fact.Features), fact
}

// features returns the values of a profile's features as JSON, all of them in one piece of memory.
func (m *Machine) features(p *state, asOf int64) []wire.NamedValue {
	list, text := make([]wire.NamedValue, 0, p.features.len()), m.text[:0]
	m.ends = m.ends[:0]
	p.features.each(func(i int, s []byte) {
		text = m.cat.Features[i].Value(s, asOf).AppendJSON(text)
		list = append(list, wire.NamedValue{Name: m.cat.Features[i].Name})
		m.ends = append(m.ends, len(text))
	})
	m.text = text
	all, from := string(text), 0
	for k, end := range m.ends {
		list[k].Value = all[from:end]
		from = end
	}
	return list
}

// Lookup answers where an identifier leads: the document of its profile, or the identifier of its
// parent if that may live in another partition, or neither if it was never seen, or only as an address
// that no profile took: a link to it was refused, or is still under way. It changes nothing.
func (m *Machine) Lookup(id string) (doc *schemas.ProfileDoc, parent string, err error) {
	e, err := m.lookup(id)
	if err != nil || e == nil {
		return nil, "", err
	}
	if e.Root == nil {
		return nil, e.Parent.ID, nil
	}
	if e.profile.docVersion == 0 { // the first event publishes, and so does the first merge that brings one
		return nil, "", nil
	}
	seen := *e
	p := *e.profile
	p.align(m.cat)
	seen.profile = &p
	text, _ := m.describe(&seen)
	doc = new(schemas.ProfileDoc)
	return doc, "", json.Unmarshal(text, doc)
}

// changeID names a change for people: epoch, partition, offset and ordinal.
func (m *Machine) changeID() string {
	b := append(strconv.AppendInt([]byte{'e'}, int64(m.dep.Epoch), 10), "-p"...)
	b = append(strconv.AppendInt(b, int64(m.self), 10), '-')
	b = append(strconv.AppendInt(b, m.dep.Base+m.offset, 10), '-')
	return string(strconv.AppendInt(b, int64(m.ordinal), 10))
}

func uuidText(u [16]byte) string {
	var b [36]byte
	hex.Encode(b[:8], u[:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:], u[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// valueText is a tag's value as JSON text.
func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		if v {
			return "true"
		}
		return "false"
	case string:
		w := writer{b: make([]byte, 0, len(v)+2)}
		w.string(v)
		return string(w.b)
	}
	return string(mustJSON(v))
}
