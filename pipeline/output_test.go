package pipeline

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"portrait/pipeline/kafka"
	"portrait/profile"
	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

type change = profile.Change

func testEncoder(inboxes, facts, self int) *encoder {
	dep := schemas.DefaultDeployment()
	dep.ID, dep.InboxPartitions, dep.FactsPartitions = "test", inboxes, facts
	c := newEncoder(&dep, TopicNames("p"), self)
	return &c
}

// payload returns an event of about so many bytes.
func payload(bytes int) *wire.Event {
	return &wire.Event{ID: "e", Name: "view", Identifiers: []string{"device_id:1"},
		Props: []wire.Prop{{Key: "p", Kind: wire.PropString, Text: strings.Repeat("x", bytes)}}}
}

// TestMessageRecords sees channels split by items and bytes, numbered densely, and nothing lost.
func TestMessageRecords(t *testing.T) {
	small := wire.Message{Kind: wire.MsgCompress, To: "device_id:1", From: wire.Node{ID: "device_id:2", Born: 7}}
	forward := func(bytes int) wire.Message {
		return wire.Message{Kind: wire.MsgForward, To: "device_id:1", Event: payload(bytes)}
	}
	repeat := func(m wire.Message, n int) []wire.Message {
		list := make([]wire.Message, n)
		for i := range list {
			list[i] = m
			list[i].Stamp = int64(i)
		}
		return list
	}
	absorb := wire.Message{Kind: wire.MsgAbsorb, To: "device_id:1", State: make([]byte, schemas.BytesPerRecord+1)}
	cases := []struct {
		name    string
		list    []wire.Message
		records int
	}{
		{"one", repeat(small, 1), 1},
		{"as many as fit", repeat(small, schemas.ItemsPerRecord), 1},
		{"one more", repeat(small, schemas.ItemsPerRecord+1), 2},
		{"bytes", repeat(forward(schemas.BytesPerRecord/4), 9), 3},
		{"one larger than a record", []wire.Message{small, absorb, small}, 3},
		{"many", repeat(small, 10*schemas.ItemsPerRecord+1), 11},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			f := machine.NewEffects(3)
			f.Messages[2], f.FirstSeq[2], f.Catalog = tc.list, 41, 5
			c := testEncoder(3, 1, 1)
			out := c.outputs(f)
			if len(out) != tc.records {
				t.Errorf("%d records, want %d", len(out), tc.records)
			}
			seq, got := uint64(41), []wire.Message(nil)
			for _, o := range out {
				r, err := wire.DecodeInbox(o.Record.Value)
				if err != nil {
					t.Fatal(err)
				}
				if o.Topic != "p.inbox" || o.Partition != 2 || r.Source != wire.FromMachine || r.From != 1 || r.Deployment != c.hash || r.Catalog != 5 || r.Seq != seq {
					t.Fatalf("record to %s %d: %d of machine %d, catalogue %d, number %d; want number %d", o.Topic, o.Partition, r.Source, r.From, r.Catalog, r.Seq, seq)
				}
				if n := len(o.Record.Value); len(r.Messages) > 1 && n > schemas.BytesPerRecord || len(r.Messages) > schemas.ItemsPerRecord {
					t.Errorf("a record of %d messages and %d bytes", len(r.Messages), n)
				}
				seq += uint64(len(r.Messages))
				got = append(got, r.Messages...)
			}
			if !reflect.DeepEqual(got, tc.list) {
				t.Error("other messages than were sent")
			}
		})
	}
}

// TestFactsRecords sees facts split, numbered densely and decoded again, with markers behind.
func TestFactsRecords(t *testing.T) {
	for _, tc := range []struct {
		name                       string
		n, bytes, markers, records int
	}{
		{"none", 0, 0, 0, 0},
		{"a marker alone", 0, 0, 1, 1},
		{"one", 1, 10, 0, 1},
		{"as many as fit", 4 * schemas.ItemsPerRecord, 10, 0, 1},
		{"one more, and markers", 4*schemas.ItemsPerRecord + 1, 10, 2, 4},
		{"bytes", 10, schemas.BytesPerRecord / 3, 0, 4},
		{"large ones", 3, schemas.BytesPerRecord + 1, 0, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := machine.NewEffects(3)
			f.FactsSeq, f.Markers = 17, tc.markers
			for k := range tc.n {
				f.Facts = append(f.Facts, wire.Fact{Kind: wire.FactEvent, Version: uint64(k), Event: payload(tc.bytes)})
			}
			c := testEncoder(3, 2, 1)
			out := c.outputs(f)
			if len(out) != tc.records {
				t.Fatalf("%d records, want %d", len(out), tc.records)
			}
			seq, got := uint64(17), []wire.Fact(nil)
			for i, o := range out {
				r, err := wire.DecodeFacts(o.Record.Value)
				if err != nil {
					t.Fatal(err)
				}
				if o.Topic != "p.facts" || o.Partition != 1 || r.From != 1 || r.Deployment != c.hash || r.Seq != seq {
					t.Fatalf("record to %s %d: machine %d, number %d; want number %d", o.Topic, o.Partition, r.From, r.Seq, seq)
				}
				if marker := len(r.Facts) == 0; marker != (i >= len(out)-tc.markers) {
					t.Errorf("record %d of %d has %d facts", i, len(out), len(r.Facts))
				}
				if n := len(o.Record.Value); n > schemas.BytesPerRecord+tc.bytes+200 || len(r.Facts) > 4*schemas.ItemsPerRecord {
					t.Errorf("a record of %d facts and %d bytes", len(r.Facts), n)
				}
				var e wire.Encoder
				r.Encode(&e)
				if string(e.B) != string(o.Record.Value) {
					t.Error("the record is not what wire.FactsRecord encodes")
				}
				seq += uint64(len(r.Facts))
				got = append(got, r.Facts...)
			}
			if len(got) != tc.n || tc.n > 0 && !reflect.DeepEqual(got, f.Facts) {
				t.Error("other facts than were said")
			}
		})
	}
}

