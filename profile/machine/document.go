package machine

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// document publishes the profile as it is now.
func (m *Machine) document(e *entry) {
	p := e.profile
	m.Counters.Documents++
	p.docVersion, p.docAt, p.docDue = m.version(), m.watermark(), 0
	id := m.profileID(e.Node.Node)
	doc, fact := m.describe(e)
	m.out.Docs = append(m.out.Docs, Doc{Key: doc.ProfileID, Value: mustJSON(doc), Version: p.docVersion})
	m.fact(wire.Fact{Kind: wire.FactProfile, Version: p.docVersion, Profile: id, Doc: fact})
}

// describe writes a profile that is aligned with the active catalogue, for the topic and as a fact.
func (m *Machine) describe(e *entry) (*schemas.ProfileDoc, *wire.Doc) {
	p := e.profile
	asOf := max(m.watermark(), p.lastSeen)
	fact := &wire.Doc{AsOf: asOf, FirstSeen: p.firstSeen, LastSeen: p.lastSeen, Events: p.events, Identifiers: e.Root.Members}
	doc := &schemas.ProfileDoc{ProfileID: uuidText(m.profileID(e.Node.Node)), Epoch: m.dep.Epoch, Version: p.docVersion,
		TagVersion: p.changeVersion, Catalog: m.cat.Label(), AsOf: timeText(asOf),
		FirstSeen: timeText(p.firstSeen), LastSeen: timeText(p.lastSeen), Events: p.events,
		Identifiers: byType(e.Root.Members), Tags: map[string]any{}, Features: map[string]json.RawMessage{}}
	for _, t := range p.tags {
		doc.Tags[t.name] = tagJSON(t.value, "")
		fact.Tags = append(fact.Tags, wire.NamedValue{Name: t.name, Value: string(mustJSON(tagJSON(t.value, "")))})
	}
	for i, s := range p.features {
		if s == nil {
			continue
		}
		v := m.cat.Features[i].Value(s, asOf).JSON()
		doc.Features[m.cat.Features[i].Name] = json.RawMessage(v)
		fact.Features = append(fact.Features, wire.NamedValue{Name: m.cat.Features[i].Name, Value: v})
	}
	return doc, fact
}

// Lookup answers where an identifier leads: the document of its profile, or the identifier of its
// parent if that may live in another partition, or neither if it was never seen. It changes nothing.
func (m *Machine) Lookup(id string) (doc *schemas.ProfileDoc, parent string, err error) {
	e, err := m.lookup(id)
	if err != nil || e == nil {
		return nil, "", err
	}
	if e.Root == nil {
		return nil, e.Parent.ID, nil
	}
	seen := *e
	p := *e.profile
	p.align(m.cat)
	seen.profile = &p
	doc, _ = m.describe(&seen)
	return doc, "", nil
}

// changeID names a change for people: epoch, partition, offset and ordinal.
func (m *Machine) changeID() string {
	b := append(strconv.AppendInt([]byte{'e'}, int64(m.dep.Epoch), 10), "-p"...)
	b = append(strconv.AppendInt(b, int64(m.self), 10), '-')
	b = append(strconv.AppendInt(b, m.dep.Base+m.offset, 10), '-')
	return string(strconv.AppendInt(b, int64(m.ordinal), 10))
}

// byType groups canonical identifiers by type with its scope; the input is ascending.
func byType(ids []string) map[string][]string {
	out := map[string][]string{}
	for _, id := range ids {
		t, v, _ := strings.Cut(id, ":")
		out[t] = append(out[t], v)
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
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

func timeText(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

func appendJSON(b []byte, s string) []byte { return append(b, mustJSON(s)...) }
