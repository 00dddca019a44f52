package check

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"portrait/schemas"
)

// Topic is what a consumer made of portrait.tags: the changes it kept after dropping by version per profile, as
// schemas/tags.md asks, and the gaps that previous_version told it of. Not safe for concurrent use.
type Topic struct {
	changes  []change // kept, in the order received
	profiles []profile
	byID     map[string]int32 // profile id -> place in profiles
	words    map[string]int32 // interned tags and values
	word     []string

	dropped int64
	gaps    []string // the first few, as text
	gapped  int64
}

// change is one kept record. Its id is kept as text because it is what ClickHouse is asked for.
type change struct {
	id                string
	version, previous uint64
	at, decided       int64 // ms: event_time (timers: the deadline), decided_at
	profile           int32
	tag, value        int32 // places in word
	kind              schemas.Change
	cause             schemas.CauseKind
}

// profile is what the latest kept change of a profile said.
type profile struct {
	id          string
	version     uint64
	merged      bool // into winner
	winner      string
	identifiers jsontext.Value // as received, read when somebody asks: canonical
	list        []string       // of identifiers, once read
}

// Seen is one record of the topic as the consumer understood it.
type Seen struct {
	ID        string // e1-p3-…: epoch, and the partition of the machine that said it
	Profile   string
	Tag       string
	Change    schemas.Change
	Value     string // JSON
	Cause     schemas.Cause
	EventTime time.Time // of a timer's change the deadline
	DecidedAt time.Time
	Kept      bool // false: at or below the version already seen of this profile
}

// NewTopic makes a consumer that has seen nothing.
func NewTopic() *Topic {
	return &Topic{byID: map[string]int32{}, words: map[string]int32{}}
}

// Kept returns how many changes were kept, and Dropped how many were not.
func (t *Topic) Kept() int64 { return int64(len(t.changes)) }

// Dropped returns how many records repeated a version already seen.
func (t *Topic) Dropped() int64 { return t.dropped }

// Clone copies what was received so far, so that it can be compared while more arrives.
func (t *Topic) Clone() *Topic {
	c := *t
	c.changes = append([]change(nil), t.changes...)
	c.profiles = append([]profile(nil), t.profiles...)
	c.gaps = append([]string(nil), t.gaps...)
	c.word = append([]string(nil), t.word...)
	c.byID, c.words = make(map[string]int32, len(t.byID)), make(map[string]int32, len(t.words))
	for k, v := range t.byID {
		c.byID[k] = v
	}
	for k, v := range t.words {
		c.words[k] = v
	}
	return &c
}

// record is schemas.TagChange with values left as JSON.
type record struct {
	ID              string         `json:"id"`
	ProfileID       string         `json:"profile_id"`
	Tag             string         `json:"tag"`
	Change          schemas.Change `json:"change"`
	Value           jsontext.Value `json:"value"`
	Winner          string         `json:"winner"`
	Version         uint64         `json:"version"`
	PreviousVersion uint64         `json:"previous_version"`
	Cause           schemas.Cause  `json:"cause"`
	EventTime       time.Time      `json:"event_time"`
	DecidedAt       time.Time      `json:"decided_at"`
	Identifiers     jsontext.Value `json:"identifiers"`
}

// Add takes the value of the next record of a partition. It fails if that is no tag change.
func (t *Topic) Add(value []byte) (Seen, error) {
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return Seen{}, fmt.Errorf("tag change: %w", err)
	}
	if r.ID == "" || r.ProfileID == "" || r.Version == 0 || r.Change == "" {
		return Seen{}, fmt.Errorf("tag change: id %q: profile_id, version or change is missing", r.ID)
	}
	seen := Seen{ID: r.ID, Profile: r.ProfileID, Tag: r.Tag, Change: r.Change, Value: string(r.Value), Cause: r.Cause,
		EventTime: r.EventTime, DecidedAt: r.DecidedAt}
	n := t.profile(r.ProfileID)
	p := &t.profiles[n]
	if r.Version <= p.version {
		t.dropped++
		return seen, nil
	}
	seen.Kept = true
	if r.PreviousVersion != p.version {
		t.gap(fmt.Sprintf("%s: previous_version %d, but %d was the last seen", r.ID, r.PreviousVersion, p.version))
	}
	p.version = r.Version
	switch kind := r.Identifiers.Kind(); {
	case len(r.Identifiers) <= len("null"): // absent, null or empty: what was said before stands
	case kind != '{':
		return Seen{}, fmt.Errorf("tag change: id %q: identifiers are %s", r.ID, r.Identifiers)
	default:
		p.identifiers, p.list = r.Identifiers, nil
	}
	if r.Change == schemas.Merged {
		p.merged, p.winner = true, r.Winner
	}
	t.changes = append(t.changes, change{
		id: r.ID, version: r.Version, previous: r.PreviousVersion,
		at: r.EventTime.UnixMilli(), decided: r.DecidedAt.UnixMilli(),
		profile: n, tag: t.intern(r.Tag), value: t.intern(string(r.Value)), kind: r.Change, cause: r.Cause.Kind,
	})
	return seen, nil
}

func (t *Topic) gap(text string) {
	t.gapped++
	if len(t.gaps) < shown {
		t.gaps = append(t.gaps, text)
	}
}

func (t *Topic) profile(id string) int32 {
	n, ok := t.byID[id]
	if !ok {
		n = int32(len(t.profiles))
		t.byID[id] = n
		t.profiles = append(t.profiles, profile{id: id})
	}
	return n
}

func (t *Topic) intern(s string) int32 {
	n, ok := t.words[s]
	if !ok {
		n = int32(len(t.word))
		s = strings.Clone(s)
		t.words[s] = n
		t.word = append(t.word, s)
	}
	return n
}

// canonical returns the profile's identifiers.
func (p *profile) canonical() ([]string, error) {
	if p.identifiers == nil || p.list != nil {
		return p.list, nil
	}
	var byType map[string][]string
	if err := json.Unmarshal(p.identifiers, &byType); err != nil {
		return nil, fmt.Errorf("tag changes: identifiers of profile %s: %w", p.id, err)
	}
	p.list = []string{}
	for typ, values := range byType {
		for _, v := range values {
			if schemas.BaseType(v) != schemas.BaseType(typ) { // a value may come with its type in front
				v = typ + ":" + v
			}
			p.list = append(p.list, v)
		}
	}
	return p.list, nil
}
