package clickhouse

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"portrait/schemas/wire"
)

// TestRuleOfTheNextBlock: how far the next block goes, by what is known of the log when a block ends.
func TestRuleOfTheNextBlock(t *testing.T) {
	const second, hour = begin / 1000, 3600
	dep := testDeployment(1)
	wanted := Rule{Rows: 3, Bytes: 1 << 20}
	for _, c := range []struct {
		name   string
		times  []int64 // of the records, in ms after 12:00:00; each has a row
		newest Record  // its time, too; the zero Record: nothing is told
		want   int64   // Until, in s after 12:00:00; -1: none
	}{
		{"nothing known", []int64{0, 1000}, Record{}, -1},
		{"up to date", []int64{0, 1000}, Record{Offset: 1, Time: 1000}, -1},
		{"the newest in the same second", []int64{0, 1000}, Record{Offset: 9, Time: 1999}, -1},
		{"in the next one", []int64{0, 1000}, Record{Offset: 9, Time: 2999}, -1},
		{"two seconds behind", []int64{0, 1000}, Record{Offset: 9, Time: 3000}, 3},
		{"far behind", []int64{0, 1000}, Record{Offset: 9, Time: 1_234_000}, 1234},
		{"the day before", []int64{0, 1000}, Record{Offset: 9, Time: 86_400_000}, hour},
		{"the day before, from the last second of an hour on", []int64{0, 3_599_500}, Record{Offset: 9, Time: 86_400_000}, -1},
		{"the day before, from a full hour on", []int64{0, 3_600_000}, Record{Offset: 9, Time: 86_400_000}, 2 * hour},
		{"counted from the record behind the block", []int64{0, 60_000}, Record{Offset: 9, Time: 61_999}, -1},
		{"ended by rows", []int64{500, 700, 900}, Record{Offset: 9, Time: 5000}, 5},
		{"ended by rows at the newest", []int64{500, 700, 900}, Record{Offset: 2, Time: 900}, -1},
		{"what is known has been read, and clocks went back", []int64{9000, 5000, 4000}, Record{Offset: 1, Time: 9000}, -1},
		{"the newest is older", []int64{5000, 6000}, Record{Offset: 9, Time: 0}, -1},
		{"before 1970", []int64{-begin - 3_605_000, -begin - 3_603_000}, Record{Offset: 9, Time: -begin + 9000}, -second - hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWriter(dep)
			for i, ms := range c.times {
				w.add(0, begin+ms, eventFact(uint64(i+1), int64(i), 1, "viewed", begin))
			}
			s := NewSteps(dep, 0, Position{Rule: wanted}, wanted)
			if c.newest.Offset > 0 {
				c.newest.Time += begin
			}
			s.Reaches(c.newest)
			_, after := blocksOf(t, s, w.records)
			want := wanted
			if c.want != -1 {
				want.Until = second + c.want
			}
			if len(after) != 1 || after[0].Rule != want {
				t.Errorf("positions behind blocks %+v, want one with rule %v", after, want)
			}
		})
	}
}

func TestBlocksEndAtUntil(t *testing.T) {
	dep := testDeployment(1)
	for _, c := range []struct {
		name  string
		until int64 // s after 12:00:00
		rows  int
		times []int64 // s after 12:00:00
		want  string
	}{
		{"before the first record that is not before it", 5, 100, []int64{0, 1, 4, 5, 6}, "0-2 3|3-3 1"},
		{"also when none is in its second", 5, 100, []int64{0, 4, 9, 10}, "0-1 2|2-2 1"},
		{"before it by rows", 5, 2, []int64{0, 1, 2, 3, 4}, "0-1 2|2-2 1|3-3 1"},
		{"behind it a block lasts a second", 5, 100, []int64{7, 7, 8, 9}, "0-1 2|2-2 1"},
		{"clocks that go back end nothing", 5, 100, []int64{3, 0, 4, 5}, "0-2 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWriter(dep)
			for i, s := range c.times {
				w.add(0, begin+1000*s, eventFact(uint64(i+1), int64(i), 1, "viewed", begin))
			}
			wanted := Rule{Rows: c.rows, Bytes: 1 << 20}
			stored := wanted
			stored.Until = begin/1000 + c.until
			got, err := cut(NewSteps(dep, 0, Position{Rule: stored}, wanted), w.records)
			if err != nil {
				t.Fatal(err)
			}
			if s := strings.Join(got, "|"); s != c.want {
				t.Errorf("blocks %s, want %s", s, c.want)
			}
		})
	}
}

// unevenLog is a log whose pace changes: bursts, single records, pauses, clocks that go back.
func unevenLog(random *rand.Rand, w *writer) {
	ms, offset := begin, int64(0)
	for range 40 + random.IntN(60) {
		switch random.IntN(8) {
		case 0:
			ms += random.Int64N(90_000)
		case 1:
			ms -= random.Int64N(5_000)
		case 2, 3, 4:
			ms += random.Int64N(3_000)
		}
		var facts []wire.Fact
		for range random.IntN(4) {
			facts = append(facts, mixedFact(random.IntN(12), uint64(len(w.records))<<8|uint64(len(facts)), &offset, random.IntN(20), ms))
		}
		w.add(int32(random.IntN(2)), ms, facts...)
	}
}

