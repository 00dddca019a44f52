package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

var (
	texts = rapid.StringN(0, 12, 40)
	times = rapid.Int64Range(-1<<50, 1<<50)
)

func drawEvent(t *rapid.T) *Event {
	ev := &Event{At: drawPosition(t), Time: times.Draw(t, "time"), Kafka: times.Draw(t, "kafka"), ID: texts.Draw(t, "id"),
		Name: texts.Draw(t, "name"), Channel: texts.Draw(t, "channel"), Identifiers: list(t, "identifiers", texts)}
	ev.Props = list(t, "props", rapid.Custom(func(t *rapid.T) Prop {
		return Prop{texts.Draw(t, "key"), PropKind(rapid.IntRange(0, int(PropJSON)).Draw(t, "kind")), texts.Draw(t, "text")}
	}))
	return ev
}

func drawPosition(t *rapid.T) Position {
	return Position{rapid.Int32Range(0, 1<<20).Draw(t, "partition"), rapid.Int64Range(0, 1<<60).Draw(t, "offset"), rapid.Int32Range(0, 9999).Draw(t, "index")}
}

// list draws nil instead of an empty list, as decoding returns it.
func list[T any](t *rapid.T, name string, g *rapid.Generator[T]) []T {
	if l := rapid.SliceOfN(g, 0, 4).Draw(t, name); len(l) > 0 {
		return l
	}
	return nil
}

func drawRejected(t *rapid.T) *Rejected {
	return &Rejected{drawPosition(t), times.Draw(t, "kafka"), texts.Draw(t, "reason"), texts.Draw(t, "detail")}
}

func drawHole(t *rapid.T) *Hole {
	at := rapid.Int64Range(0, 1<<60).Draw(t, "last")
	return &Hole{Position{Partition: rapid.Int32Range(0, 1<<20).Draw(t, "partition"), Offset: at}, rapid.Int64Range(1, at+1).Draw(t, "offsets")}
}

func drawNode(t *rapid.T) Node { return Node{texts.Draw(t, "node"), times.Draw(t, "born")} }

func drawMessage(t *rapid.T) Message {
	m := Message{Kind: MessageKind(rapid.IntRange(1, int(MsgContinue)).Draw(t, "kind")), To: texts.Draw(t, "to"), ToBorn: times.Draw(t, "toborn"),
		From: drawNode(t), Via: texts.Draw(t, "via"), Other: texts.Draw(t, "other"), Weak: rapid.Bool().Draw(t, "weak"), Cause: texts.Draw(t, "cause"),
		Counts: list(t, "counts", rapid.Custom(func(t *rapid.T) TypeCount {
			return TypeCount{texts.Draw(t, "type"), rapid.IntRange(0, 1<<30).Draw(t, "n")}
		})),
		Anchor: rapid.Int32Range(0, 99).Draw(t, "anchor"), Hops: rapid.Int32Range(0, 99).Draw(t, "hops"), Stamp: times.Draw(t, "stamp"),
		State: list(t, "state", rapid.Byte())}
	if rapid.Bool().Draw(t, "with event") {
		m.Event = drawEvent(t)
	}
	return m
}

