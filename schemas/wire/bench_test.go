package wire_test

import (
	"fmt"
	"testing"

	"portrait/schemas/wire"
)

// busyRecord is an inbox record as a busy router writes it: 50 events of about 250 bytes.
func busyRecord() *wire.InboxRecord {
	r := &wire.InboxRecord{Deployment: 0x1234_5678_9abc_def0, Source: wire.FromRouter, From: 2}
	for i := range 50 {
		r.Routed = append(r.Routed, wire.Routed{Stamp: 1_772_359_200_123, Event: &wire.Event{
			At: wire.Position{Partition: 2, Offset: 1_000_000 + int64(i)}, Time: 1_772_359_200_120, Kafka: 1_772_359_200_123,
			ID: fmt.Sprintf("0192f0c1-8d5e-7c3a-9b1e-%012d", i), Name: "order_paid", Channel: "mini_program",
			Identifiers: []string{"phone:0a1b2c3d.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "openid@wxapp1:oX3fJ5kQ9Zr2"},
			Props: []wire.Prop{{Key: "amount", Kind: wire.PropNumber, Text: "328.50"}, {Key: "category", Kind: wire.PropString, Text: "skincare"},
				{Key: "currency", Kind: wire.PropString, Text: "CNY"}, {Key: "items", Kind: wire.PropNumber, Text: "3"},
				{Key: "order_id", Kind: wire.PropString, Text: "20260301-000123"}},
		}})
	}
	return r
}

// BenchmarkInbox encodes and decodes such a record; divide by 50 for one event.
func BenchmarkInbox(b *testing.B) {
	r := busyRecord()
	var e wire.Encoder
	r.Encode(&e)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			out := wire.Encoder{B: make([]byte, 0, len(e.B))}
			r.Encode(&out)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := wire.DecodeInbox(e.B); err != nil {
				b.Fatal(err)
			}
		}
	})
}
