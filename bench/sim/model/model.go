// Package model judges what a deployment said, by rules written apart from the code: it imports nothing of
// the product, keeps everything, and computes in the dumbest way. It knows one shop's catalogue.
//
// Input is what was sent and what was received: events, facts, tag changes and documents, each dropped by
// number already. Judge returns a sentence for each promise that does not hold.
package model

import (
	"fmt"
	"slices"
	"strings"
)

// Place is where an event stands in the log of events.
type Place struct {
	Partition int
	Offset    int64
	Index     int
}

// Event is one event as its producer sent it.
type Event struct {
	ID, Name    string
	At          Place
	Time        int64    // ms, as sent; 0: none, and it is the log's
	Logged      int64    // ms: when the log took it
	Stamped     int64    // ms: the time that the log gives it; earlier where producers write it
	Identifiers []string // canonical, in order of priority; without those that name nobody
	Amount      string   // of a purchase, "" if it has none
	Category    string
	Reject      string // why it cannot be used, "" if it can
	Raw         string // the bytes of a rejected one
}

// Fact is one fact of a machine.
type Fact struct {
	Kind     string // event, duplicate, rejected, merge, tag, doc, edge
	Version  uint64
	Profile  string
	Decided  int64 // ms
	Now      int64 // ms: the watermark when it was said; 0: not known
	Catalog  int64
	At       Place  // event, duplicate, rejected
	Time     int64  // event: as it was counted, ms
	Reason   string // rejected
	Loser    string // merge
	Root     string // merge: identifier of the loser's root
	Rank     int64  // merge: the smallest of a loser's rows names its survivor
	Tag      string
	Value    string // tag: JSON
	Cause    string // tag: event, timer, merge, catalog
	Deadline int64  // tag: of a timer, ms
}

// Change is one tag change as consumers get it.
type Change struct {
	Profile, Tag, Kind       string
	Value, Previous          any
	Version, PreviousVersion uint64
	Winner                   string
}

// Document is a profile as consumers get it.
type Document struct {
	Profile     string
	Home        int // inbox partition of its root
	TagVersion  uint64
	Catalog     string
	AsOf        int64
	Events      int64
	Identifiers []string
	Tags        map[string]any
	Features    map[string]string // JSON
}

// Input is everything that is judged.
type Input struct {
	Sent      []*Event
	Facts     [][]Fact // by source, in order
	Changes   []Change // in order of each profile
	Documents map[string]*Document
	Now       []int64           // ms: by inbox partition, the watermark at rest
	Parents   map[string]string // whom an identifier became a child of
	Roots     map[string]string // by profile: its root's identifier
	Catalog   int64             // version at rest

	Limits             map[string]int // by type
	Weak               []string       // types
	Blocked            string         // identifier
	Remembered         int            // event ids of a profile
	Clamped            bool           // routers' clocks were behind: times may be earlier than sent
	Early              bool           // clocks were ahead: absences may have come early
	Unruled            bool           // events came before the first catalogue, which has the limits
	Forgets            bool           // queues or links are short: what belongs together may be apart
	DocumentsAreLatest bool
}

// judge is the state of one judgement.
type judge struct {
	Input
	faults  []string
	byPlace map[Place]*Event
	counted map[string][]*counted // by profile, as recorded
	merges  map[string][]mergeRow // by winner
	home    map[string]string     // surviving profile of each identifier
}

type counted struct {
	ev      *Event
	time    int64
	catalog int64
	source  int
	index   int // in the source's facts
}

type mergeRow struct {
	loser, root   string
	source, index int
}

// Judge returns what is wrong.
func Judge(in Input) []string {
	j := &judge{Input: in, byPlace: map[Place]*Event{}, counted: map[string][]*counted{}, merges: map[string][]mergeRow{}, home: map[string]string{}}
	for _, ev := range in.Sent {
		j.byPlace[ev.At] = ev
	}
	j.account()
	j.identities()
	j.duplicates()
	j.timers()
	j.documents()
	j.chains()
	return j.faults
}

