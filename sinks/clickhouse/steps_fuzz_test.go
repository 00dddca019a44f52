package clickhouse

import (
	"reflect"
	"testing"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// FuzzSteps: whatever a record of facts holds, it is refused with its place or becomes rows that can be
// encoded as columns.
func FuzzSteps(f *testing.F) {
	dep := schemas.DefaultDeployment()
	dep.ID = "fuzz"
	event := &wire.Event{Time: 5, Kafka: 6, ID: "e", Name: "view", Identifiers: []string{"phone:1", "nocolon"},
		Props: []wire.Prop{{Key: "a", Kind: wire.PropNumber, Text: "1.5"}, {Key: "b", Kind: wire.PropJSON, Text: "[1]"}, {Key: "\xff", Kind: wire.PropNumber, Text: "x"}}}
	var e wire.Encoder
	(&wire.FactsRecord{Deployment: dep.Hash(), Seq: 1, Facts: []wire.Fact{
		{Kind: wire.FactEvent, Event: event}, {Kind: wire.FactDuplicate, Event: event}, {Kind: wire.FactRejected, Rejected: &wire.Rejected{Reason: "r"}},
		{Kind: wire.FactMerge, Merge: &wire.Merge{Root: "phone:1"}}, {Kind: wire.FactEdge, Edge: &wire.Edge{A: "a", B: "b"}},
		{Kind: wire.FactTag, Tag: &wire.Tag{Tag: "t", Value: "true", Winner: "x"}},
		{Kind: wire.FactProfile, Doc: &wire.Doc{Tags: []wire.NamedValue{{Name: "a", Value: "true"}}}},
		{Kind: wire.FactHole, Hole: &wire.Hole{At: wire.Position{Offset: 9}, Offsets: 3}}}}).Encode(&e)
	f.Add(e.B, int64(1000))
	f.Add([]byte("?"), int64(-1))
	f.Fuzz(func(t *testing.T, value []byte, at int64) {
		rule := DefaultRule()
		s := NewSteps(&dep, 0, Position{Rule: rule}, rule)
		blocks, err := s.Add(Record{Offset: 0, Time: at, Value: value})
		if err != nil {
			if err.Error() == "" {
				t.Fatal("refused without a reason")
			}
			return
		}
		for _, b := range blocks {
			columnsOf(t, b)
		}
		more, err := s.Add(Record{Offset: 1, Time: at + 10_000, Value: value})
		if err == nil && len(blocks)+len(more) == 0 && at < 1<<50 && at > -1<<50 {
			t.Fatal("no block ends with a later second")
		}
		for _, b := range more {
			columnsOf(t, b)
		}
	})
}

// columnsOf makes the columns of every table, as an insert does.
func columnsOf(t *testing.T, b *Block) {
	for i, table := range sinkTables {
		for _, c := range table.columns {
			if n := reflect.ValueOf(c.values(b.tables[i])).Len(); n != len(b.tables[i]) {
				t.Fatalf("%s.%s has %d values for %d rows", table.name, c.name, n, len(b.tables[i]))
			}
		}
	}
}