// TestInboxRoundTrip encodes records of all kinds and reads them back.
func TestInboxRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &InboxRecord{Deployment: rapid.Uint64().Draw(t, "deployment"), Source: Source(rapid.IntRange(1, 3).Draw(t, "source")),
			From: rapid.Int32Range(0, 99).Draw(t, "from"), Catalog: rapid.Int64Range(0, 1<<40).Draw(t, "catalog"), Seq: rapid.Uint64().Draw(t, "seq"),
			Routed: list(t, "routed", rapid.Custom(func(t *rapid.T) Routed {
				it := Routed{Stamp: times.Draw(t, "stamp")}
				switch rapid.IntRange(0, 2).Draw(t, "item") {
				case 0:
					it.Event = drawEvent(t)
				case 1:
					it.Rejected = drawRejected(t)
				default:
					it.Hole = drawHole(t)
				}
				return it
			})),
			Ticks: list(t, "ticks", rapid.Custom(func(t *rapid.T) Tick {
				return Tick{rapid.Int32Range(0, 99).Draw(t, "partition"), times.Draw(t, "stamp")}
			})),
			Messages: list(t, "messages", rapid.Custom(drawMessage)),
			Controls: list(t, "controls", rapid.Custom(func(t *rapid.T) Control {
				return Control{ControlKind(rapid.IntRange(1, int(CtlSkip)).Draw(t, "kind")), times.Draw(t, "version"),
					rapid.Int32Range(0, 9).Draw(t, "part"), rapid.Int32Range(0, 9).Draw(t, "parts"), times.Draw(t, "stamp"), list(t, "body", rapid.Byte())}
			}))}
		var e Encoder
		r.Encode(&e)
		got, err := DecodeInbox(e.B)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, r) {
			t.Fatalf("got  %+v\nwant %+v", got, r)
		}
		cut := rapid.IntRange(0, len(e.B)-1).Draw(t, "cut")
		if _, err := DecodeInbox(e.B[:cut]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut at %d of %d: %v", cut, len(e.B), err)
		}
		if _, err := DecodeInbox(append(e.B, 0)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("a byte too many: %v", err)
		}
	})
}

func drawFact(t *rapid.T) Fact {
	f := Fact{Kind: FactKind(rapid.IntRange(1, int(FactHole)).Draw(t, "kind")), Version: rapid.Uint64().Draw(t, "version"),
		Decided: times.Draw(t, "decided"), Catalog: rapid.Int64Range(0, 1<<40).Draw(t, "catalog")}
	copy(f.Profile[:], texts.Draw(t, "profile"))
	named := rapid.Custom(func(t *rapid.T) NamedValue { return NamedValue{texts.Draw(t, "name"), texts.Draw(t, "value")} })
	switch f.Kind {
	case FactEvent, FactDuplicate:
		f.Event = drawEvent(t)
	case FactRejected:
		f.Rejected = drawRejected(t)
	case FactHole:
		f.Hole = drawHole(t)
	case FactMerge:
		f.Merge = &Merge{Rank: times.Draw(t, "rank"), At: times.Draw(t, "at"), Direct: rapid.Bool().Draw(t, "direct"),
			Root: texts.Draw(t, "root"), Via: texts.Draw(t, "via"), Cause: texts.Draw(t, "cause")}
	case FactEdge:
		f.Edge = &Edge{texts.Draw(t, "a"), texts.Draw(t, "b"), rapid.Bool().Draw(t, "accepted"), texts.Draw(t, "reason"), texts.Draw(t, "cause"), times.Draw(t, "at")}
	case FactTag:
		f.Tag = &Tag{ID: texts.Draw(t, "id"), Tag: texts.Draw(t, "tag"), Change: texts.Draw(t, "change"), Value: texts.Draw(t, "value"),
			Previous: texts.Draw(t, "previous"), PrevVer: rapid.Uint64().Draw(t, "prev"), CauseKind: texts.Draw(t, "cause"), CauseID: texts.Draw(t, "cause id"),
			EventTime: times.Draw(t, "time"), Catalog: texts.Draw(t, "label"), Winner: texts.Draw(t, "winner"), Inputs: texts.Draw(t, "inputs")}
	case FactProfile:
		f.Doc = &Doc{AsOf: times.Draw(t, "asof"), FirstSeen: times.Draw(t, "first"), LastSeen: times.Draw(t, "last"), Deleted: rapid.Bool().Draw(t, "deleted"),
			Winner: texts.Draw(t, "winner"), Events: times.Draw(t, "events"), Identifiers: list(t, "ids", texts),
			Tags: list(t, "tags", named), Features: list(t, "features", named)}
	}
	return f
}

// TestFactsRoundTrip encodes facts of all kinds and reads them back.
func TestFactsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &FactsRecord{Deployment: rapid.Uint64().Draw(t, "deployment"), From: rapid.Int32Range(0, 99).Draw(t, "from"),
			Seq: rapid.Uint64().Draw(t, "seq"), Facts: list(t, "facts", rapid.Custom(drawFact))}
		var e Encoder
		r.Encode(&e)
		got, err := DecodeFacts(e.B)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, r) {
			t.Fatalf("got  %+v\nwant %+v", got, r)
		}
	})
}

