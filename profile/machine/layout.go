package machine

import (
	"encoding/binary"
	"fmt"

	"portrait/schemas/wire"
)

// layout is what the indexes of a catalogue's features and tags stood for. Stored profiles name features and
// tags by index: the hash of each definition and the name of each tag were half of a profile's bytes, with 300 tags
// in the catalogue. Layouts are kept for as long as the partition is: a profile that nobody touches stays as the
// catalogue of its time wrote it.
type layout struct {
	hashes []uint64 // of features
	tags   []string
}

func (c *catalog) layout() *layout {
	l := &layout{hashes: make([]uint64, len(c.Features)), tags: make([]string, len(c.Tags))}
	for i, f := range c.Features {
		l.hashes[i] = f.Hash
	}
	for i, t := range c.Tags {
		l.tags[i] = t.Name
	}
	return l
}

// layoutPrefix begins the key of a layout; the catalogue's version follows.
const layoutPrefix = 'l'

func layoutKey(version int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{layoutPrefix}, uint64(version))
}

func (l *layout) encode() []byte {
	e := wire.Encoder{B: []byte{metaVersion}}
	e.Uint(uint64(len(l.hashes)))
	for _, h := range l.hashes {
		e.Fixed(h)
	}
	e.Strings(l.tags)
	return e.B
}

func decodeLayout(b []byte) (*layout, error) {
	d := wire.NewDecoder(b)
	if v := d.Byte(); v != metaVersion {
		return nil, fmt.Errorf("encoding version %d, this binary reads %d", v, metaVersion)
	}
	l := &layout{hashes: make([]uint64, d.Count())}
	for i := range l.hashes {
		l.hashes[i] = d.Fixed()
	}
	l.tags = d.Strings()
	return l, d.Close()
}

// learn makes the active catalogue's layout known, and has it stored with the next cut if it is not.
func (m *Machine) learn() error {
	version := m.cat.Version
	stored, err := m.view.Load(layoutKey(version))
	if err != nil {
		return fmt.Errorf("machine: layout of catalogue %d: %w", version, err)
	}
	l := m.cat.layout()
	m.layouts[version] = l
	if stored == nil && version > 0 {
		m.unsaved[string(layoutKey(version))] = l.encode()
	}
	return nil
}

// layoutOf returns the layout of a catalogue that was active once.
func (m *Machine) layoutOf(version int64) (*layout, error) {
	if l := m.layouts[version]; l != nil {
		return l, nil
	}
	text, err := m.view.Load(layoutKey(version))
	if err == nil && text == nil {
		err = fmt.Errorf("it is not there: %w", wire.ErrMalformed)
	}
	var l *layout
	if err == nil {
		l, err = decodeLayout(text)
	}
	if err != nil {
		return nil, fmt.Errorf("layout of catalogue %d: %w", version, err)
	}
	m.layouts[version] = l
	return l, nil
}

// pack appends the profile as the store holds it: state.encode, with indexes for hashes and names.
func (p *state) pack(e *wire.Encoder) {
	e.Int(p.cat)
	indexed := p.def != nil && p.on.len() == len(p.tags) // else as read: nothing has touched it since
	e.Bool(indexed)
	if !indexed {
		p.encodeFeatures(e)
		p.encodeTags(e)
	} else {
		e.Uint(uint64(p.features.len()))
		next := 0
		p.features.each(func(i int, s []byte) {
			e.Uint(uint64(i - next))
			e.Bytes(s)
			next = i + 1
		})
		e.Uint(uint64(len(p.tags)))
		next, at := 0, 0
		p.on.each(func(i int) {
			e.Uint(uint64(i - next))
			p.tags[at].pack(e)
			next, at = i+1, at+1
		})
	}
	p.encodeRest(e)
}

// pack appends the value: 0 for "true", else its length and bytes.
func (t *tagValue) pack(e *wire.Encoder) {
	if t.value == "true" {
		e.Uint(0)
		return
	}
	e.String(t.value)
}

// unpack reads what pack wrote.
func (m *Machine) unpack(p *state, d *wire.Decoder) error {
	p.cat = d.Int()
	if !d.Bool() {
		p.decodeFeatures(d)
		p.decodeTags(d)
		p.decodeRest(d)
		p.settleOn(m.cat)
		return nil
	}
	l, err := m.layoutOf(p.cat)
	if err != nil {
		return err
	}
	active := p.cat == m.cat.Version
	p.def, p.features, p.on = nil, features{}, nil
	p.raw, p.tags = nil, nil
	next := 0
	for range d.Count() {
		i := next + int(min(d.Uint(), uint64(len(l.hashes))))
		if i >= len(l.hashes) {
			return fmt.Errorf("feature %d of %d: %w", i, len(l.hashes), wire.ErrMalformed)
		}
		if s := d.String(); active {
			p.features.append(i, s)
		} else {
			p.raw = append(p.raw, hashed{l.hashes[i], []byte(s)})
		}
		next = i + 1
	}
	next = 0
	for range d.Count() {
		i := next + int(min(d.Uint(), uint64(len(l.tags))))
		if i >= len(l.tags) {
			return fmt.Errorf("tag %d of %d: %w", i, len(l.tags), wire.ErrMalformed)
		}
		value := d.String()
		if value == "" {
			value = "true"
		}
		p.tags = append(p.tags, tagValue{l.tags[i], value})
		if active {
			p.on.add(i)
		}
		next = i + 1
	}
	if active {
		p.def = m.cat
	}
	p.decodeRest(d)
	return d.Err()
}
