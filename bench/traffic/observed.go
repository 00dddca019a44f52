package traffic

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// slots number the values that tags can have, so that a profile's tags are a set of bits.
type slots struct {
	number map[string]int // tag, NUL, value as JSON
	of     map[string][2]int
	count  int
}

func newSlots(m *Model) *slots {
	s := &slots{number: map[string]int{}, of: map[string][2]int{}}
	for i := range m.tags {
		t := &m.tags[i]
		from := s.count
		for _, v := range t.values() {
			s.number[t.name+"\x00"+v] = s.count
			s.count++
		}
		s.of[t.name] = [2]int{from, s.count}
	}
	return s
}

// set is a set of slots.
type set []uint64

func (s set) put(n int)      { s[n>>6] |= 1 << (n & 63) }
func (s set) has(n int) bool { return s[n>>6]>>(n&63)&1 == 1 }
func (s set) drop(from, to int) {
	for n := from; n < to; n++ {
		s[n>>6] &^= 1 << (n & 63)
	}
}
func (s set) equal(other set) bool {
	for i := range s {
		if s[i] != other[i] {
			return false
		}
	}
	return true
}

// profile is what the two topics say of one profile.
type profile struct {
	changed uint64 // version of the newest tag change
	version uint64 // of the newest document or tombstone
	tagged  uint64 // tag_version of that document
	events  int64
	gaps    int64
	live    bool // the newest is a document
	ours    bool // a document had identifiers of this run
	gone    bool // the tag topic says merged
	tags    set  // by the changes
	said    set  // by the document
	nodes   []node
}

// Observed is what a consumer has made of portrait.tags and portrait.profiles, as schemas/tags.md asks it to.
// Identifiers of other runs are left out. Not safe for concurrent use.
type Observed struct {
	plan     *Plan
	slots    *slots
	shared   bool // with others: their profiles and tags are not judged
	profiles map[uuid.UUID]*profile

	Changes, Repeats int64 // of the tag topic: kept, and dropped by version
	Unknown          int64 // tags or values that the model does not have
	Events           int64 // that the newest documents of all profiles count together
	Documents        int64
}

// Shared says that others use the deployment, too: profiles of theirs may come and go, their chains began
// before anybody looked, and the catalogue has more tags than the model.
func (o *Observed) Shared() { o.shared = true }

// NewObserved has seen nothing.
func NewObserved(p *Plan, m *Model) *Observed {
	return &Observed{plan: p, slots: newSlots(m), profiles: map[uuid.UUID]*profile{}}
}

func (o *Observed) profile(id []byte) (*profile, error) {
	u, err := uuid.ParseBytes(id)
	if err != nil {
		return nil, fmt.Errorf("profile id %q: %w", id, err)
	}
	p := o.profiles[u]
	if p == nil {
		words := (o.slots.count + 63) / 64
		both := make(set, 2*words)
		p = &profile{tags: both[:words:words], said: both[words:]}
		o.profiles[u] = p
	}
	return p, nil
}

// Change takes the next record of a partition of portrait.tags.
func (o *Observed) Change(value []byte) error {
	var r struct {
		profile, tag, change, value []byte
		version, previous           uint64
	}
	err := object(value, func(name string, v jsontext.Value) (err error) {
		switch name {
		case "profile_id":
			r.profile = v
		case "tag":
			r.tag = v
		case "change":
			r.change = v
		case "value":
			r.value = v
		case "version":
			r.version, err = strconv.ParseUint(string(v), 10, 64)
		case "previous_version":
			r.previous, err = strconv.ParseUint(string(v), 10, 64)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("tag change: %w", err)
	}
	p, err := o.profile(bytes.Trim(r.profile, `"`))
	if err != nil {
		return fmt.Errorf("tag change: %w", err)
	}
	if r.version <= p.changed {
		o.Repeats++
		return nil
	}
	o.Changes++
	if r.previous != p.changed {
		p.gaps++
	}
	p.changed = r.version
	if string(r.change) == `"merged"` {
		p.gone = true
		return nil
	}
	o.apply(p, string(bytes.Trim(r.tag, `"`)), string(r.value))
	return nil
}

// apply sets a tag; null and false are off.
func (o *Observed) apply(p *profile, tag, value string) {
	span, ok := o.slots.of[tag]
	if !ok {
		o.unknown()
		return
	}
	p.tags.drop(span[0], span[1])
	if value == "null" || value == "false" {
		return
	}
	if n, ok := o.slots.number[tag+"\x00"+value]; ok {
		p.tags.put(n)
	} else {
		o.unknown()
	}
}

// unknown counts a tag or value that the model does not have.
func (o *Observed) unknown() {
	if !o.shared {
		o.Unknown++
	}
}

// Document takes the next record of a partition of portrait.profiles: its key, its value (nil: a tombstone)
// and the version of its header.
func (o *Observed) Document(key, value []byte, version uint64) error {
	p, err := o.profile(key)
	if err != nil {
		return fmt.Errorf("document: %w", err)
	}
	if version <= p.version {
		return nil
	}
	o.Events -= p.events
	p.version, p.events, p.live, p.nodes = version, 0, value != nil, nil
	clear(p.said)
	if value == nil {
		return nil
	}
	o.Documents++
	if err := o.read(p, value); err != nil {
		return fmt.Errorf("document of %s: %w", key, err)
	}
	o.Events += p.events
	return nil
}

// read takes what is compared from a document, and stops when it has it: features are not read.
func (o *Observed) read(p *profile, value []byte) error {
	wanted := 4
	err := object(value, func(name string, v jsontext.Value) (err error) {
		wanted--
		switch name {
		case "events":
			p.events, err = strconv.ParseInt(string(v), 10, 64)
		case "tag_version":
			p.tagged, err = strconv.ParseUint(string(v), 10, 64)
		case "identifiers":
			err = o.identifiers(p, v)
		case "tags":
			err = object(v, func(tag string, v jsontext.Value) error {
				if n, ok := o.slots.number[tag+"\x00"+string(v)]; ok {
					p.said.put(n)
				} else {
					o.unknown()
				}
				return nil
			})
		default:
			wanted++
		}
		if err == nil && wanted == 0 {
			err = io.EOF
		}
		return err
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if len(p.nodes) == 0 {
		p.events = 0 // of another run: not ours to count
	} else {
		p.ours = true
	}
	return err
}

func (o *Observed) identifiers(p *profile, v jsontext.Value) error {
	return object(v, func(kind string, list jsontext.Value) error {
		for value := range bytes.SplitSeq(bytes.Trim(list, "[]"), []byte(",")) {
			if n, ok := o.plan.parseValue(kind, bytes.Trim(value, `" `)); ok {
				p.nodes = append(p.nodes, n)
			}
		}
		return nil
	})
}

// object calls f for each member of a JSON object. The name and the value are valid during the call.
func object(text []byte, f func(name string, value jsontext.Value) error) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return fmt.Errorf("no JSON object: %w", errors.Join(err, errShape))
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}

var errShape = errors.New("unexpected shape")
