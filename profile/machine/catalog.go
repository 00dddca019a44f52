package machine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"portrait/profile/tag"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// maxCatalogParts bounds what waits for an activation; a part is at most schemas.BytesPerRecord.
const maxCatalogParts = 16

// sweepBudget is how many profiles one record moves to the active catalogue: about 4 ms of work.
const sweepBudget = 128

// catalog is a compiled catalogue with what the machine derives from it.
type catalog struct {
	*tag.Catalog
	byHash    map[uint64][]int // features by the hash of their definition
	isTimed   []bool           // by feature: in Timed()
	timedTags []int            // tags that the passing of time can change, ascending
	allTags   []int
}

// CompileCatalog compiles a catalogue's text. The result is immutable, and may be shared by machines.
func CompileCatalog(yaml []byte, version int64, dep *schemas.Deployment) (*tag.Catalog, error) {
	parsed, err := schemas.ParseCatalog(yaml)
	if err != nil {
		return nil, err
	}
	return tag.Compile(parsed, version, dep)
}

func (m *Machine) compile(yaml []byte, version int64) (*catalog, error) {
	compiled, err := m.compiler(yaml, version, m.dep)
	if err != nil {
		return nil, err
	}
	c := &catalog{Catalog: compiled, byHash: map[uint64][]int{}}
	for i, f := range compiled.Features {
		c.byHash[f.Hash] = append(c.byHash[f.Hash], i)
	}
	c.isTimed = make([]bool, len(compiled.Features))
	for _, i := range compiled.Timed() {
		c.isTimed[i] = true
		c.timedTags = append(c.timedTags, compiled.Readers(i)...)
	}
	slices.Sort(c.timedTags)
	c.timedTags = slices.Compact(c.timedTags)
	for i := range compiled.Tags {
		c.allTags = append(c.allTags, i)
	}
	return c, nil
}

// Keys of catalogues: the text of the active one, and the parts of those that wait. A catalogue has up to
// 1 MB, so neither fits in the meta, which is written with every checkpoint.
const (
	catalogPrefix = 'c'
	partPrefix    = 'p'
)

func catalogKey(version int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{catalogPrefix}, uint64(version))
}

func partKey(version int64, part int) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{partPrefix}, uint64(version)), byte(part))
}

// restoreCatalog compiles the catalogue that was active at the checkpoint, and loads what waits.
func (m *Machine) restoreCatalog() error {
	for _, p := range m.meta.pending {
		for i := range p.parts {
			if p.parts[i] == nil {
				continue
			}
			text, err := m.view.Load(partKey(p.version, i))
			if err != nil {
				return fmt.Errorf("machine: part %d of catalogue %d: %w", i, p.version, err)
			}
			p.parts[i] = append(p.parts[i], text...)
		}
	}
	if m.meta.catalog == 0 {
		return nil
	}
	text, err := m.view.Load(catalogKey(m.meta.catalog))
	if err != nil {
		return fmt.Errorf("machine: catalogue %d: %w", m.meta.catalog, err)
	}
	c, err := m.compile(text, m.meta.catalog)
	if err != nil {
		return fmt.Errorf("machine: catalogue %d of the checkpoint: %w", m.meta.catalog, err)
	}
	m.cat = c
	return m.learn()
}

// control applies an item of the coordinator. All of them are idempotent by content.
func (m *Machine) control(c *wire.Control) error {
	switch c.Kind {
	case wire.CtlDeployment:
		m.meta.deployed = true
		if m.meta.logic == 0 {
			m.meta.logic = max(1, c.Version)
		}
	case wire.CtlCatalog:
		return m.catalogPart(c)
	case wire.CtlActivate:
		if c.Version > m.cat.Version {
			return m.activate(c.Version)
		}
	case wire.CtlBarrier:
		if c.Version > schemas.LogicVersion {
			return &BarrierError{Version: int(c.Version)}
		}
		m.meta.logic = max(m.meta.logic, c.Version)
	case wire.CtlClock, wire.CtlEnd:
		for e := range m.meta.stamps {
			m.meta.stamp(int32(e), c.Stamp)
		}
	}
	return nil
}

// catalogPart collects the parts of a catalogue until its activation.
func (m *Machine) catalogPart(c *wire.Control) error {
	if c.Version <= m.cat.Version {
		return nil
	}
	if c.Parts < 1 || c.Parts > maxCatalogParts || c.Part < 0 || c.Part >= c.Parts || len(c.Body) > schemas.BytesPerRecord {
		return fmt.Errorf("catalogue %d: part %d of %d, %d bytes: %w", c.Version, c.Part, c.Parts, len(c.Body), ErrUnreadable)
	}
	k := slices.IndexFunc(m.meta.pending, func(p pendingCatalog) bool { return p.version == c.Version })
	if k < 0 {
		if len(m.meta.pending) >= maxCatalogParts {
			m.forget(&m.meta.pending[0]) // never activated: the oldest gives way
			m.meta.pending = slices.Delete(m.meta.pending, 0, 1)
		}
		k = len(m.meta.pending)
		m.meta.pending = append(m.meta.pending, pendingCatalog{c.Version, make([][]byte, c.Parts)})
	}
	if p := m.meta.pending[k]; int(c.Part) < len(p.parts) {
		p.parts[c.Part] = append([]byte{}, c.Body...) // not nil: it is here
		m.unsaved[string(partKey(c.Version, int(c.Part)))] = p.parts[c.Part]
	}
	return nil
}