func (j *judge) fault(format string, args ...any) {
	j.faults = append(j.faults, fmt.Sprintf(format, args...))
}

func typeOf(id string) string {
	t, _, _ := strings.Cut(id, ":")
	return t
}

// usable are the identifiers of an event that are not blocked.
func (j *judge) usable(ev *Event) []string {
	return slices.DeleteFunc(slices.Clone(ev.Identifiers), func(id string) bool { return id == j.Blocked })
}

// account checks that each event is told of exactly once, and as what it is.
func (j *judge) account() {
	told := map[Place]string{}
	for s, list := range j.Facts {
		for i, f := range list {
			switch f.Kind {
			case "event", "duplicate", "rejected":
				if was := told[f.At]; was != "" {
					j.fault("event %v is told of twice: %s and %s", f.At, was, f.Kind)
				}
				told[f.At] = f.Kind + f.Reason
			case "merge":
				j.merges[f.Profile] = append(j.merges[f.Profile], mergeRow{f.Loser, f.Root, s, i})
			}
			if ev := j.byPlace[f.At]; f.Kind == "event" && ev != nil {
				j.counted[f.Profile] = append(j.counted[f.Profile], &counted{ev, f.Time, f.Catalog, s, i})
				if want := j.timeOf(ev); f.Time > want || f.Time < want && !j.Clamped {
					j.fault("event %v counts at %d, want %d", f.At, f.Time, want)
				}
			}
		}
	}
	for _, ev := range j.Sent {
		got := told[ev.At]
		delete(told, ev.At)
		switch {
		case got == "":
			j.fault("event %v (%s) is lost", ev.At, ev.ID)
		case ev.Reject != "" && got != "rejected"+ev.Reject, ev.Reject == "" && strings.HasPrefix(got, "rejected") && !j.onlyBlocked(ev, got):
			j.fault("event %v (%s) is told of as %s, reject %q", ev.At, ev.ID, got, ev.Reject)
		case ev.Reject == "" && !j.Unruled && j.onlyBlocked(ev, "rejectedidentifiers_blocked") && got != "rejectedidentifiers_blocked":
			j.fault("event %v (%s) has blocked identifiers only, and is told of as %s", ev.At, ev.ID, got)
		}
	}
	for at, kind := range told {
		j.fault("%s %v was never sent", kind, at)
	}
}

func (j *judge) onlyBlocked(ev *Event, got string) bool {
	return got == "rejectedidentifiers_blocked" && len(j.usable(ev)) == 0
}

// timeOf is the time of an event: as sent, but never after the time that the log gives it.
func (j *judge) timeOf(ev *Event) int64 {
	if ev.Time == 0 || ev.Time > ev.Stamped {
		return ev.Stamped
	}
	return ev.Time
}

// history is what a profile has counted before a fact of its source, with all that it had absorbed.
func (j *judge) history(profile string, before int) []*counted {
	var out []*counted
	for _, c := range j.counted[profile] {
		if c.index < before {
			out = append(out, c)
		}
	}
	for _, m := range j.merges[profile] {
		if m.index < before {
			out = append(out, j.counted[m.loser]...)
		}
	}
	return out
}

// duplicates checks that a source's repeat is dropped where its event is remembered, and nothing else is.
func (j *judge) duplicates() {
	for _, list := range j.Facts {
		for i, f := range list {
			if f.Kind != "event" && f.Kind != "duplicate" {
				continue
			}
			ev := j.byPlace[f.At]
			if ev == nil {
				continue
			}
			past := j.history(f.Profile, i)
			known := slices.ContainsFunc(past, func(c *counted) bool { return c.ev.ID == ev.ID })
			switch {
			case f.Kind == "duplicate" && !known:
				j.fault("event %v (%s) is dropped as a repeat, profile %s has not counted it", f.At, ev.ID, f.Profile)
			case f.Kind == "event" && known && len(past) <= j.Remembered:
				j.fault("event %v (%s) is counted again in profile %s, which had %d", f.At, ev.ID, f.Profile, len(past))
			}
		}
	}
}
