package clickhouse

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"portrait/schemas/wire"
)

// cut returns the blocks of records as lines "first-last rows", and the error that ended them.
func cut(s *Steps, records []Record) (lines []string, err error) {
	for _, r := range records {
		blocks, err := s.Add(r)
		for _, b := range blocks {
			line := fmt.Sprintf("%d-%d %d", b.First, b.Last, b.Rows)
			if b.Foreign > 0 {
				line += fmt.Sprintf(" (%d foreign)", b.Foreign)
			}
			lines = append(lines, line)
		}
		if err != nil {
			return lines, err
		}
	}
	return lines, nil
}

func TestBlocksEnd(t *testing.T) {
	dep := testDeployment(1)
	event := func(offset int64) wire.Fact { return eventFact(uint64(offset), offset, 1, "viewed", begin) }
	two := []wire.Fact{event(1), event(2)}
	size := func() int {
		w := newWriter(dep)
		w.add(0, 0, event(1))
		return len(w.records[0].Value)
	}()
	for _, c := range []struct {
		name string
		rule Rule
		log  func(w *writer)
		want string
	}{
		{"before a record of a later second", Rule{Rows: 100, Bytes: 1 << 20}, func(w *writer) {
			w.add(0, begin+100, event(1))
			w.add(0, begin+999, event(2))
			w.add(0, begin+1000, event(3))
			w.add(0, begin+2000)
		}, "0-1 2|2-2 1"},
		{"by the second of the first record, not of the last", Rule{Rows: 100, Bytes: 1 << 20}, func(w *writer) {
			w.add(0, begin+1500, event(1))
			w.add(0, begin+300, event(2)) // a broker's clock that went back
			w.add(0, begin+1200, event(3))
			w.add(0, begin+2000)
		}, "0-2 3"},
		{"behind the record that fills the rows", Rule{Rows: 3, Bytes: 1 << 20}, func(w *writer) {
			w.add(0, begin, two...)
			w.add(0, begin, two...)
			w.add(0, begin, two...)
		}, "0-1 4"},
		{"behind the record that fills the bytes", Rule{Rows: 100, Bytes: 2 * size}, func(w *writer) {
			w.add(0, begin, event(1))
			w.add(0, begin, event(2))
			w.add(0, begin, event(3))
		}, "0-1 2"},
		{"twice at one record", Rule{Rows: 2, Bytes: 1 << 20}, func(w *writer) {
			w.add(0, begin, event(1))
			w.add(0, begin+1000, two...)
		}, "0-0 1|1-1 2"},
		{"at a marker of a later second", Rule{Rows: 100, Bytes: 1 << 20}, func(w *writer) {
			w.add(0, begin, event(1))
			w.add(0, begin+2000)
			w.add(0, begin+10_000)
		}, "0-0 1|1-1 0"},
		{"without the rows of another deployment", Rule{Rows: 100, Bytes: 1 << 20}, func(w *writer) {
			w.add(0, begin, event(1))
			w.raw(begin, &wire.FactsRecord{Deployment: 1, From: 0, Seq: 40, Facts: two})
			w.add(0, begin, event(2))
			w.add(0, begin+1000)
		}, "0-2 2 (1 foreign)"},
		{"without what a source said before", Rule{Rows: 100, Bytes: 1 << 20}, func(w *writer) {
			w.add(0, begin, event(1))
			w.add(0, begin, event(2))
			w.raw(begin, &wire.FactsRecord{Deployment: dep.Hash(), From: 0, Seq: 2, Facts: []wire.Fact{event(2), event(3)}})
			w.seq[0] = 3
			w.add(0, begin, event(4))
			w.add(0, begin+1000)
		}, "0-3 4"},
		{"per source", Rule{Rows: 100, Bytes: 1 << 20}, func(w *writer) {
			w.add(0, begin, event(1))
			w.add(5, begin, event(2))
			w.add(1, begin, event(3))
			w.add(0, begin+1000)
		}, "0-2 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWriter(dep)
			c.log(w)
			got, err := cut(NewSteps(dep, 0, Position{Rule: c.rule}, c.rule), w.records)
			if err != nil {
				t.Fatal(err)
			}
			if s := strings.Join(got, "|"); s != c.want {
				t.Errorf("blocks %s, want %s", s, c.want)
			}
		})
	}
}