// forget removes the parts of a catalogue that waits no more from the store.
func (m *Machine) forget(p *pendingCatalog) {
	for i := range p.parts {
		m.unsaved[string(partKey(p.version, i))] = nil
	}
}

// activate makes a catalogue the active one. Profiles move to it when touched, and by the sweep.
func (m *Machine) activate(version int64) error {
	var text []byte
	for _, p := range m.meta.pending {
		if p.version == version && !slices.ContainsFunc(p.parts, func(b []byte) bool { return b == nil }) {
			text = bytes.Join(p.parts, nil)
		}
	}
	if text == nil {
		return fmt.Errorf("catalogue %d is activated, but its parts are not all here: %w", version, ErrUnreadable)
	}
	c, err := m.compile(text, version)
	if err != nil {
		return fmt.Errorf("catalogue %d was activated and does not compile: %w: %w", version, err, ErrUnreadable)
	}
	m.unsaved[string(catalogKey(version))] = text
	if m.meta.catalog != 0 {
		m.unsaved[string(catalogKey(m.meta.catalog))] = nil
	}
	m.cat, m.meta.catalog = c, version
	m.meta.pending = slices.DeleteFunc(m.meta.pending, func(p pendingCatalog) bool {
		if p.version <= version {
			m.forget(&p)
		}
		return p.version <= version
	})
	m.meta.sweeping, m.meta.cursor = true, ""
	return m.learn()
}

// touch moves a root to the active catalogue: features with an unchanged definition stay, refusals
// are forgotten since limits may be new, and every tag is decided again as of now.
func (m *Machine) touch(e *entry, now int64) {
	p := e.profile
	if p.cat == m.cat.Version {
		return
	}
	m.cache.dirty(e)
	p.align(m.cat)
	p.cat = m.cat.Version
	e.Root.Refused = nil
	if p.events == 0 {
		return
	}
	why := cause{kind: schemas.CauseCatalog, at: m.meta.decided}
	changed := m.dropTags(e, why)
	if m.evaluate(e, m.cat.allTags, now, why) || changed {
		m.document(e)
	} else if p.docDue == 0 {
		// Its features may have other names now. Spread over an interval: all profiles are touched at once.
		m.setDoc(e, m.watermark()+1+int64(xxhash.Sum64String(e.ID)%uint64(max(1, m.dep.DocInterval))))
	}
	m.schedule(e)
}

// dropTags says goodbye to tags that the active catalogue does not have.
func (m *Machine) dropTags(e *entry, why cause) bool {
	gone := slices.DeleteFunc(slices.Clone(e.profile.tags), func(t tagValue) bool { return m.cat.tag(t.name) >= 0 })
	for _, t := range gone {
		m.change(e, t.name, nil, t.value, "", why, "{}")
	}
	return len(gone) > 0
}

// tag returns the index of a tag, or -1.
func (c *catalog) tag(name string) int {
	i, ok := slices.BinarySearchFunc(c.Tags, name, func(t *tag.Tag, name string) int { return strings.Compare(t.Name, name) })
	if !ok {
		return -1
	}
	return i
}

// sweep moves the next profiles in order of their identifiers, and reports whether any are left.
func (m *Machine) sweep() (more bool, err error) {
	ids, err := m.following(m.meta.cursor, sweepBudget)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if m.ordinal > maxOutputs-2*outputsOfOne {
			return true, nil
		}
		e, err := m.lookup(id)
		if err != nil {
			return false, err
		}
		if e != nil && e.Root != nil {
			m.settle(e)
			if !m.skipsTimers(id) {
				m.place.timers = id
				m.touch(e, m.watermark())
				m.place.timers = ""
			}
			m.Counters.Swept++
		}
		m.meta.cursor = id
	}
	if len(ids) < sweepBudget {
		m.meta.sweeping, m.meta.cursor = false, ""
		return false, nil
	}
	return true, nil
}

// following returns the next identifiers behind one, over the store and what is newer in memory.
func (m *Machine) following(after string, limit int) ([]string, error) {
	var ids []string
	err := m.view.Scan(nodeKey(after), []byte{nodePrefix}, limit, func(key, _ []byte) bool {
		ids = append(ids, string(key[1:]))
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("machine: sweep: %w", err)
	}
	for _, list := range [][]*entry{m.cache.changed, m.cache.cutting} {
		for _, e := range list {
			if e.ID > after {
				ids = append(ids, e.ID)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(limit, len(ids))], nil
}
