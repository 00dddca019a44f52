package machine

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"portrait/schemas/wire"
)

// state is a profile: everything at a root that is not identity.
type state struct {
	cat           int64      // version of the catalogue it was last evaluated under
	def           *catalog   // whose features are in features; nil: they are in raw
	features      features   // by index of def's features
	raw           []hashed   // as read from the store, when cat is not the active version
	tags          []tagValue // ascending by name
	on            places     // which of def's tags are in tags
	recent        recents    // latest event ids, bounded
	absorbed      []former   // profiles that went into this one
	events        int64
	firstSeen     int64 // event time, ms; 0 without events
	lastSeen      int64
	changeVersion uint64 // of the newest tag change; 0: none
	docVersion    uint64 // of the newest document; 0: none
	docAt         int64  // watermark at the newest document
	docDue        int64  // a document that waits for its interval; 0: none
	due           int64  // registered timer
}

// hashed is a feature's state with the hash of its definition.
type hashed struct {
	hash  uint64
	state []byte
}

// tagValue is a tag that is true ("true") or has a value.
type tagValue struct{ name, value string }

// former is a profile that was absorbed: the closed relation of merges needs all of them.
type former struct {
	profile [16]byte
	root    string
}

func newState(c *catalog) *state {
	return &state{cat: c.Version, def: c, due: never}
}

// value returns the value of tag i of def, "" if it is off. While a profile is evaluated tags holds none that
// def does not have, so that a tag's rank is its place.
func (p *state) value(i int) string {
	if at, ok := p.on.place(i); ok {
		return p.tags[at].value
	}
	return ""
}

// setTag turns a tag on, off, or to another value.
func (p *state) setTag(tag, value string) {
	k, ok := slices.BinarySearchFunc(p.tags, tag, func(t tagValue, name string) int { return strings.Compare(t.name, name) })
	i := p.def.tag(tag)
	switch {
	case value == "" && ok:
		p.tags = slices.Delete(p.tags, k, k+1)
		if i >= 0 {
			p.on.remove(i)
		}
	case value != "" && ok:
		p.tags[k].value = value
	case value != "":
		p.tags = slices.Insert(p.tags, k, tagValue{tag, value})
		if i >= 0 {
			p.on.add(i)
		}
	}
}

// seen reports whether the event id is among the latest, and remembers it if not.
func (p *state) seen(id string, at int64, limit int) bool {
	h := xxhash.Sum64String(id)
	if p.recent.has(h) {
		return true
	}
	if limit > 0 {
		p.recent.add(recent{h, at}, limit)
	}
	return false
}

// merge adds another profile: features add, of the remembered ids the latest stay.
func (p *state) merge(q *state, c *catalog, limit int) {
	q.features.each(func(i int, s []byte) {
		if mine := p.features.get(i); mine != nil {
			s = c.Features[i].Merge(mine, s)
		}
		p.features.set(i, s)
	})
	if q.events > 0 && (p.events == 0 || q.firstSeen < p.firstSeen) {
		p.firstSeen = q.firstSeen
	}
	p.lastSeen = max(p.lastSeen, q.lastSeen)
	p.events += q.events
	ids := append(p.recent.list(), q.recent.list()...)
	slices.SortStableFunc(ids, func(a, b recent) int {
		if a.at != b.at {
			return int(min(max(a.at-b.at, -1), 1))
		}
		if a.hash < b.hash {
			return -1
		} else if a.hash > b.hash {
			return 1
		}
		return 0
	})
	ids = slices.Compact(ids)
	p.recent.set(ids[max(0, len(ids)-limit):])
	p.absorbed = append(p.absorbed, q.absorbed...)
}

// encode appends the profile as it goes to another machine. Features carry the hash of their definition, so
// that another catalogue takes over what it defines in the same way and starts the rest anew.
func (p *state) encode(e *wire.Encoder) {
	e.Int(p.cat)
	p.encodeFeatures(e)
	p.encodeTags(e)
	p.encodeRest(e)
}

