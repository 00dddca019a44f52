package router

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"portrait/pipeline/normalize"
	"portrait/schemas"
	"portrait/schemas/wire"
)

func testRouter(t testing.TB, change func(dep *schemas.Deployment)) *Router {
	t.Helper()
	keys, err := normalize.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	dep := schemas.DefaultDeployment()
	dep.ID, dep.KeyID, dep.KeyCheck = "test", keys.ID(), keys.KeyCheck()
	if change != nil {
		change(&dep)
	}
	if err := dep.Validate(); err != nil {
		t.Fatal(err)
	}
	norm, err := normalize.New(&dep, keys)
	if err != nil {
		t.Fatal(err)
	}
	return New(&dep, norm, "portrait.events", 1%int32(dep.EventsPartitions))
}

// now is the wall of most tests: 2026-03-01 10:00 UTC.
const now = int64(1772359200000)

// items returns all items of an output in the order of the fetch.
func items(out Output) []wire.Routed {
	byAt := make(map[wire.Position]wire.Routed)
	var offsets []wire.Position
	for _, in := range out.Inbox {
		for _, it := range in.Record.Routed {
			byAt[it.At()] = it
			offsets = append(offsets, it.At())
		}
	}
	sortPositions(offsets)
	list := make([]wire.Routed, len(offsets))
	for i, at := range offsets {
		list[i] = byAt[at]
	}
	return list
}

// TestBadInput runs the README's table of bad input, row by row.
func TestBadInput(t *testing.T) {
	text, err := os.ReadFile("../../schemas/testdata/bad-input.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")[2:]
	if len(rows) < 40 {
		t.Fatalf("%d rows; the table was not read", len(rows))
	}
	for _, row := range rows {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		t.Run(cells[0], func(t *testing.T) {
			value := []byte(fill(strings.Trim(cells[1], "`")))
			out := testRouter(t, nil).Route(Fetch{Now: now, Records: []Record{{Offset: 7, Time: now - 1000, Value: value}}})
			list := items(out)
			letters := out.Rejected
			var results []string
			for _, it := range list {
				if it.Rejected == nil {
					results = append(results, "accepted")
					continue
				}
				results = append(results, "rejected "+it.Rejected.Reason)
				if len(letters) == 0 {
					t.Fatalf("item %v has no dead letter", it.At())
				}
				d := letters[0]
				letters = letters[1:]
				if d.At != it.At() || string(d.Reason) != it.Rejected.Reason || d.Detail != it.Rejected.Detail || d.Detail == "" {
					t.Errorf("dead letter %v %s %q for item %+v", d.At, d.Reason, d.Detail, it.Rejected)
				}
				if !strings.Contains(string(value), string(d.Value)) || len(list) == 1 && string(d.Value) != string(value) {
					t.Errorf("the dead letter has other bytes than were sent: %q", d.Value)
				}
			}
			if len(letters) > 0 {
				t.Errorf("%d dead letters without an item", len(letters))
			}
			out.Counts.EachRepair(func(rule string, n int) {
				if n > 0 {
					results[0] = "repaired " + rule
				}
			})
			if got, want := strings.Join(results, "; "), strings.TrimRight(strings.ReplaceAll(cells[2], "`", ""), " |"); got != want {
				t.Errorf("%s; the table says %s", got, want)
			}
		})
	}
}

// fill puts in what the table only describes.
func fill(s string) string {
	list := func(n int, format string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf(format, i)
		}
		return strings.Join(parts, ",")
	}
	return strings.NewReplacer(
		"⟨nothing⟩", "", "⟨byte ff⟩", "\xff", "⟨byte order mark⟩", "\ufeff", "⟨129 bytes⟩", strings.Repeat("x", 129), "⟨257 bytes⟩", strings.Repeat("x", 257),
		"⟨300 bytes⟩", strings.Repeat("xy", 150), "⟨2 MB⟩", strings.Repeat("x", 2<<20),
		"⟨40 deep⟩", strings.Repeat("[", 40)+strings.Repeat("]", 40),
		"⟨10,000 properties⟩", list(10_000, `"p%d":1`), "⟨65 values⟩", list(65, `"d%d"`),
		"⟨10,001 events⟩", list(10_001, `{"event":"login","identifiers":{"device_id":"d%d"}}`),
	).Replace(s)
}

func TestTimes(t *testing.T) {
	const event = `{"event":"a","time":%d,"identifiers":{"device_id":"d1"}}`
	cases := []struct {
		name                string
		kafka, event        int64 // event 0: none
		wantKafka, wantTime int64
		clamped, kclamped   int
	}{
		{"as sent", now - 10, now - 20, now - 10, now - 20, 0, 0},
		{"no event time", now - 10, 0, now - 10, now - 10, 0, 0},
		{"event ahead of Kafka", now - 10, now - 5, now - 10, now - 10, 1, 0},
		{"Kafka ahead of the wall", now + 10, now - 20, now, now - 20, 0, 1},
		{"both ahead", now + 10, now + 20, now, now, 1, 1},
		{"no Kafka timestamp", 0, now - 20, now, now - 20, 0, 0},
		{"from 1970", now - 10, 1, now - 10, 1, 0, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			value := fmt.Sprintf(event, c.event)
			if c.event == 0 {
				value = `{"event":"a","identifiers":{"device_id":"d1"}}`
			}
			out := testRouter(t, nil).Route(Fetch{Now: now, Records: []Record{{Offset: 0, Time: c.kafka, Value: []byte(value)}}})
			ev := items(out)[0].Event
			if ev.Kafka != c.wantKafka || ev.Time != c.wantTime || out.Counts.EventClamped != c.clamped || out.Counts.KafkaClamped != c.kclamped {
				t.Errorf("Kafka %d, time %d, counts %+v", ev.Kafka-now, ev.Time-now, out.Counts)
			}
		})
	}
}

