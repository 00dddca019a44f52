package wire

// FactsRecord is one record of portrait.facts: facts of one machine in its order, numbered densely.
// A record without facts is a marker: it lets a sink end its last block.
type FactsRecord struct {
	Deployment uint64
	From       int32  // inbox partition
	Seq        uint64 // of the first fact, from 1; a marker repeats the next number
	Facts      []Fact
}

// FactKind says which body a fact has.
type FactKind byte

// The facts.
const (
	FactEvent     FactKind = iota + 1 // an event counted for a profile
	FactDuplicate                     // a repeat at the source: counted for nobody
	FactRejected                      // a dead letter
	FactMerge                         // Loser's profile went into Winner's
	FactEdge                          // an edge between identifiers, accepted or refused
	FactTag                           // a tag change, as published
	FactProfile                       // a profile document, as published
	FactHole                          // offsets without an event
)

// Fact is one thing that ClickHouse should know. Version orders it among all of its source.
type Fact struct {
	Kind     FactKind
	Version  uint64 // output number
	Decided  int64  // ms: the largest stamp the machine had seen
	Profile  [16]byte
	Catalog  int64     // version active when it was decided
	Event    *Event    // FactEvent; FactDuplicate (without Props)
	Rejected *Rejected // FactRejected
	Hole     *Hole     // FactHole
	Merge    *Merge
	Edge     *Edge
	Tag      *Tag
	Doc      *Doc
}

// Merge is one row of the closed relation: for each root that the loser held, too.
type Merge struct {
	Loser  [16]byte // its profile; Fact.Profile is the winner's
	Rank   int64    // birth of the winner's root, unique: among a loser's rows the smallest is the surviving one
	At     int64    // ms
	Direct bool     // false: the loser had been absorbed before by what was absorbed now
	Root   string   // identifier of the loser's root
	Via    string
	Cause  string // event id
}

// Edge is provenance: two identifiers seen together, and whether they may share a profile.
type Edge struct {
	A, B     string
	Accepted bool
	Reason   string // refused: limit | weak | blocked
	Cause    string // event id
	At       int64  // ms
}

// Tag is a tag change; texts are those of the public contract (schemas.TagChange).
type Tag struct {
	ID        string
	Tag       string
	Change    string
	Value     string // JSON
	Previous  string // JSON
	PrevVer   uint64
	CauseKind string
	CauseID   string
	EventTime int64 // ms
	Catalog   string
	Winner    string
	Inputs    string // JSON object: the feature values the rule read
}

// NamedValue is a name and a JSON value.
type NamedValue struct{ Name, Value string }

// Doc is a profile document, or its tombstone if Deleted.
type Doc struct {
	AsOf, FirstSeen, LastSeen int64 // ms
	Deleted                   bool
	Winner                    string // of a tombstone by merge: the surviving profile
	Events                    int64
	Identifiers               []string
	Tags                      []NamedValue
	Features                  []NamedValue
}

// Encode appends the record to e.
func (r *FactsRecord) Encode(e *Encoder) {
	e.Byte(Version)
	e.Uint(r.Deployment)
	e.Uint(uint64(r.From))
	e.Uint(r.Seq)
	e.Uint(uint64(len(r.Facts)))
	for i := range r.Facts {
		r.Facts[i].Encode(e)
	}
}