func (p *state) encodeFeatures(e *wire.Encoder) {
	if p.def == nil {
		e.Uint(uint64(len(p.raw)))
		for _, f := range p.raw {
			e.Fixed(f.hash)
			e.Bytes(f.state)
		}
		return
	}
	e.Uint(uint64(p.features.len()))
	p.features.each(func(i int, s []byte) {
		e.Fixed(p.def.Features[i].Hash)
		e.Bytes(s)
	})
}

func (p *state) encodeTags(e *wire.Encoder) {
	e.Uint(uint64(len(p.tags)))
	for _, t := range p.tags {
		e.String(t.name)
		e.String(t.value)
	}
}

func (p *state) encodeRest(e *wire.Encoder) {
	e.Uint(uint64(p.recent.len()))
	before := int64(0) // ids come in order of time, nearly: differences are short
	p.recent.each(func(r recent) {
		e.Fixed(r.hash)
		e.Int(r.at - before)
		before = r.at
	})
	e.Uint(uint64(len(p.absorbed)))
	for _, f := range p.absorbed {
		e.UUID(f.profile)
		e.String(f.root)
	}
	for _, v := range [...]int64{p.events, p.firstSeen, p.lastSeen, p.docAt, p.docDue, p.due} {
		e.Int(v)
	}
	e.Uint(p.changeVersion)
	e.Uint(p.docVersion)
}

// decode reads what encode wrote. A profile that was last evaluated under another catalogue stays as it was
// written until it is touched, so that reading it leaves no trace.
func (p *state) decode(d *wire.Decoder, active *catalog) {
	p.cat = d.Int()
	p.decodeFeatures(d)
	p.decodeTags(d)
	p.decodeRest(d)
	p.settleOn(active)
}

// settleOn aligns a profile that was just read with the active catalogue if that is the one it was written under.
func (p *state) settleOn(active *catalog) {
	p.def = nil
	if p.cat == active.Version {
		p.align(active)
	}
}

func (p *state) decodeFeatures(d *wire.Decoder) {
	p.raw = make([]hashed, d.Count())
	for i := range p.raw {
		p.raw[i] = hashed{d.Fixed(), d.Bytes()}
	}
}

func (p *state) decodeTags(d *wire.Decoder) {
	p.tags = make([]tagValue, d.Count())
	for i := range p.tags {
		p.tags[i] = tagValue{d.String(), d.String()}
	}
}

func (p *state) decodeRest(d *wire.Decoder) {
	ids := make([]recent, d.Count())
	before := int64(0)
	for i := range ids {
		ids[i] = recent{d.Fixed(), before + d.Int()}
		before = ids[i].at
	}
	p.recent.set(ids)
	p.absorbed = make([]former, d.Count())
	for i := range p.absorbed {
		p.absorbed[i] = former{d.UUID(), d.String()}
	}
	for _, v := range [...]*int64{&p.events, &p.firstSeen, &p.lastSeen, &p.docAt, &p.docDue, &p.due} {
		*v = d.Int()
	}
	p.changeVersion, p.docVersion = d.Uint(), d.Uint()
}

// align puts the features in the order of a catalogue; those it does not define are dropped.
func (p *state) align(c *catalog) {
	list := p.raw
	if p.def == c {
		return
	}
	if p.def != nil {
		list = nil
		p.features.each(func(i int, s []byte) { list = append(list, hashed{p.def.Features[i].Hash, s}) })
	}
	p.def, p.raw = c, nil
	p.features, p.on = features{}, nil
	for _, t := range p.tags {
		if i := c.tag(t.name); i >= 0 {
			p.on.add(i)
		}
	}
	for _, f := range list {
		for k, i := range c.byHash[f.hash] {
			if k > 0 { // two names for one definition: each its own memory
				f.state = append([]byte(nil), f.state...)
			}
			p.features.set(i, f.state)
		}
	}
}
