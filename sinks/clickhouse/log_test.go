package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// errLogEnd ends a run: a test's log, unlike a topic, has an end.
var errLogEnd = errors.New("end of the test's log")

// memoryLog is a facts partition in memory. It hands out batches of changing sizes and writes over
// what it handed out before, as the interface allows.
type memoryLog struct {
	records []Record
	next    int64
	calls   int
	lent    [][]byte
	endless bool // at its end it waits, as a topic does
	blind   bool // it does not know where it ends
}

func (l *memoryLog) Seek(_ context.Context, _ int32, offset int64) error {
	l.next = offset
	return nil
}

func (l *memoryLog) Next(ctx context.Context) (Batch, error) {
	for _, b := range l.lent {
		clear(b)
	}
	l.lent = l.lent[:0]
	if err := ctx.Err(); err != nil {
		return Batch{}, err
	}
	if l.next >= int64(len(l.records)) {
		if l.endless {
			<-ctx.Done()
			return Batch{}, ctx.Err()
		}
		return Batch{}, errLogEnd
	}
	l.calls++
	end := min(l.next+int64(1+l.calls%5), int64(len(l.records)))
	batch := make([]Record, 0, end-l.next)
	for _, r := range l.records[l.next:end] {
		r.Value = append([]byte(nil), r.Value...)
		l.lent = append(l.lent, r.Value)
		batch = append(batch, r)
	}
	l.next = end
	if l.blind {
		return Batch{Records: batch}, nil
	}
	return Batch{Records: batch, Newest: l.records[len(l.records)-1]}, nil
}

func testDeployment(epoch int) *schemas.Deployment {
	d := schemas.DefaultDeployment()
	d.ID, d.Epoch = "test", epoch
	return &d
}

// writer makes the records of several machines.
type writer struct {
	hash    uint64
	records []Record
	seq     map[int32]uint64
}

func newWriter(dep *schemas.Deployment) *writer {
	return &writer{hash: dep.Hash(), seq: map[int32]uint64{}}
}

// add appends a record of a source at a Kafka time; without facts it is a marker.
func (w *writer) add(source int32, ms int64, facts ...wire.Fact) {
	w.raw(ms, &wire.FactsRecord{Deployment: w.hash, From: source, Seq: w.seq[source] + 1, Facts: facts})
	w.seq[source] += uint64(len(facts))
}

func (w *writer) raw(ms int64, r *wire.FactsRecord) {
	var e wire.Encoder
	r.Encode(&e)
	w.records = append(w.records, Record{Offset: int64(len(w.records)), Time: ms, Value: e.B})
}

// begin is the instant at which tests' logs begin: 2026-03-01 12:00:00.000 UTC.
const begin = int64(1_772_366_400_000)

func person(n int) (id [16]byte) {
	copy(id[:], fmt.Sprintf("person-%09d", n))
	return id
}

// eventFact is an event of a person at a position of events partition 0.
func eventFact(version uint64, offset int64, who int, name string, ms int64) wire.Fact {
	return wire.Fact{Kind: wire.FactEvent, Version: version, Decided: ms, Profile: person(who), Catalog: 3, Event: &wire.Event{
		At: wire.Position{Offset: offset}, Time: ms, Kafka: ms + 5, ID: fmt.Sprintf("e%d", offset), Name: name, Channel: "app",
		Identifiers: []string{fmt.Sprintf("customer_id:c%d", who), "device_id:d1"},
		Props:       []wire.Prop{{Key: "amount", Kind: wire.PropNumber, Text: "12.34"}, {Key: "city", Kind: wire.PropString, Text: "上\"海\n"}},
	}}
}

// mixedLog is a deterministic log with every kind of fact from three sources: what a block has to hold.
func mixedLog(dep *schemas.Deployment, records int) *writer {
	w, random := newWriter(dep), rand.New(rand.NewPCG(7, uint64(records)))
	ms, offset := begin, int64(0)
	for i := range records {
		ms += int64(random.IntN(400))
		source := int32(random.IntN(3))
		var facts []wire.Fact
		for range random.IntN(5) { // none: a marker
			version := uint64(i)<<16 | uint64(len(facts))
			facts = append(facts, mixedFact(random.IntN(12), version, &offset, random.IntN(20), ms))
		}
		w.add(source, ms, facts...)
	}
	w.add(0, ms+2000)
	return w
}

