package feature_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"portrait/profile/feature"
	"portrait/schemas/wire"
)

// eventsFrom makes events of any bytes: times from everywhere an int64 reaches, values of every kind.
func eventsFrom(b []byte) (events []*wire.Event) {
	for len(b) >= 10 && len(events) < 40 {
		t := int64(binary.LittleEndian.Uint64(b))
		if b[8]&1 == 0 {
			t = t%(200*1000) + 1_709_164_800_000 // together in time, so that windows hold several
		}
		ev := &wire.Event{Time: t, ID: string(b[8:10]), Name: "e"}
		n := min(int(b[9]%32), len(b)-10)
		text := string(b[10 : 10+n])
		kind := wire.PropKind(b[8] >> 4 % 5)
		ev.Props = []wire.Prop{{Key: "amount", Kind: kind, Text: text}, {Key: "city", Kind: kind, Text: text}, {Key: "member", Kind: kind, Text: text}}
		events = append(events, ev)
		b = b[10+n:]
	}
	return events
}

// FuzzEvents folds any events into a state of every kind: no panic, no state above its bound, two halves
// merge to the whole, and the next change lies ahead.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x20\x04"+"12.5"+"\xff\xff\xff\xff\xff\xff\xff\x7f\x31\x05"+"Paris"), int64(1_709_164_800_000))
	f.Add(bytes.Repeat([]byte{0x80, 1, 2, 3, 4, 5, 6, 7, 0x22, 3, '-', '1', 'e'}, 12), int64(math.MinInt64))
	var features []*feature.Feature
	for _, sc := range scopes {
		zone, err := feature.LoadZone(sc.zone)
		if err != nil {
			f.Fatal(err)
		}
		for _, spec := range kinds {
			spec.Name, spec.Window, spec.Bucket, spec.Days = "fuzz", sc.window, sc.bucket, sc.days
			compiled, err := feature.New(spec, zone)
			if err != nil {
				f.Fatal(err)
			}
			features = append(features, compiled)
		}
	}
	cuts := []int64{-1, 0, 1, 2000, 86_400_000}
	f.Fuzz(func(t *testing.T, b []byte, now int64) {
		events := eventsFrom(b)
		for _, one := range features {
			half := len(events) / 2
			whole := fold(one, events)
			merged := one.Merge(fold(one, events[:half]), fold(one, events[half:]))
			if !bytes.Equal(whole, merged) {
				t.Fatalf("halves merge to %x, whole %x", merged, whole)
			}
			if len(whole) > one.Bound() {
				t.Fatalf("state of %d bytes, bound %d", len(whole), one.Bound())
			}
			if v := one.Value(whole, now); v.JSON() == "" || v.Kind != one.Type() {
				t.Fatalf("value %+v of kind %d", v, one.Type())
			}
			if next := one.NextChange(whole, now, cuts); next <= now && now < math.MaxInt64/2 && now > math.MinInt64/2 {
				t.Fatalf("the next change after %d is %d", now, next)
			}
			if one.Overflow(whole) < 0 {
				t.Fatal("fewer than no events cut off")
			}
		}
	})
}