func TestStepsStop(t *testing.T) {
	dep := testDeployment(1)
	event := eventFact(1, 1, 1, "viewed", begin)
	badWinner := wire.Fact{Kind: wire.FactTag, Tag: &wire.Tag{Winner: "nobody"}}
	gap := func(facts ...wire.Fact) func(w *writer) {
		return func(w *writer) {
			w.raw(begin+1000, &wire.FactsRecord{Deployment: dep.Hash(), From: 2, Seq: 3, Facts: facts})
		}
	}
	for _, c := range []struct {
		name string
		log  func(w *writer)
		gap  bool
		want []string
	}{
		{"at a gap", gap(event), true, []string{"facts partition 4, offset 1", "source 2 goes on with fact 3 behind fact 1", "start anew"}},
		{"at a marker behind a gap", gap(), true, []string{"source 2 goes on with fact 3 behind fact 1"}},
		{"at a record that does not decode", func(w *writer) {
			w.records = append(w.records, Record{Offset: 1, Time: begin + 1000, Value: []byte{9, 9}})
		}, false, []string{"facts partition 4, offset 1", "update the sink"}},
		{"at a winner that is no profile", func(w *writer) { w.add(2, begin+1000, badWinner) }, false, []string{"offset 1: source 2, fact 2: winner \"nobody\""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWriter(dep)
			w.add(2, begin, event)
			c.log(w)
			_, err := cut(NewSteps(dep, 4, Position{Rule: DefaultRule()}, DefaultRule()), w.records)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if errors.Is(err, ErrGap) != c.gap {
				t.Errorf("error %q: a gap: %v, want %v", err, !c.gap, c.gap)
			}
		})
	}
}

// blocksOf returns the whole text of each block: tokens, rows and the position behind it.
func blocksOf(t *testing.T, s *Steps, records []Record) (texts []string, after []Position) {
	t.Helper()
	for _, r := range records {
		blocks, err := s.Add(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			text := fmt.Sprintf("%s %d %+v\n", b.Token, b.Rows, b.After)
			for i, table := range sinkTables {
				for _, c := range table.columns {
					text += fmt.Sprintf("%s.%s %v\n", table.name, c.name, printable(c.values(b.tables[i])))
				}
			}
			texts, after = append(texts, text), append(after, b.After)
		}
	}
	return texts, after
}

// printable shows a column by value: amounts are pointers.
func printable(values any) string {
	if amounts, ok := values.([]*decimal.Decimal); ok {
		texts := make([]string, len(amounts))
		for i, d := range amounts {
			if d != nil {
				texts[i] = d.String()
			}
		}
		return strings.Join(texts, " ")
	}
	return fmt.Sprint(values)
}

func TestStepsAreAFunctionOfTheLog(t *testing.T) {
	dep := testDeployment(3)
	w := mixedLog(dep, 200)
	whole, after := blocksOf(t, NewSteps(dep, 0, Position{Rule: smallRule}, smallRule), w.records)
	if len(whole) < 20 || !strings.HasPrefix(whole[1], "facts/3/r12b1048576/0/") {
		t.Fatalf("%d blocks, the second is %.60s", len(whole), whole[1])
	}
	for i, p := range after {
		// A restarted sink may be handed records from before its position.
		rest, _ := blocksOf(t, NewSteps(dep, 0, p, smallRule), w.records)
		if got, want := strings.Join(rest, ""), strings.Join(whole[i+1:], ""); got != want {
			t.Fatalf("resumed behind block %d the blocks differ:\n%.300s\nwant\n%.300s", i, got, want)
		}
	}
}

func TestAnotherRuleWaitsForOneBlock(t *testing.T) {
	dep := testDeployment(1)
	w := mixedLog(dep, 100)
	old, after := blocksOf(t, NewSteps(dep, 0, Position{Rule: smallRule}, smallRule), w.records)
	other := Rule{Rows: 31, Bytes: 1 << 20}
	changed, positions := blocksOf(t, NewSteps(dep, 0, after[2], other), w.records)
	if header := strings.Fields(old[3])[0]; !strings.HasPrefix(changed[0], header+" ") {
		t.Errorf("the block that may be stored in part is %s, was %s", strings.Fields(changed[0])[0], header)
	}
	if !strings.HasPrefix(changed[1], "facts/1/r31b1048576/") || positions[0].Rule != other {
		t.Errorf("the next block is %s, its rule as stored %v", strings.Fields(changed[1])[0], positions[0].Rule)
	}
}

func TestJSONText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "abc", `"abc"`},
		{"quotes", `a"b\c`, `"a\"b\\c"`},
		{"controls", "\n\t\r\x00\x1f", `"\n\t\r\u0000\u001f"`},
		{"unicode", "上海🙂", `"上海🙂"`},
		{"invalid bytes", "a\xffb", "\"a\uFFFDb\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(appendJSONText(nil, c.in)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestPropertiesJSON(t *testing.T) {
	got := propertiesJSON([]wire.Prop{
		{Key: "a", Kind: wire.PropBool, Text: "true"}, {Key: "b", Kind: wire.PropJSON, Text: `[1,{"x":2}]`},
		{Key: "c", Kind: wire.PropNull}, {Key: "d", Kind: wire.PropNumber, Text: "0.10"}, {Key: "e", Kind: wire.PropString, Text: "0.10"},
	})
	if want := `{"a":true,"b":[1,{"x":2}],"c":null,"d":0.10,"e":"0.10"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := propertiesJSON(nil); got != "{}" {
		t.Errorf("no properties: %s", got)
	}
}
