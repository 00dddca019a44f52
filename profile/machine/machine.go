package machine

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"

	"portrait/profile/identity"
	"portrait/profile/tag"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// View is the state as of the newest committed checkpoint. Calls come from the machine's goroutine.
// An error stops the machine; values are the caller's to keep.
type View interface {
	// Load returns the value of a key, nil if there is none.
	Load(key []byte) ([]byte, error)
	// Scan calls f for at most limit keys above after that begin with prefix, ascending, until f returns false.
	Scan(after, prefix []byte, limit int, f func(key, value []byte) bool) error
}

// Errors that stop a partition for an operator.
var (
	// ErrGap says that numbers of a channel are missing: a record was lost, or the topic was cut.
	ErrGap = errors.New("gap in a channel")
	// ErrUnreadable says that a record of the log does not decode or contradicts the state.
	ErrUnreadable = errors.New("unreadable inbox record")
	// ErrBarrier says that the log goes on under another version of the logic.
	ErrBarrier = errors.New("barrier of another logic version")
)

// Config is what a machine is opened with. All of it is fixed by the deployment record.
type Config struct {
	Deployment *schemas.Deployment
	Partition  int
	ProfileKey []byte // keys the hash that makes profile ids; derived from the deployment's key
	CacheBytes int64  // about how much memory nodes take beyond those not yet committed; 0: DefaultCacheBytes
	CacheNodes int    // how many of them there are at most; 0: CacheBytes alone bounds them
	// Compile is CompileCatalog or one that remembers what it returned: the same for the same arguments.
	// Compiling takes milliseconds of the machine's thread. nil: CompileCatalog.
	Compile func(yaml []byte, version int64, dep *schemas.Deployment) (*tag.Catalog, error)
	// Skips are what operators pass over: answers to stops of this partition, found in its log.
	Skips []wire.Skip
}

// Machine is one inbox partition. It is owned by one goroutine.
type Machine struct {
	dep      *schemas.Deployment
	hash     uint64
	self     int32
	idMAC    hash.Hash
	idText   []byte // scratch
	weak     map[string]bool
	view     View
	compiler func(yaml []byte, version int64, dep *schemas.Deployment) (*tag.Catalog, error)
	ids      identity.Protocol
	host     host
	cat      *catalog
	layouts  map[int64]*layout // of catalogues that are or were active, as far as they were needed
	unsaved  map[string][]byte // texts of catalogues, by key, until the next cut; nil: to be deleted
	meta     meta
	cache    cache
	// When time alone changes something, and which documents wait for their interval.
	deadlines, documents timers
	out                  *Effects
	offset               int64       // of the record being applied
	ordinal              int         // outputs numbered in it so far
	settled              int         // timers fired in it ahead of the wave, by settle
	left                 int         // items of it not yet applied, the current one included
	place                place       // in it, for a Stop
	answers              []wire.Skip // Config.Skips
	skipped              []wire.Skip // of them, those in the record being applied; nearly always nil

	touched  []int  // scratch: tags to evaluate
	ends     []int  // scratch: of values in text
	text     []byte // scratch: the values of a document's features
	inputs   inputs // scratch: what a rule reads
	state    []byte // scratch: of a feature that an event changes
	Counters Counters
}

// DefaultCacheBytes is what a machine's nodes may take in memory if nobody says: some 200,000 profiles with a dozen tags.
const DefaultCacheBytes = 256 << 20

// Open restores the machine from the newest checkpoint: the first offset it needs, and the meta that
// Cut returned with it (nil: a partition without state).
func Open(c Config, view View, position int64, metaBytes []byte) (*Machine, error) {
	if err := c.Deployment.Validate(); err != nil {
		return nil, err
	}
	m := &Machine{dep: c.Deployment, hash: c.Deployment.Hash(), self: int32(c.Partition), view: view, answers: c.Skips,
		idMAC: hmac.New(sha256.New, c.ProfileKey), weak: map[string]bool{}, unsaved: map[string][]byte{}, compiler: c.Compile}
	if m.compiler == nil {
		m.compiler = CompileCatalog
	}
	for _, t := range m.dep.Identifiers {
		m.weak[t.Name] = t.Weak
	}
	m.cache.init(c.CacheNodes, cmp.Or(c.CacheBytes, DefaultCacheBytes))
	m.host = host{m: m}
	m.ids = identity.Protocol{Host: &m.host, Bounds: identity.Bounds{Queue: m.dep.QueueLimit, Links: m.dep.LinksRemembered}}
	none, err := m.compile([]byte("name: none\n"), 0)
	if err != nil {
		return nil, fmt.Errorf("machine: empty catalogue: %w", err)
	}
	m.cat, m.layouts = none, map[int64]*layout{0: none.layout()}
	m.meta.init(m.dep)
	if metaBytes != nil {
		if err := m.meta.decode(metaBytes, m.hash); err != nil {
			return nil, fmt.Errorf("machine: partition %d: state: %w", c.Partition, err)
		}
	}
	m.meta.position = position
	if m.meta.logic > schemas.LogicVersion {
		return nil, fmt.Errorf("machine: partition %d: state: %w", c.Partition, &BarrierError{Version: int(m.meta.logic)})
	}
	if err := m.restoreCatalog(); err != nil {
		return nil, err
	}
	return m, m.loadTimers()
}

// Position is the offset of the next record to apply.
func (m *Machine) Position() int64 { return m.meta.position }

