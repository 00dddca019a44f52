package clickhouse

import (
	"errors"
	"slices"
	"testing"
)

// TestStoring walks through the inserts of a block: tables in order, the position last, and the looks
// of a sink that is behind, ahead, or in time.
func TestStoring(t *testing.T) {
	c := testConfig(1)
	w := mixedLog(c.Deployment, 12)
	steps := NewSteps(c.Deployment, 0, Position{Rule: smallRule}, smallRule)
	blocks := 0
	for _, r := range w.records {
		done, err := steps.Add(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range done {
			blocks++
			var tables []string
			storing := b.Storing(1)
			for last := false; !last; last = storing.Inserted() {
				i := storing.Insert()
				tables = append(tables, i.Table)
				if i.Token != b.Token || len(i.Columns) != len(i.Values) || i.Table == "sink_positions" && i.Position.Next != b.After.Next {
					t.Fatalf("block %s: insert into %s under %s", b.Token, i.Table, i.Token)
				}
			}
			if last := len(tables) - 1; slices.Index(tables, "sink_positions") != last || len(slices.Compact(tables)) != last+1 {
				t.Fatalf("block %s: inserts into %v", b.Token, tables)
			}
			if ahead, err := storing.Look(Position{Next: b.start, Rule: b.rule}); ahead || err != nil {
				t.Errorf("block %s, in time: ahead %v, %v", b.Token, ahead, err)
			}
			if ahead, err := storing.Look(Position{Next: b.start, Rule: Rule{Rows: 3, Bytes: 3}}); !ahead || err != nil {
				t.Errorf("block %s, the one before stored by a sink that wants another rule: ahead %v, %v", b.Token, ahead, err)
			}
			if ahead, err := storing.Look(b.After); !ahead || err != nil {
				t.Errorf("block %s, stored by another: ahead %v, %v", b.Token, ahead, err)
			}
			if _, err := storing.Look(Position{Next: b.start - 1}); !errors.Is(err, ErrWentBack) {
				t.Errorf("block %s, of a ClickHouse that was restored: %v", b.Token, err)
			}
		}
	}
	if blocks < 2 {
		t.Fatalf("%d blocks: nothing was tested", blocks)
	}
}
