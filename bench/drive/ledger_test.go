package drive

import (
	"fmt"
	"testing"
	"time"

	"portrait/bench/traffic"
	"portrait/schemas/wire"
)

// TestLedger: events of this run are counted once whatever is said again, and what was never or twice counted shows.
func TestLedger(t *testing.T) {
	load, err := NewLoad(traffic.Config{Run: "testrun0", Persons: 10, Preload: time.UnixMilli(1_800_000_000_000), Keys: traffic.Uniform}, traffic.TimersModel(time.Second), false)
	if err != nil {
		t.Fatal(err)
	}
	d := &Driver{}
	d.set(load.Traffic)
	l := &ledger{driver: d, newest: map[int32]uint64{}}
	say := func(seq uint64, facts ...wire.Fact) {
		t.Helper()
		var e wire.Encoder
		(&wire.FactsRecord{From: 2, Seq: seq, Facts: facts}).Encode(&e)
		if err := l.record(e.B); err != nil {
			t.Fatal(err)
		}
	}
	event := func(kind wire.FactKind, n int64) wire.Fact {
		if n < 0 {
			n = 9_000_000_000_000 - n
		}
		return wire.Fact{Kind: kind, Event: &wire.Event{ID: fmt.Sprintf("testrun0-%013d", n)}}
	}
	for n := int64(-10); n < 3; n++ {
		say(uint64(11+n), event(wire.FactEvent, n))
	}
	if never, twice, repeats := l.once(13); never+twice+repeats != 0 || l.counted.Load() != 13 || !l.check(13).OK {
		t.Errorf("%d never, %d twice, %d repeats, %d counted", never, twice, repeats, l.counted.Load())
	}
	say(12, event(wire.FactEvent, 1), event(wire.FactEvent, 2)) // a zombie says again what was said
	say(14, wire.Fact{Kind: wire.FactEvent, Event: &wire.Event{ID: "otherrun-0000000000001"}}, wire.Fact{Kind: wire.FactTag, Tag: &wire.Tag{}})
	if l.counted.Load() != 13 || !l.check(13).OK {
		t.Errorf("%d counted, %+v", l.counted.Load(), l.check(13))
	}
	for _, c := range []struct {
		name string
		n    int64
		fact wire.Fact
	}{{"one missing", 14, wire.Fact{Kind: wire.FactTag, Tag: &wire.Tag{}}}, {"one twice", 13, event(wire.FactEvent, 2)}, {"a repeat", 13, event(wire.FactDuplicate, 2)}} {
		say(l.newest[2], c.fact)
		if l.check(c.n).OK {
			t.Errorf("%s: passed", c.name)
		}
	}
	if err := l.record([]byte{99}); err == nil {
		t.Error("a record of another version was taken")
	}
}
