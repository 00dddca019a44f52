package pipeline

import (
	"fmt"
	"slices"
	"testing"

	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/pipeline/router"
	"portrait/schemas"
	"portrait/schemas/wire"
)

func testRouting(t *testing.T, commit func(int64)) (*Routing, *schemas.Deployment) {
	t.Helper()
	keys, err := normalize.NewKeys(make([]byte, normalize.KeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	dep := schemas.DefaultDeployment()
	dep.ID, dep.KeyID, dep.KeyCheck = "test", keys.ID(), keys.KeyCheck()
	norm, err := normalize.New(&dep, keys)
	if err != nil {
		t.Fatal(err)
	}
	return NewRouting(&dep, norm, TopicNames("p"), 1, commit), &dep
}

func rawEvent(offset int64, device string) kafka.Record {
	return kafka.Record{Offset: offset, Time: 1_000 + offset,
		Value: fmt.Appendf(nil, `{"event":"view","identifiers":{"device_id":%q}}`, device)}
}

// TestCommitsFollowAcks acknowledges fetches in the wrong order: an offset is committed when everything
// before it is acknowledged, never earlier.
func TestCommitsFollowAcks(t *testing.T) {
	var commits []int64
	done := 0
	r, _ := testRouting(t, func(offset int64) { commits = append(commits, offset) })
	first := r.Step(9_000, &kafka.Batch{Records: []kafka.Record{rawEvent(5, "d5a"), rawEvent(6, "d6a")}}, func() { done++ })
	second := r.Step(9_000, &kafka.Batch{Records: []kafka.Record{{Offset: 7, Time: 1_007, Value: []byte("no JSON")}}}, func() { done++ })
	if n := len(second.Outputs); n != 2 {
		t.Fatalf("a bad record causes %d outputs, want its item and its dead letter", n)
	}
	for range second.Outputs {
		second.Ack()
	}
	if len(commits) > 0 || done != 1 {
		t.Fatalf("commits %v with the first fetch open, %d fetches done", commits, done)
	}
	for k := range first.Outputs {
		if len(commits) > 0 {
			t.Fatalf("commits %v with %d acks missing", commits, len(first.Outputs)-k)
		}
		first.Ack()
	}
	if !slices.Equal(commits, []int64{8}) || done != 2 {
		t.Errorf("commits %v, %d fetches done; want 8, 2", commits, done)
	}
}

// TestTickerHears sees that a tick says what a fetch promised, and only where no item did.
func TestTickerHears(t *testing.T) {
	r, dep := testRouting(t, func(int64) {})
	ticker := router.NewTicker(dep)
	ticker.Assign(1)
	routed := r.Step(9_000, &kafka.Batch{Records: []kafka.Record{rawEvent(1, "d1a")}}, func() {})
	if due := ticker.Due(10_000, false); len(due) > 0 {
		t.Fatalf("%d ticks before anything was told", len(due))
	}
	routed.Tell(ticker, 10_000)
	due := ticker.Due(10_000, false)
	if len(due) != dep.InboxPartitions-1 {
		t.Fatalf("%d ticks, want one for each inbox without items", len(due))
	}
	for _, d := range due {
		if d.Partition == routed.Outputs[0].Partition || d.Stamp() != 0 || d.Record.Ticks[0].Stamp != 1_001 {
			t.Errorf("inbox %d is told %+v", d.Partition, d.Record.Ticks)
		}
	}
}

// TestOutputsStay routes fetch after fetch with one routing, whose memory is used again, and each with a new one: what
// was said of one fetch stays what it was while the next are routed.
func TestOutputsStay(t *testing.T) {
	fetch := func(n int) []kafka.Record {
		var records []kafka.Record
		for i := range 1 + n%7*40 {
			offset := int64(1000*n + i)
			value := fmt.Appendf(nil, `{"event":"view","identifiers":{"device_id":"d%d","phone":"1380013%04d"},"properties":{"n":%d,"phone":"13900139000","text":%q}}`,
				offset, i, n, "text of "+fmt.Sprint(offset))
			if i%11 == 3 {
				value = value[1:]
			}
			records = append(records, kafka.Record{Offset: offset, Time: 5_000 + offset, Value: value})
		}
		return records
	}
	text := func(r Routed) string { return fmt.Sprintf("%+v %+v", r.Outputs, r.Counts) }
	one, _ := testRouting(t, func(int64) {})
	var all []Routed
	for n := range 30 {
		all = append(all, one.Step(90_000, &kafka.Batch{Records: fetch(n)}, func() {}))
	}
	for n, got := range all {
		fresh, _ := testRouting(t, func(int64) {})
		if want := text(fresh.Step(90_000, &kafka.Batch{Records: fetch(n)}, func() {})); text(got) != want {
			t.Fatalf("fetch %d:\n%s\nwant\n%s", n, text(got), want)
		}
	}
}

// TestVoidsAreTold sees offsets without an event told with the record behind them, whatever fetches they came in, and
// committed with it: a successor that begins at any committed offset passes all of them again.
func TestVoidsAreTold(t *testing.T) {
	var commits []int64
	r, _ := testRouting(t, func(offset int64) { commits = append(commits, offset) })
	for _, v := range []kafka.Void{{First: 0, Last: 2}, {First: 3, Last: 3}} {
		if routed := r.Step(9_000, &kafka.Batch{Voids: []kafka.Void{v}, Next: v.Last + 1}, func() {}); len(routed.Outputs) > 0 {
			t.Fatalf("%d outputs before a record is behind them", len(routed.Outputs))
		}
	}
	routed := r.Step(9_000, &kafka.Batch{Voids: []kafka.Void{{First: 4, Last: 4}, {First: 6, Last: 7}}, Records: []kafka.Record{rawEvent(5, "d5a")}, Next: 8}, func() {})
	var holes []string
	for i := range routed.Outputs {
		rec, err := wire.DecodeInbox(routed.Outputs[i].Record.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range rec.Routed {
			if it.Hole != nil {
				holes = append(holes, fmt.Sprintf("%d-%d stamp %d", it.Hole.First(), it.Hole.At.Offset, it.Stamp))
			}
		}
		if len(commits) > 0 {
			t.Fatalf("commits %v with acks missing", commits)
		}
		routed.Ack()
	}
	if !slices.Equal(holes, []string{"0-4 stamp 1005"}) || !slices.Equal(commits, []int64{6}) || routed.Counts.WithoutEvent != 5 {
		t.Errorf("holes %v, commits %v, counted %d", holes, commits, routed.Counts.WithoutEvent)
	}
}