// TestItemsOfBefore reads items as they were written before there were holes: one byte said whether it is an event.
func TestItemsOfBefore(t *testing.T) {
	rejected := &Rejected{Position{1, 2, 3}, 4, "not_json", "offset 0"}
	var e Encoder
	e.Int(5)
	e.Bool(false)
	rejected.Encode(&e)
	e.Int(6)
	e.Bool(true)
	(&Event{At: Position{1, 3, 0}, ID: "e"}).Encode(&e)
	d, got := NewDecoder(e.B), make([]Routed, 2)
	for i := range got {
		got[i].decode(d)
	}
	want := []Routed{{Stamp: 5, Rejected: rejected}, {Stamp: 6, Event: &Event{At: Position{1, 3, 0}, ID: "e"}}}
	if err := d.Close(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, error %v", got, err)
	}
}

// TestBadHoles sees holes refused that are empty, or begin before the log does.
func TestBadHoles(t *testing.T) {
	for _, h := range []Hole{{Position{0, 9, 0}, 0}, {Position{0, 9, 0}, 11}, {Position{0, 9, 0}, -1}, {Position{0, -1, 0}, 1}} {
		var e Encoder
		(&InboxRecord{Source: FromRouter, Routed: []Routed{{Hole: &h}}}).Encode(&e)
		if r, err := DecodeInbox(e.B); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v: %+v, %v", h, r, err)
		}
	}
}

// TestUnknownVersion sees a record of another encoding refused by its first byte.
func TestUnknownVersion(t *testing.T) {
	var e Encoder
	(&InboxRecord{Source: FromRouter}).Encode(&e)
	e.B[0]++
	if _, err := DecodeInbox(e.B); !errors.Is(err, ErrMalformed) {
		t.Errorf("inbox: %v", err)
	}
	if _, err := DecodeFacts(e.B); !errors.Is(err, ErrMalformed) {
		t.Errorf("facts: %v", err)
	}
}

// FuzzDecodeInbox sees every input decoded or refused; what is decoded says the same when it is encoded
// and read again (varints have longer forms, so the bytes may differ).
func FuzzDecodeInbox(f *testing.F) {
	var e Encoder
	(&InboxRecord{Deployment: 7, Source: FromRouter, Routed: []Routed{{Stamp: 5, Event: &Event{ID: "e", Identifiers: []string{"phone:1"},
		Props: []Prop{{"a", PropNumber, "1.5"}}}}, {Stamp: 5, Hole: &Hole{Position{1, 9, 0}, 3}}}, Ticks: []Tick{{1, 9}}}).Encode(&e)
	f.Add(e.B)
	f.Add([]byte{Version, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeInbox(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		var first, second Encoder
		r.Encode(&first)
		again, err := DecodeInbox(first.B)
		if err != nil {
			t.Fatalf("what was decoded does not decode again: %v", err)
		}
		if again.Encode(&second); !bytes.Equal(first.B, second.B) {
			t.Fatal("two encodings of one record")
		}
	})
}

// FuzzDecodeFacts is FuzzDecodeInbox for facts.
func FuzzDecodeFacts(f *testing.F) {
	var e Encoder
	(&FactsRecord{Deployment: 7, From: 1, Seq: 3, Facts: []Fact{{Kind: FactTag, Tag: &Tag{Tag: "a"}}, {Kind: FactMerge, Merge: &Merge{}},
		{Kind: FactProfile, Doc: &Doc{Tags: []NamedValue{{"a", "true"}}}}, {Kind: FactHole, Hole: &Hole{Position{1, 9, 0}, 3}}}}).Encode(&e)
	f.Add(e.B)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeFacts(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		var first, second Encoder
		r.Encode(&first)
		again, err := DecodeFacts(first.B)
		if err != nil {
			t.Fatalf("what was decoded does not decode again: %v", err)
		}
		if again.Encode(&second); !bytes.Equal(first.B, second.B) {
			t.Fatal("two encodings of one record")
		}
	})
}