func mixedFact(kind int, version uint64, offset *int64, who int, ms int64) wire.Fact {
	f := wire.Fact{Version: version, Decided: ms, Profile: person(who), Catalog: 3}
	switch kind {
	case 0:
		f.Kind = wire.FactDuplicate
		f.Event = &wire.Event{At: wire.Position{Offset: *offset}, Time: ms, Kafka: ms, ID: "again", Name: "viewed"}
		*offset++
	case 1:
		f.Kind, f.Profile = wire.FactRejected, [16]byte{}
		f.Rejected = &wire.Rejected{At: wire.Position{Offset: *offset}, Kafka: ms, Reason: "no_identifier", Detail: "identifiers"}
		*offset++
	case 2:
		f.Kind = wire.FactTag
		f.Tag = &wire.Tag{ID: fmt.Sprint("t", version), Tag: "big_spender", Change: "entered", Value: "true", Previous: "false",
			CauseKind: "event", EventTime: ms, Catalog: "shop@3", Inputs: `{"paid_90d":12.5}`}
	case 3:
		f.Kind = wire.FactProfile
		f.Doc = &wire.Doc{AsOf: ms, FirstSeen: begin, LastSeen: ms, Events: 7, Identifiers: []string{"customer_id:c1"},
			Tags: []wire.NamedValue{{Name: "b", Value: "true"}, {Name: "a", Value: `"x"`}}, Features: []wire.NamedValue{{Name: "orders", Value: "3"}}}
	case 4:
		f.Kind = wire.FactMerge
		f.Merge = &wire.Merge{Loser: person(1000 + int(version>>16)), At: ms, Direct: true, Root: "device_id:d", Via: "device_id:d", Cause: "e1"}
	case 5:
		f.Kind = wire.FactEdge
		f.Edge = &wire.Edge{A: "device_id:d", B: "customer_id:c", Reason: "weak", Cause: "e1", At: ms}
	case 6:
		f.Kind, f.Profile = wire.FactHole, [16]byte{}
		f.Hole = &wire.Hole{At: wire.Position{Offset: *offset + int64(who)}, Offsets: int64(who) + 1}
		*offset += int64(who) + 1
	default:
		f = eventFact(version, *offset, who, []string{"viewed", "carted", "paid"}[kind%3], ms)
		*offset++
	}
	return f
}

// facts counts what a log holds per table, naively.
func (w *writer) facts(t *testing.T) (counts [tableCount]int) {
	t.Helper()
	for _, r := range w.records {
		record, err := wire.DecodeFacts(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		for i := range record.Facts {
			table, err := tableOf(&record.Facts[i])
			if err != nil {
				t.Fatal(err)
			}
			counts[table]++
		}
	}
	return counts
}

// checkStored compares every table, the aggregate and the accounting of an epoch with the log.
func checkStored(t *testing.T, conn driver.Conn, epoch int, w *writer) {
	t.Helper()
	var got, want []string
	for i, table := range sinkTables {
		name := table.name
		if i == tableProfiles {
			name += " FINAL" // older documents go at any time
		}
		got = append(got, fmt.Sprintf("%s %s", table.name, ask(t, conn, fmt.Sprintf("SELECT count() || ' ' || uniqExact(source, version) FROM %s WHERE epoch = %d", name, epoch))))
	}
	for i, n := range w.facts(t) {
		if i == tableProfiles {
			n = w.profiles(t)
		}
		want = append(want, fmt.Sprintf("%s %d %d", sinkTables[i].name, n, n))
	}
	if g, x := strings.Join(got, "\n"), strings.Join(want, "\n"); g != x {
		t.Errorf("epoch %d holds (rows, distinct rows)\n%s\nwant\n%s", epoch, g, x)
	}
	if table, view := ask(t, conn, "SELECT count() FROM events"), ask(t, conn, "SELECT sum(events) FROM events_per_minute"); table != view {
		t.Errorf("events_per_minute counts %s events, the table holds %s", view, table)
	}
	if bad := ask(t, conn, fmt.Sprintf("SELECT groupArray(tuple(*)) FROM accounting WHERE epoch = %d AND NOT ok", epoch)); bad != "[]" {
		t.Errorf("accounting: %s", bad)
	}
}

// profiles counts the profiles that have a document.
func (w *writer) profiles(t *testing.T) int {
	t.Helper()
	seen := map[[16]byte]bool{}
	for _, r := range w.records {
		record, err := wire.DecodeFacts(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		for i := range record.Facts {
			if record.Facts[i].Kind == wire.FactProfile {
				seen[record.Facts[i].Profile] = true
			}
		}
	}
	return len(seen)
}
