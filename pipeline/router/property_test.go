package router

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"portrait/schemas"
	"portrait/schemas/wire"
)

func sortPositions(list []wire.Position) {
	slices.SortFunc(list, func(a, b wire.Position) int {
		if b.Above(a) {
			return -1
		}
		return 1
	})
}

// phone is a valid mobile number of which every digit string of eight or more is looked for in outputs.
func phone(t *rapid.T) string {
	return fmt.Sprintf("139%08d", rapid.IntRange(1, 99_999_998).Draw(t, "phone"))
}

// written is one of the ways of writing a number.
func written(t *rapid.T, p string) string {
	return rapid.SampledFrom([]string{p, "+86" + p, "0086" + p, "+86 " + p[:3] + " " + p[3:7] + " " + p[7:], p[:3] + "-" + p[3:7] + "-" + p[7:]}).Draw(t, "form")
}

// event draws one event, good or bad, with the phone in every place where a number belongs.
func event(t *rapid.T, p string) string {
	w := func() string { return written(t, p) }
	id := fmt.Sprintf(`"device_id":"d%d"`, rapid.IntRange(0, 20).Draw(t, "device"))
	return rapid.SampledFrom([]string{
		`{"event":"a","identifiers":{` + id + `}}`,
		`{"event":"a","event_id":"e","identifiers":{` + id + `,"phone":"` + w() + `"},"properties":{"amount":1.50}}`,
		`{"event":"a","identifiers":{"phone":["` + w() + `","12345"]},"properties":{"mobile":` + p + `}}`,
		`{"event":"a","identifiers":{` + id + `},"properties":{"PHONE":"` + w() + `","buyer":{"list":[{"Mobile":["` + w() + `"]}]}}}`,
		`{"event":"a","identifiers":{` + id + `,"mobile":"` + w() + `","wechat":["` + w() + `",` + p + `],"phone@x y":"` + w() + `"},"phone":"` + w() + `"}`,
		`{"event":"a","identifiers":{"phone":"` + w() + `"},"address":{"street":"x","phone":"` + w() + `"}}`,
		`{"event":"","identifiers":{"phone":"` + w() + `"}}`,
		`{"event":"a","identifiers":{"Phone":"` + w() + `"}}`,
		`{"event":"a","time":"` + w() + `","identifiers":{` + id + `}}`,
		`{"event":"a","time":` + fmt.Sprint(now-rapid.Int64Range(-2000, 9000).Draw(t, "time")) + `,"identifiers":{` + id + `}}`,
		`{"event":"a","identifiers":{"phone":"` + w() + `","phone":"` + w() + `"}}`,
		`"` + w() + `"`, `null`,
	}).Draw(t, "event")
}

// fetch draws records with timestamps that go back and forth, and ahead of the wall; between them, before and
// behind, offsets that were lost, and others of which the log shows that they never held an event.
func fetch(t *rapid.T, p string) Fetch {
	f := Fetch{Now: now}
	offset := rapid.Int64Range(0, 1<<40).Draw(t, "offset")
	for range rapid.IntRange(1, 30).Draw(t, "records") {
		for range rapid.IntRange(0, 3).Draw(t, "gap") {
			offset = gap(t, &f, offset)
		}
		offset++
		var value string
		switch rapid.IntRange(0, 5).Draw(t, "shape") {
		case 0:
			var list []string
			for range rapid.IntRange(0, 6).Draw(t, "events") {
				list = append(list, event(t, p))
			}
			value = "[" + strings.Join(list, ",") + "]"
		case 1:
			value = rapid.SampledFrom([]string{"", "{", p, p + "x", "[" + p + ",", "\xff"}).Draw(t, "bytes")
		default:
			value = event(t, p)
		}
		f.Records = append(f.Records, Record{Offset: offset, Time: now - rapid.Int64Range(-500, 5000).Draw(t, "kafka"), Value: []byte(value)})
	}
	gap(t, &f, offset)
	return f
}

// gap draws offsets behind one that hold no event, and returns the last of them.
func gap(t *rapid.T, f *Fetch, offset int64) int64 {
	n := rapid.Int64Range(0, 3).Draw(t, "offsets")
	if n > 0 && rapid.Bool().Draw(t, "never held one") {
		f.Voids = append(f.Voids, Void{offset + 1, offset + n})
	}
	return offset + n
}

func TestRouteProperties(t *testing.T) {
	first := testRouter(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		r, p := first.anew(), phone(t)
		f := fetch(t, p)
		out := r.Route(f)
		everyEventOnce(t, f, out)
		numbersGrow(t, out)
		stampsHold(t, out)
		recordsDecode(t, out)
		noPhone(t, out, p)
		boundariesDoNotShow(t, r.anew(), f, out)
	})
}

// anew is a router that has seen nothing yet.
func (r *Router) anew() *Router { return New(r.dep, r.norm, "portrait.events", r.partition) }

// holesOf are the offsets that a fetch shows to have never held an event, each run of them before a record as
// one item, in order.
func holesOf(f Fetch) (holes []wire.Hole) {
	void := map[int64]bool{}
	for _, v := range f.Voids {
		for at := v.First; at <= v.Last; at++ {
			void[at] = true
		}
	}
	last := f.Records[len(f.Records)-1].Offset
	for at := min(f.Records[0].Offset, append(f.Voids, Void{First: last})[0].First); at < last; at++ {
		n := int64(0)
		for void[at+n] {
			n++
		}
		if n > 0 {
			at += n
			holes = append(holes, wire.Hole{At: wire.Position{Partition: 1, Offset: at - 1}, Offsets: n})
		}
	}
	return holes
}

