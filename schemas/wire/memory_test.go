package wire

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestMemory decodes many records with one memory: none changes another, each is what it is with memory of its own,
// and after a reset nothing is left of what was kept against the rule.
func TestMemory(t *testing.T) {
	var m Memory
	for round := range 5 {
		var encoded [][]byte
		for i := range 40 {
			r := &InboxRecord{Deployment: 7, Source: FromRouter, From: int32(i)}
			for k := range (i*round)%17 + 1 {
				ev := &Event{ID: fmt.Sprint(round, i, k), Name: "paid"}
				for n := range (i + k) % 9 {
					ev.Identifiers = append(ev.Identifiers, fmt.Sprintf("device:%d.%d", i, n))
					ev.Props = append(ev.Props, Prop{fmt.Sprint("p", n), PropString, fmt.Sprint(round, i, k, n)})
				}
				r.Routed = append(r.Routed, Routed{Stamp: int64(k), Event: ev})
			}
			var e Encoder
			r.Encode(&e)
			encoded = append(encoded, e.B)
		}
		var got []*InboxRecord
		for _, b := range encoded {
			r, err := m.DecodeInbox(b)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
		}
		for i, b := range encoded {
			want, err := DecodeInbox(b)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got[i], want) {
				t.Fatalf("round %d, record %d: %+v, want %+v", round, i, got[i], want)
			}
		}
		last := got[len(got)-1].Routed
		m.Reset()
		for i := range last {
			if !reflect.DeepEqual(last[i], Routed{}) {
				t.Fatalf("round %d: %+v is left of what was decoded before the reset", round, last[i])
			}
		}
	}
	if got := testing.AllocsPerRun(100, func() {
		m.Reset()
		if _, err := m.DecodeInbox(oneEvent); err != nil {
			t.Fatal(err)
		}
	}); got > 2 { // the record and its decoder
		t.Errorf("%v allocations for a record in memory used before", got)
	}
}

var oneEvent = func() []byte {
	var e Encoder
	(&InboxRecord{Source: FromRouter, Routed: []Routed{{Event: &Event{ID: "e", Identifiers: []string{"a:1", "b:2"},
		Props: []Prop{{"p", PropBool, "true"}}}}}}).Encode(&e)
	return e.B
}()

// TestMemoryGivesOutOnce: what one event has must not change with the next.
func TestMemoryGivesOutOnce(t *testing.T) {
	var m Memory
	var kept []string
	for i := range 1000 {
		kept = append(kept, m.Join(strings.Repeat("a", i%50), ":", strings.Repeat("b", i%7)))
		props, texts := m.Props(i%9), m.Texts(i%5)
		if len(props) != 0 || cap(props) != i%9 || len(texts) != 0 || cap(texts) != i%5 {
			t.Fatalf("lists of %d of %d, %d of %d", len(props), cap(props), len(texts), cap(texts))
		}
		for range cap(texts) {
			if texts = append(texts, "x"); texts[:1][0] != "x" {
				t.Fatal("a list was given out twice")
			}
		}
	}
	for i, got := range kept {
		if want := strings.Repeat("a", i%50) + ":" + strings.Repeat("b", i%7); got != want {
			t.Fatalf("text %d is %q, want %q", i, got, want)
		}
	}
	if got := m.Join(strings.Repeat("c", 2*mostPiece)); len(got) != 2*mostPiece {
		t.Fatalf("a long text has %d bytes", len(got))
	}
}
