package ledger

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
)

var run = Run{Number: 77, Rate: 2000, Start: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli()}

func TestEventIDs(t *testing.T) {
	last := ""
	for _, seq := range []int32{0, 1, 9, 10, 99_999, 100_000, 123_456_789, 999_999_999} {
		id := run.EventID(seq)
		if got, ok := run.Seq(id); !ok || got != seq {
			t.Errorf("%s reads back as %d, %v", id, got, ok)
		}
		if id <= last || !strings.HasPrefix(id, run.EventPrefix()) {
			t.Errorf("%s does not sort behind %s", id, last)
		}
		last = id
	}
	for _, c := range []struct{ name, id string }{
		{"another run", Run{Number: 78}.EventID(5)}, {"too short", run.EventPrefix() + "12"},
		{"no number", run.EventPrefix() + "12345678x"}, {"empty", ""},
	} {
		if seq, ok := run.Seq(c.id); ok {
			t.Errorf("%s: %q reads as %d", c.name, c.id, seq)
		}
	}
}

func TestPlannedIsOpenLoop(t *testing.T) {
	for _, c := range []struct {
		seq  int32
		want time.Duration
	}{{0, 0}, {1, 500 * time.Microsecond}, {2000, time.Second}, {120_000, time.Minute}} {
		if got := run.Planned(c.seq); got != c.want {
			t.Errorf("%d is planned at %v, want %v", c.seq, got, c.want)
		}
		if got := run.PlannedAt(c.seq).Sub(time.UnixMilli(run.Start)); got != c.want {
			t.Errorf("%d is planned %v after the start, want %v", c.seq, got, c.want)
		}
	}
}

func TestIdentifiersAreEachOnesOwn(t *testing.T) {
	mobile := regexp.MustCompile(`^\+8613\d{9}$`)
	owner := map[string]int32{}
	for person := range int32(20_000) {
		for k := range SlotCount {
			if Owned(person, 1<<k) == 0 {
				continue // the tablet of a guest
			}
			if Slots(1)<<k == Tablet && person%Household != 0 {
				t.Fatalf("person %d owns a tablet", person)
			}
			id := SlotType(k) + ":" + run.Identifier(person, k)
			if other, ok := owner[id]; ok {
				t.Fatalf("%s belongs to %d and %d", id, other, person)
			}
			owner[id] = person
			if SlotType(k) == "phone" && !mobile.MatchString(run.Identifier(person, k)) {
				t.Fatalf("%s is no mobile number", id)
			}
		}
	}
	if run.Identifier(9, SlotCount-1) != run.Identifier(8, SlotCount-1) || run.Identifier(9, SlotCount-1) == run.Identifier(7, SlotCount-1) {
		t.Error("a household does not share one tablet")
	}
	other := Run{Number: 78}
	for k := range SlotCount {
		if other.Identifier(3, k) == run.Identifier(3, k) {
			t.Errorf("slot %d is the same in another run", k)
		}
	}
}

func TestKeys(t *testing.T) {
	key := func(person int32) string { return string(run.AppendKey(nil, person)) }
	for _, c := range []struct {
		name string
		a, b int32
		same bool
	}{
		{"owner and guest", 8, 9, true}, {"two guests", 9, 10, true}, {"a guest and a neighbour", 10, 11, false},
		{"neighbours", 11, 12, false}, {"two households", 0, 8, false}, {"a person with a household's number", 3, 24, false},
	} {
		if (key(c.a) == key(c.b)) != c.same {
			t.Errorf("%s: %s and %s", c.name, key(c.a), key(c.b))
		}
	}
}

// recorded makes a ledger of events at seconds after the start; person 3 unless said otherwise.
func recorded(events ...Event) *Ledger {
	l := New(run)
	for i, ev := range events {
		ev.Seq, ev.Of = int32(i), int32(i)
		ev.Time += run.Start
		if ev.Slots == 0 {
			ev.Slots = Phone1
		}
		l.Record(ev, time.UnixMilli(ev.Time))
	}
	return l
}

func TestLedgerKeepsWhatWasSent(t *testing.T) {
	l := New(run)
	const n = 3*chunkSize + 5
	var counts [4]int64
	want := 0 // events of person 2
	for i := range int32(n) {
		if i == 7 {
			continue // was never acknowledged
		}
		ev := Event{Seq: i, Of: i, Person: i % 4, Time: run.PlannedAt(i).UnixMilli(), Slots: Phone1}
		if i%100 == 99 {
			ev.Kind, ev.Of = Duplicate, i-1
		} else if i%100 == 50 {
			ev.Kind = NotJSON
		} else if ev.Person == 2 {
			want++
		}
		counts[ev.Kind]++
		l.Record(ev, run.PlannedAt(i).Add(3*time.Millisecond))
	}
	stored, duplicates, rejected := l.Counts()
	if l.Len() != n-1 || stored != counts[Counted] || duplicates != counts[Duplicate] || rejected != counts[NotJSON] {
		t.Fatalf("%d records: %d, %d, %d", l.Len(), stored, duplicates, rejected)
	}
	for _, c := range []struct {
		seq   int32
		there bool
	}{{0, true}, {6, true}, {7, false}, {8, true}, {n - 1, true}, {n, false}} {
		if ev := l.BySeq(c.seq); (ev != nil) != c.there || ev != nil && ev.Seq != c.seq {
			t.Errorf("number %d: %+v", c.seq, ev)
		}
	}
	if people := l.People(); len(people) != 4 || people[2].Number != 2 || people[2].Slots != Phone1 {
		t.Fatalf("%+v", people)
	}
	events, last := 0, int64(0)
	l.Events(2, func(ev *Event) {
		if ev.Person != 2 || ev.Kind != Counted || ev.Time < last {
			t.Fatalf("%+v", ev)
		}
		last = ev.Time
		events++
	})
	if events != want {
		t.Fatalf("%d events of person 2, want %d", events, want)
	}
	l.Record(Event{Seq: n, Of: n, Person: 9, Slots: Phone1}, time.UnixMilli(run.Start)) // the index must follow
	if len(l.People()) != 5 {
		t.Fatalf("%d people after one more", len(l.People()))
	}
}

func TestJSONL(t *testing.T) {
	l := recorded(Event{Person: 3, Name: OrderPaid, Amount: 1_500_000, Slots: Phone1 | Email}, Event{Person: 3, Kind: NotJSON})
	var b bytes.Buffer
	if err := l.WriteJSONL(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	var first struct {
		ID, Event, Kind, Amount string
		Person                  int32
	}
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	if first.ID != run.EventID(0) || first.Event != "order_paid" || first.Kind != "counted" || first.Amount != "1.5" || first.Person != 3 {
		t.Fatalf("%+v", first)
	}
	if strings.Contains(b.String(), run.Identifier(3, 2)) || strings.Contains(b.String(), "shop.example") {
		t.Fatal("a phone or an address is written down")
	}
	if err := l.WriteJSONL(full{}); err == nil {
		t.Fatal("a full disk is no error")
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, bytes.ErrTooLarge }