func TestEventIDFromPosition(t *testing.T) {
	value := []byte(`[{"event":"a","event_id":"","identifiers":{"device_id":"d1"}},{"event":"a","identifiers":{"device_id":"d1"}},{"event":"a","event_id":"e","identifiers":{"device_id":"d1"}}]`)
	for epoch, want := range map[int][]string{1: {"portrait.events/1/42/0", "portrait.events/1/42/1", "e"}, 3: {"portrait.events@3/1/42/0", "portrait.events@3/1/42/1", "e"}} {
		out := testRouter(t, func(dep *schemas.Deployment) { dep.Epoch = epoch }).Route(Fetch{Now: now, Records: []Record{{Offset: 42, Time: now, Value: value}}})
		for i, it := range items(out) {
			if it.Event.ID != want[i] {
				t.Errorf("epoch %d, index %d: id %q, want %q", epoch, i, it.Event.ID, want[i])
			}
		}
	}
}

func TestEmptyFetch(t *testing.T) {
	out := testRouter(t, nil).Route(Fetch{Now: now})
	if out.Next != -1 || len(out.Inbox)+len(out.Rejected) != 0 || out.Stamp != 0 {
		t.Errorf("%+v", out)
	}
}

// TestRecordBounds fills inbox records by count and by bytes.
func TestRecordBounds(t *testing.T) {
	cases := []struct {
		name    string
		events  int
		padding int
		records int
	}{
		{"by count", 2*MaxItems + 1, 10, 3},
		{"by bytes", 5, 200 << 10, 3},
		{"alone", 1, 255 << 10, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := Fetch{Now: now}
			for i := range c.events {
				value := `{"event":"a","identifiers":{"device_id":"d1"},"properties":{"p":"` + strings.Repeat("x", c.padding) + `"}}`
				f.Records = append(f.Records, Record{Offset: int64(i), Time: now, Value: []byte(value)})
			}
			out := testRouter(t, nil).Route(f)
			if len(out.Inbox) != c.records {
				t.Errorf("%d records, want %d", len(out.Inbox), c.records)
			}
			for _, in := range out.Inbox {
				var e wire.Encoder
				in.Record.Encode(&e)
				if len(in.Record.Routed) > MaxItems || len(e.B) > MaxRecordBytes {
					t.Errorf("a record of %d items and %d bytes", len(in.Record.Routed), len(e.B))
				}
			}
		})
	}
}

// TestGrowthByHashing sends an event that fits, but not when its many phones are hashes.
func TestGrowthByHashing(t *testing.T) {
	value := `{"event":"a","identifiers":{"device_id":"d1"},"properties":{"p":[` + strings.Repeat(`{"phone":1},`, 20_000) + `0]}}`
	out := testRouter(t, nil).Route(Fetch{Now: now, Records: []Record{{Offset: 0, Time: now, Value: []byte(value)}}})
	if len(out.Rejected) != 1 || out.Rejected[0].Reason != schemas.ReasonEventTooLarge || out.Counts.Rejected[schemas.ReasonEventTooLarge] != 1 {
		t.Errorf("%d rejected, counts %+v", len(out.Rejected), out.Counts)
	}
}

func TestDeadLetterHeaders(t *testing.T) {
	d := DeadLetter{At: wire.Position{Partition: 3, Offset: 1 << 40, Index: 9}, Reason: schemas.ReasonNotJSON, Detail: "syntax error near byte 5"}
	var got []string
	for _, h := range d.Headers("portrait.events") {
		got = append(got, h.Key+"="+string(h.Value))
	}
	want := "reason=not_json detail=syntax error near byte 5 topic=portrait.events partition=3 offset=1099511627776 index=9"
	if strings.Join(got, " ") != want || string(d.Key()) != "3" {
		t.Errorf("%q, key %q", got, d.Key())
	}
}

// TestEventClock has event times in every number, and a rejected event that promises nothing.
func TestEventClock(t *testing.T) {
	r := testRouter(t, func(dep *schemas.Deployment) { dep.Clock, dep.EventsPartitions = schemas.ClockEvent, 1 })
	f := Fetch{Now: now}
	for i, value := range []string{
		`[{"event":"a","time":5000,"identifiers":{"device_id":"d1"}},{"event":"a","time":7000,"identifiers":{"device_id":"d2"}}]`, `x`,
		`{"event":"a","time":6000,"identifiers":{"device_id":"d1"}}`, `{"event":"a","time":9999999999999,"identifiers":{"device_id":"d1"}}`, `y`,
	} {
		f.Records = append(f.Records, Record{Offset: int64(i), Time: now - 5, Value: []byte(value)})
	}
	out := r.Route(f)
	var got []string
	for _, it := range items(out) {
		if it.Event == nil {
			got = append(got, fmt.Sprintf("rejected@%d", it.Stamp))
		} else {
			got = append(got, fmt.Sprintf("%d,%d@%d", it.Event.Time, it.Event.Kafka, it.Stamp))
		}
	}
	want := fmt.Sprintf("5000,5000@5000 7000,7000@6000 rejected@6000 6000,6000@6000 %d,%d@%d rejected@0", now-5, now-5, now-5)
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	if out.Stamp != now-5 {
		t.Errorf("stamp of the fetch %d", out.Stamp)
	}
}