// told cuts a log of which, before each record, some record behind may be told. It checks that once everything told has been
// read, no block waits for more than a second, and returns the blocks and the rows of each table in the order of the log.
func told(t *testing.T, s *Steps, records []Record, random *rand.Rand) (blocks []*Block, rows [tableCount][]row) {
	t.Helper()
	farthest := int64(-1)
	if until := s.at.Rule.Until; until != 0 { // told whoever stored the position
		farthest = int64(slices.IndexFunc(records, func(r Record) bool { return r.Offset >= s.at.Next && floorSecond(r.Time) >= until }))
		if farthest < 0 {
			t.Fatalf("stored behind offset %d: until second %d, and no record in the log reaches it", s.at.Next, until)
		}
	}
	for i, r := range records {
		s.Reaches(Record{})
		if random.IntN(2) == 0 {
			newest := records[i+random.IntN(len(records)-i)]
			s.Reaches(newest)
			farthest = max(farthest, newest.Offset)
		}
		done, err := s.Add(r)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, done...)
		if b := s.open; b != nil && r.Offset >= farthest && b.until != floorSecond(records[b.First].Time)+1 {
			t.Fatalf("the block at offset %d waits for second %d, and nothing in the log up to %d reaches it", b.First, b.until, r.Offset)
		}
	}
	for _, b := range blocks {
		for i := range rows {
			rows[i] = append(rows[i], b.tables[i]...)
		}
	}
	if s.open != nil {
		for i := range rows {
			rows[i] = append(rows[i], s.open.tables[i]...)
		}
	}
	return blocks, rows
}

// textOf is what a block stores, its position left out: that has a wish for the next block.
func textOf(b *Block) string {
	text := fmt.Sprintf("%s %d %d %+v %+v\n", b.Token, b.Rows, b.After.Next, b.After.Sources, b.After.Items)
	for i, table := range sinkTables {
		for _, c := range table.columns {
			text += fmt.Sprintf("%s.%s %v\n", table.name, c.name, printable(c.values(b.tables[i])))
		}
	}
	return text
}

// FuzzReaches: whatever is told of the log, its rows are the same in the same order, nothing waits, and a block is a function
// of the log and of the position before it.
func FuzzReaches(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 1))
		dep, rule := testDeployment(1), Rule{Rows: 1 + random.IntN(30), Bytes: 1 << 20}
		w := newWriter(dep)
		unevenLog(random, w)
		plain := func(p Position) *Steps { return NewSteps(dep, 0, p, rule) }
		_, want := told(t, plain(Position{Rule: rule}), w.records, random)
		blocks, got := told(t, plain(Position{Rule: rule}), w.records, random)
		for i, table := range sinkTables {
			for _, c := range table.columns {
				if g, x := printable(c.values(got[i])), printable(c.values(want[i])); g != x {
					t.Fatalf("%s.%s: %s\nand told other things %s", table.name, c.name, g, x)
				}
			}
		}
		for i, b := range blocks[1:] {
			from := blocks[i].After
			again, _ := told(t, plain(from), w.records, random)
			if len(again) == 0 || textOf(again[0]) != textOf(b) {
				t.Fatalf("block %s, cut again from the position before it, differs", b.Token)
			}
		}
	})
}

// TestSinkCatchesUp: a quarter of an hour of the log takes a few blocks, and its end none that waits.
func TestSinkCatchesUp(t *testing.T) {
	_, conn := startDatabase(t)
	c := DefaultConfig(testDeployment(1))
	var untils []int64
	c.Stored = func(s Stored) { untils = append(untils, s.Block.After.Rule.Until) }
	w, offset := newWriter(c.Deployment), int64(0)
	for second := range int64(900) {
		ms := begin + 1000*second
		w.add(int32(second%3), ms, mixedFact(int(second%12), uint64(second)<<16, &offset, int(second%50), ms))
	}
	runToEnd(t, conn, c, w)
	if want := []int64{begin/1000 + 899, 0}; !slices.Equal(untils, want) {
		t.Errorf("blocks until %v, want %v", untils, want)
	}
	w.add(0, begin+900_000) // ends the last second
	runToEnd(t, conn, c, w)
	checkStored(t, conn, 1, w)
}

// TestTwoSinksAtOnce lets two sinks store one partition side by side. One knows how far its log goes and the other does not, so
// that each chooses blocks which the other would not.
func TestTwoSinksAtOnce(t *testing.T) {
	_, conn := startDatabase(t)
	for epoch := 1; epoch <= 4; epoch++ {
		c := testConfig(epoch)
		w := mixedLog(c.Deployment, 80)
		ended := make(chan error)
		for _, blind := range []bool{true, false} {
			s, err := New(conn, c)
			if err != nil {
				t.Fatal(err)
			}
			go func() { ended <- s.Run(t.Context(), 0, &memoryLog{records: w.records, blind: blind}) }()
		}
		for range 2 {
			if err := <-ended; !errors.Is(err, errLogEnd) {
				t.Error(err)
			}
		}
		checkStored(t, conn, epoch, w)
	}
}