// TestPublicRecords sees keys, partitions and headers of tags, documents, tombstones and dead letters.
func TestPublicRecords(t *testing.T) {
	c := testEncoder(4, 1, 0)
	f := machine.NewEffects(4)
	key := "3f1d8a52-0000-8000-8000-000000000001"
	f.Tags = []machine.Change{{Key: key, Value: []byte("{}"), Tag: "buyer", Kind: "entered"}}
	f.Docs = []machine.Doc{{Key: key, Value: []byte("{}"), Version: 9}, {Key: key, Version: 10}}
	f.Dead = []machine.Dead{{Reason: "identifiers_blocked", Event: &wire.Event{At: wire.Position{Partition: 3, Offset: 8, Index: 2}, ID: "e", Identifiers: []string{"device_id:1"}}}}
	out := c.outputs(f)
	var got []string
	for _, o := range out {
		line := fmt.Sprintf("%s %d %s %v", o.Topic, o.Partition, o.Record.Key, o.Record.Value == nil)
		for _, h := range o.Record.Headers {
			line += fmt.Sprintf(" %s=%s", h.Key, h.Value)
		}
		got = append(got, line)
	}
	q := schemas.PartitionOf(key, 4)
	want := []string{
		fmt.Sprintf("p.tags %d %s false tag=buyer change=entered", q, key),
		fmt.Sprintf("p.profiles %d %s false version=9 epoch=1", q, key),
		fmt.Sprintf("p.profiles %d %s true version=10 epoch=1", q, key),
		"p.rejected 3 3 false reason=identifiers_blocked encoding=portrait-event-1 topic=p.events partition=3 offset=8 index=2",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("records\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	d := wire.NewDecoder(out[3].Record.Value)
	var ev wire.Event
	if ev.Decode(d); d.Close() != nil || ev.ID != "e" {
		t.Errorf("the dead letter holds %+v", ev)
	}
}

// TestApproxIsNoLess sees that the estimate by which records are bounded is not below the bytes a message takes.
func TestApproxIsNoLess(t *testing.T) {
	ev := payload(1000)
	for k := range 60 {
		ev.Identifiers = append(ev.Identifiers, fmt.Sprintf("anonymous_id:%d", k))
		ev.Props = append(ev.Props, wire.Prop{Key: fmt.Sprintf("k%d", k), Kind: wire.PropNumber, Text: "1"})
	}
	ev.At, ev.Time, ev.Kafka = wire.Position{Partition: 1 << 20, Offset: 1 << 60, Index: 9999}, schemas.MaxEventTime, schemas.MaxEventTime
	node := wire.Node{ID: "device_id:2", Born: 1 << 62}
	for name, m := range map[string]wire.Message{
		"forward": {Kind: wire.MsgForward, To: "device_id:1", Event: ev, Anchor: 63, Hops: 30, Stamp: 1 << 50},
		"propose": {Kind: wire.MsgPropose, To: "device_id:1", ToBorn: 1 << 62, From: node, Via: "v", Other: "o", Cause: "c", Counts: []wire.TypeCount{{Type: "external_userid", Count: 1 << 40}}},
		"absorb":  {Kind: wire.MsgAbsorb, To: "device_id:1", ToBorn: 1 << 62, From: node, State: make([]byte, 1<<20)},
	} {
		var e wire.Encoder
		m.Encode(&e)
		if approx(&m) < len(e.B) {
			t.Errorf("%s: estimated at %d bytes, takes %d", name, approx(&m), len(e.B))
		}
	}
}

// TestConsumersKnowTheCompression: a client that cannot unpack it learns so from its first record otherwise.
func TestConsumersKnowTheCompression(t *testing.T) {
	text, err := os.ReadFile("../schemas/tags.md")
	if err != nil {
		t.Fatal(err)
	}
	const want = "compressed with snappy"
	if c := producerDefaults(TopicNames("p")).Compression; c != kafka.CompressionSnappy || !strings.Contains(string(text), want) {
		t.Errorf("outputs are compressed with %v; does tags.md say %q: %t", c, want, strings.Contains(string(text), want))
	}
}