// Marks are the highest numbers seen of each events partition; the offset is -1 where none was. The caller
// must not change them.
func (m *Machine) Marks() []wire.Position { return m.meta.marks }

// Watermark is the machine's now, in ms; 0 until every events partition and machine was heard.
func (m *Machine) Watermark() int64 { return m.watermark() }

// Decided is the largest stamp seen, in ms.
func (m *Machine) Decided() int64 { return m.meta.decided }

// FactsNext is the number of the next fact.
func (m *Machine) FactsNext() uint64 { return m.meta.factsSeq }

// Catalog is the active catalogue; version 0 before the first activation.
func (m *Machine) Catalog() *tag.Catalog { return m.cat.Catalog }

// Continuing reports whether a wave of timers or a sweep is under way: the machine has told itself to go on with it.
func (m *Machine) Continuing() bool { return m.meta.continuing }

// Ready reports whether the deployment record, the inbox's first record, was applied.
func (m *Machine) Ready() bool { return m.meta.deployed }

// Apply applies the record at offset, which must be Position, and appends its effects to out. They share
// the memory of value, which must not change before they are encoded; the state does not. After an error
// the machine must not be used any more: it is opened again from its checkpoint.
func (m *Machine) Apply(offset int64, value []byte, out *Effects) error {
	if offset < m.meta.position {
		return fmt.Errorf("machine: offset %d was applied before (next is %d)", offset, m.meta.position)
	}
	m.begin(offset, out)
	if m.skipped != nil && m.skips(wire.SkipRecord, 0, "") {
		m.skipRecord(value)
		return nil
	}
	r, err := out.memory.DecodeInbox(value)
	if err != nil {
		return m.stopped(fmt.Errorf("%w: %w", ErrUnreadable, err))
	}
	n := max(len(r.Routed), len(r.Messages))
	if n > schemas.ItemsPerRecord {
		return m.stopped(fmt.Errorf("%d items, at most %d: %w", n, schemas.ItemsPerRecord, ErrUnreadable))
	}
	if r.Deployment != m.hash {
		m.Counters.Foreign++
		m.meta.position = offset + 1
		return nil
	}
	if err := m.ours(r); err != nil {
		return fmt.Errorf("inbox %d offset %d: %w", m.self, offset, err)
	}
	if err := m.record(r); err != nil {
		return m.stopped(err)
	}
	m.place = place{}
	if err := m.afterItems(n); err != nil {
		return m.stopped(err)
	}
	if m.ordinal > maxOutputs {
		return m.stopped(fmt.Errorf("%d outputs of one record, at most %d: %w", m.ordinal, maxOutputs, ErrUnreadable))
	}
	m.meta.position = offset + 1
	m.cache.evict()
	return nil
}

func (m *Machine) begin(offset int64, out *Effects) {
	m.Counters.Records++
	m.offset, m.ordinal, m.settled, m.left, m.out = offset, 0, 0, 0, out
	m.place, m.skipped = place{}, nil
	for _, s := range m.answers {
		if s.Offset == offset {
			m.skipped = append(m.skipped, s)
		}
	}
	if len(out.Facts) == 0 {
		out.FactsSeq = m.meta.factsSeq
	}
}

// Outputs of one record are numbered in 16 bits of their version. outputsOfOne bounds what one timer,
// one swept profile or one item can cause: a tag dropped, a tag decided under the new catalogue and a
// tag decided for its own reason, for each tag, two documents, the event, and its blocked identifiers.
const (
	maxOutputs   = 1<<16 - 1
	outputsOfOne = 3*schemas.TagsPerCatalog + 100
	// settleTimers bounds the time that settling takes: about 20 ms.
	settleTimers = 1_000
)

// version numbers the next output of this record.
func (m *Machine) version() uint64 {
	m.ordinal++
	return m.dep.Version(m.offset, m.ordinal)
}

// send appends a message to the channel of the partition that owns m.To.
func (m *Machine) send(to int, msg wire.Message) {
	if len(m.out.Messages[to]) == 0 {
		m.out.FirstSeq[to] = m.meta.seqOut[to] + 1
	}
	if msg.Kind != wire.MsgWatermark {
		msg.Stamp = m.meta.decided
	}
	m.meta.seqOut[to]++
	m.out.Messages[to] = append(m.out.Messages[to], msg)
}

// fact appends a fact.
func (m *Machine) fact(f wire.Fact) {
	f.Decided, f.Catalog = m.meta.decided, m.cat.Version
	m.meta.factsSeq++
	m.meta.lastFact, m.meta.markers = m.meta.decided, 0
	m.out.Facts = append(m.out.Facts, f)
}

// profileOf is the id of the profile that lives at an entry.
func (m *Machine) profileOf(e *entry) [16]byte {
	if e.id == ([16]byte{}) {
		e.id = m.profileID(e.Node.Node)
	}
	return e.id
}

// profileID derives a profile's UUID (RFC 9562 version 8) from its root's identifier and birth with a
// keyed hash: the same whoever computes it, a new one if the identifier is born again, and no way
// back to the identifier without the key.
func (m *Machine) profileID(n wire.Node) (id [16]byte) {
	e := wire.Encoder{B: m.idText[:0]}
	e.String(n.ID)
	e.Int(n.Born)
	m.idMAC.Reset()
	m.idMAC.Write(e.B)
	e.B = m.idMAC.Sum(e.B[:0])
	copy(id[:], e.B)
	m.idText = e.B
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}