func everyEventOnce(t *rapid.T, f Fetch, out Output) {
	var want []wire.Position
	var holes []wire.Hole
	lost := int64(0)
	for _, h := range holesOf(f) {
		want = append(want, h.At)
		lost += h.Offsets
	}
	for _, rec := range f.Records {
		for _, it := range schemas.DecodeEvents(rec.Value) {
			want = append(want, wire.Position{Partition: 1, Offset: rec.Offset, Index: int32(it.Index)})
		}
	}
	var got []wire.Position
	for _, it := range items(out) {
		got = append(got, it.At())
		if it.Hole != nil {
			holes = append(holes, *it.Hole)
		}
	}
	sortPositions(want)
	if !slices.Equal(holes, holesOf(f)) || int64(out.Counts.WithoutEvent) != lost {
		t.Fatalf("holes %v of %d offsets, want %v of %d", holes, out.Counts.WithoutEvent, holesOf(f), lost)
	}
	count := 0
	for _, in := range out.Inbox {
		count += len(in.Record.Routed)
	}
	if !slices.Equal(got, want) || count != len(want) {
		t.Fatalf("items %v\nwant %v", got, want)
	}
	if last := f.Records[len(f.Records)-1].Offset; out.Next != last+1 {
		t.Fatalf("next %d after %d", out.Next, last)
	}
	if out.Counts.Events+len(out.Rejected)+len(holes) != count {
		t.Fatalf("%d events and %d dead letters are not %d items", out.Counts.Events, len(out.Rejected), count)
	}
}

func numbersGrow(t *rapid.T, out Output) {
	last := make(map[int]wire.Position)
	for _, in := range out.Inbox {
		for _, it := range in.Record.Routed {
			if before, ok := last[in.Partition]; ok && !it.At().Above(before) {
				t.Fatalf("inbox %d: %v behind %v", in.Partition, it.At(), before)
			}
			last[in.Partition] = it.At()
			if it.Event != nil && schemas.PartitionOf(it.Event.Identifiers[0], 4) != in.Partition || it.Event == nil && in.Partition != 1 {
				t.Fatalf("%v is in inbox %d", it.At(), in.Partition)
			}
		}
	}
}

func stampsHold(t *rapid.T, out Output) {
	list := items(out)
	for i, it := range list {
		for _, later := range list[i:] {
			var at int64
			if later.Event != nil {
				at = later.Event.Kafka
				if later.Event.Time > at || at > now {
					t.Fatalf("%v: time %d, Kafka %d, now %d", later.At(), later.Event.Time, at, now)
				}
			} else if later.Rejected != nil {
				at = later.Rejected.Kafka
			} else {
				continue // a hole has no time
			}
			if it.Stamp > at {
				t.Fatalf("the stamp %d of %v is above the timestamp %d of %v", it.Stamp, it.At(), at, later.At())
			}
		}
	}
	if n := len(list); list[n-1].Stamp != out.Stamp {
		t.Fatalf("stamp of the fetch %d, of its last item %d", out.Stamp, list[n-1].Stamp)
	}
}

func recordsDecode(t *rapid.T, out Output) {
	for _, in := range out.Inbox {
		var e wire.Encoder
		in.Record.Encode(&e)
		back, err := wire.DecodeInbox(e.B)
		if err != nil {
			t.Fatal(err)
		}
		var again wire.Encoder
		back.Encode(&again)
		if !bytes.Equal(e.B, again.B) || back.Source != wire.FromRouter || back.From != 1 {
			t.Fatalf("a record changed on the wire: %+v", back)
		}
	}
}

// noPhone looks for the number, its last ten and its last eight digits, with separators taken out.
func noPhone(t *rapid.T, out Output, p string) {
	for _, in := range out.Inbox {
		var e wire.Encoder
		in.Record.Encode(&e)
		text := strings.NewReplacer(" ", "", "-", "").Replace(string(e.B))
		if strings.Contains(text, p[3:]) {
			t.Fatalf("the phone number is in an inbox record: %+v", in.Record.Routed)
		}
	}
	for _, d := range out.Rejected {
		if strings.Contains(d.Detail+string(d.Reason), p[3:]) {
			t.Fatalf("the phone number is in a detail: %s", d.Detail)
		}
	}
}

// boundariesDoNotShow routes the same records in one fetch each, and each offset without an event in one of its own.
func boundariesDoNotShow(t *rapid.T, r *Router, f Fetch, whole Output) {
	var parts []wire.Routed
	var letters []DeadLetter
	for i := range f.Records {
		for len(f.Voids) > 0 && f.Voids[0].First < f.Records[i].Offset {
			for at := f.Voids[0].First; at <= f.Voids[0].Last; at++ {
				if out := r.Route(Fetch{Now: f.Now, Voids: []Void{{at, at}}}); len(out.Inbox) > 0 || out.Next >= 0 {
					t.Fatalf("said before the next record was seen: %+v", out)
				}
			}
			f.Voids = f.Voids[1:]
		}
		out := r.Route(Fetch{Now: f.Now, Records: f.Records[i : i+1]})
		parts = append(parts, items(out)...)
		letters = append(letters, out.Rejected...)
	}
	want := items(whole)
	for i := range want {
		a, b := want[i], parts[i]
		a.Stamp, b.Stamp = 0, 0
		if !bytes.Equal(encodedItem(a), encodedItem(b)) {
			t.Fatalf("in one fetch %+v\nin many %+v", a, b)
		}
	}
	if len(parts) != len(want) || !reflect.DeepEqual(letters, whole.Rejected) {
		t.Fatalf("%d items, want %d; %d dead letters, want %d", len(parts), len(want), len(letters), len(whole.Rejected))
	}
}

func encodedItem(it wire.Routed) []byte {
	var e wire.Encoder
	(&wire.InboxRecord{Source: wire.FromRouter, Routed: []wire.Routed{it}}).Encode(&e)
	return e.B
}
