package ledger

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

const chunkSize = 1 << 14

// Ledger is the record of one run. Record may be called from several goroutines; everything else
// expects that sending has ended.
type Ledger struct {
	Run Run

	mu     sync.Mutex
	chunks [][]Event // of chunkSize each, so that growing never copies what is there

	// Derived once by index, on first use after the last Record.
	indexed  int
	places   []int32 // by seq: place plus one; acknowledgements come in another order than the plan's
	people   []Person
	byPerson [][]int32 // places of counted events in time order
}

// Person is someone who sent at least one event that counts.
type Person struct {
	Number int32
	Slots  Slots // identifiers that are the person's own and were sent
}

// New makes an empty ledger.
func New(run Run) *Ledger { return &Ledger{Run: run} }

// Record notes that Kafka has ev, acknowledged at sent. Call it once per record that Kafka acknowledged.
func (l *Ledger) Record(ev Event, sent time.Time) {
	ev.Sent = sent.UnixMilli()
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.chunks); n == 0 || len(l.chunks[n-1]) == chunkSize {
		l.chunks = append(l.chunks, make([]Event, 0, chunkSize))
	}
	last := &l.chunks[len(l.chunks)-1]
	*last = append(*last, ev)
}

// Len returns how many records were sent.
func (l *Ledger) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.len()
}

func (l *Ledger) len() int {
	if len(l.chunks) == 0 {
		return 0
	}
	return (len(l.chunks)-1)*chunkSize + len(l.chunks[len(l.chunks)-1])
}

// At returns the i-th record sent.
func (l *Ledger) At(i int) *Event { return &l.chunks[i/chunkSize][i%chunkSize] }

// Counts returns how many records must be stored, be duplicates and be rejected.
func (l *Ledger) Counts() (stored, duplicates, rejected int64) {
	for i := range l.len() {
		switch k := l.At(i).Kind; {
		case k == Counted:
			stored++
		case k == Duplicate:
			duplicates++
		default:
			rejected++
		}
	}
	return stored, duplicates, rejected
}

// Last returns the largest sequence number sent, -1 if there is none.
func (l *Ledger) Last() int32 {
	l.index()
	return int32(len(l.places)) - 1
}

// BySeq returns the record of a sequence number, or nil if it was not sent.
func (l *Ledger) BySeq(seq int32) *Event {
	l.index()
	if seq < 0 || int(seq) >= len(l.places) || l.places[seq] == 0 {
		return nil
	}
	return l.At(int(l.places[seq]) - 1)
}

// People returns everyone who sent an event that counts, by number.
func (l *Ledger) People() []Person {
	l.index()
	return l.people
}

// Events calls f for each counted event of a person in the order of its time.
func (l *Ledger) Events(person int32, f func(*Event)) {
	l.index()
	if int(person) >= len(l.byPerson) {
		return
	}
	for _, i := range l.byPerson[person] {
		f(l.At(int(i)))
	}
}

func (l *Ledger) index() {
	n := l.len()
	if l.indexed == n {
		return
	}
	l.indexed, l.places, l.people, l.byPerson = n, make([]int32, 0, n), nil, nil
	var slots []Slots
	for i := range n {
		ev := l.At(i)
		for int(ev.Seq) >= len(l.places) {
			l.places = append(l.places, 0)
		}
		l.places[ev.Seq] = int32(i) + 1
		if ev.Kind != Counted {
			continue
		}
		for int(ev.Person) >= len(l.byPerson) {
			l.byPerson, slots = append(l.byPerson, nil), append(slots, 0)
		}
		l.byPerson[ev.Person] = append(l.byPerson[ev.Person], int32(i))
		slots[ev.Person] |= Owned(ev.Person, ev.Slots)
	}
	for p, list := range l.byPerson {
		if len(list) == 0 {
			continue
		}
		l.people = append(l.people, Person{Number: int32(p), Slots: slots[p]})
		slices.SortFunc(list, func(a, b int32) int {
			x, y := l.At(int(a)), l.At(int(b))
			if x.Time != y.Time {
				return int(x.Time - y.Time)
			}
			return int(x.Seq - y.Seq)
		})
	}
}

// Identifiers calls f for each identifier that is the person's own, in normal form.
func (l *Ledger) Identifiers(p Person, f func(identifierType, value string)) {
	for k := range SlotCount {
		if p.Slots&(1<<k) != 0 {
			f(SlotType(k), l.Run.Identifier(p.Number, k))
		}
	}
}

// line is one record of the JSONL form. It names people by number: identifiers are personal data.
type line struct {
	ID      string `json:"id"`
	Person  int32  `json:"person"`
	Event   string `json:"event"`
	Kind    string `json:"kind"`
	Planned int64  `json:"planned_ms"`
	Sent    int64  `json:"sent_ms"`
	Time    int64  `json:"time_ms"`
	Slots   Slots  `json:"slots"`
	Amount  string `json:"amount,omitempty"`
}

// WriteJSONL writes one JSON object per record, in the order sent.
func (l *Ledger) WriteJSONL(w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 1<<16)
	out := json.NewEncoder(buffered)
	for i := range l.len() {
		ev := l.At(i)
		rec := line{ID: l.Run.EventID(ev.Of), Person: ev.Person, Event: ev.Name.String(), Kind: ev.Kind.String(),
			Planned: l.Run.PlannedAt(ev.Seq).UnixMilli(), Sent: ev.Sent, Time: ev.Time, Slots: ev.Slots}
		if ev.Amount != 0 {
			rec.Amount = ev.Amount.String()
		}
		if err := out.Encode(rec); err != nil {
			return fmt.Errorf("ledger: write record %d: %w", i, err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("ledger: write: %w", err)
	}
	return nil
}