// DecodeFacts reads a record, whose texts share the memory of b. An error says where; nothing of the record
// may then be used.
func DecodeFacts(b []byte) (*FactsRecord, error) {
	d := NewDecoder(b)
	if v := d.Byte(); v != Version {
		d.fail("version")
		return nil, d.err
	}
	r := &FactsRecord{Deployment: d.Uint(), From: int32(d.Uint()), Seq: d.Uint()}
	if n := d.Count(); n > 0 {
		r.Facts = make([]Fact, 0, min(n, presize))
		for i := 0; i < n && d.err == nil; i++ {
			r.Facts = append(r.Facts, Fact{})
			r.Facts[i].Decode(d)
		}
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return r, nil
}

// Encode appends the fact.
func (f *Fact) Encode(e *Encoder) {
	e.Byte(byte(f.Kind))
	e.Uint(f.Version)
	e.Int(f.Decided)
	e.UUID(f.Profile)
	e.Uint(uint64(f.Catalog))
	switch f.Kind {
	case FactEvent, FactDuplicate:
		f.Event.Encode(e)
	case FactRejected:
		f.Rejected.Encode(e)
	case FactMerge:
		m := f.Merge
		e.UUID(m.Loser)
		e.Int(m.Rank)
		e.Int(m.At)
		e.Bool(m.Direct)
		e.String(m.Root)
		e.String(m.Via)
		e.String(m.Cause)
	case FactEdge:
		g := f.Edge
		e.String(g.A)
		e.String(g.B)
		e.Bool(g.Accepted)
		e.String(g.Reason)
		e.String(g.Cause)
		e.Int(g.At)
	case FactTag:
		f.Tag.encode(e)
	case FactProfile:
		f.Doc.encode(e)
	case FactHole:
		f.Hole.Encode(e)
	}
}

// Decode reads a fact.
func (f *Fact) Decode(d *Decoder) {
	f.Kind, f.Version, f.Decided = FactKind(d.Byte()), d.Uint(), d.Int()
	f.Profile, f.Catalog = d.UUID(), int64(d.Uint())
	switch f.Kind {
	case FactEvent, FactDuplicate:
		f.Event = new(Event)
		f.Event.Decode(d)
	case FactRejected:
		f.Rejected = new(Rejected)
		f.Rejected.Decode(d)
	case FactMerge:
		f.Merge = &Merge{Loser: d.UUID(), Rank: d.Int(), At: d.Int(), Direct: d.Bool(), Root: d.String(), Via: d.String(), Cause: d.String()}
	case FactEdge:
		f.Edge = &Edge{A: d.String(), B: d.String(), Accepted: d.Bool(), Reason: d.String(), Cause: d.String(), At: d.Int()}
	case FactTag:
		f.Tag = new(Tag)
		f.Tag.decode(d)
	case FactProfile:
		f.Doc = new(Doc)
		f.Doc.decode(d)
	case FactHole:
		f.Hole = new(Hole)
		f.Hole.Decode(d)
	default:
		d.fail("fact kind")
	}
}

func (t *Tag) encode(e *Encoder) {
	for _, s := range [...]string{t.ID, t.Tag, t.Change, t.Value, t.Previous, t.CauseKind, t.CauseID, t.Catalog, t.Winner, t.Inputs} {
		e.String(s)
	}
	e.Uint(t.PrevVer)
	e.Int(t.EventTime)
}

func (t *Tag) decode(d *Decoder) {
	for _, s := range [...]*string{&t.ID, &t.Tag, &t.Change, &t.Value, &t.Previous, &t.CauseKind, &t.CauseID, &t.Catalog, &t.Winner, &t.Inputs} {
		*s = d.String()
	}
	t.PrevVer, t.EventTime = d.Uint(), d.Int()
}

func (p *Doc) encode(e *Encoder) {
	e.Int(p.AsOf)
	e.Int(p.FirstSeen)
	e.Int(p.LastSeen)
	e.Bool(p.Deleted)
	e.String(p.Winner)
	e.Int(p.Events)
	e.Strings(p.Identifiers)
	encodeNamed(e, p.Tags)
	encodeNamed(e, p.Features)
}

func (p *Doc) decode(d *Decoder) {
	p.AsOf, p.FirstSeen, p.LastSeen = d.Int(), d.Int(), d.Int()
	p.Deleted, p.Winner, p.Events = d.Bool(), d.String(), d.Int()
	p.Identifiers = d.Strings()
	p.Tags, p.Features = decodeNamed(d), decodeNamed(d)
}

func encodeNamed(e *Encoder, list []NamedValue) {
	e.Uint(uint64(len(list)))
	for _, v := range list {
		e.String(v.Name)
		e.String(v.Value)
	}
}

func decodeNamed(d *Decoder) []NamedValue {
	n := d.Count()
	if n == 0 {
		return nil
	}
	list := make([]NamedValue, 0, min(n, presize))
	for i := 0; i < n && d.err == nil; i++ {
		list = append(list, NamedValue{d.String(), d.String()})
	}
	return list
}
