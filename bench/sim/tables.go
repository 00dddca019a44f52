package sim

import (
	"fmt"
	"reflect"
	"slices"

	"portrait/pipeline/kafka"
	"portrait/schemas/wire"
	"portrait/sinks/clickhouse"
)

// compareClickHouse compares what ClickHouse holds with what the same steps make of the facts when they
// are run once, and counts the rows by facts read in the dumbest way.
func (w *World) compareClickHouse() {
	for f := range w.Facts {
		log := w.storedFacts(f)
		want, err := w.storeOnce(f, log)
		if err != nil {
			w.fault("facts %d: stored once more without faults: %v", f, err)
			return
		}
		got := map[string][]any{}
		for table, list := range w.clickhouse.tables {
			for _, s := range list {
				if s.facts == f && table != positionsTable {
					got[table] = join(got[table], s.insert.Values)
				}
			}
		}
		for table, columns := range want {
			for k := range columns {
				if len(got[table]) == 0 || !reflect.DeepEqual(got[table][k], columns[k]) {
					w.fault("ClickHouse: column %d of %s, facts %d, differs from a run without faults: %s", k, table, f, differ(got[table], columns, k))
					break
				}
			}
		}
		for table := range got {
			if want[table] == nil {
				w.fault("ClickHouse: %s has rows of facts %d, a run without faults has none", table, f)
			}
		}
		w.countRows(f, log, got)
	}
	if w.Flat && w.barriers == nil {
		w.countItems()
	}
}

func differ(got, want []any, k int) string {
	if len(got) == 0 {
		return "no rows"
	}
	return fmt.Sprintf("%d rows %v, want %d %v", reflect.ValueOf(got[k]).Len(), got[k], reflect.ValueOf(want[k]).Len(), want[k])
}

// join appends columns to columns.
func join(all, more []any) []any {
	if all == nil {
		all = make([]any, len(more))
		for k := range more {
			all[k] = reflect.MakeSlice(reflect.TypeOf(more[k]), 0, 16).Interface()
		}
	}
	for k := range more {
		all[k] = reflect.AppendSlice(reflect.ValueOf(all[k]), reflect.ValueOf(more[k])).Interface()
	}
	return all
}

// storedFacts is the log of a facts partition as far as it is stored. What is not must be young: markers
// see to it that a tail never waits.
func (w *World) storedFacts(f int) []kafka.Record {
	log := w.broker.logs[place{w.topics.Facts, f}]
	p, _ := w.clickhouse.position(f)
	marks := make([]counter, w.Inbox)
	for _, r := range log {
		rec, err := wire.DecodeFacts(r.Value)
		if err != nil || rec.Deployment != w.hash || len(rec.Facts) == 0 {
			continue
		}
		fresh, _ := marks[rec.From].isNew(rec.Seq + uint64(len(rec.Facts)) - 1)
		if fresh && r.Offset >= p.Next && (w.Flat || w.clock-r.Time > 21_000) {
			w.fault("ClickHouse: facts %d offset %d of %d are not stored at %d", f, r.Offset, r.Time-start, w.clock-start)
		}
	}
	return log[:p.Next]
}

// storeOnce returns what the facts of a partition are in columns, in one block.
func (w *World) storeOnce(f int, log []kafka.Record) (map[string][]any, error) {
	rule := clickhouse.Rule{Rows: 1_000_000, Bytes: 1 << 30}
	steps := clickhouse.NewSteps(&w.dep, int32(f), clickhouse.Position{Rule: rule}, rule)
	out := map[string][]any{}
	take := func(r clickhouse.Record) error {
		blocks, err := steps.Add(r)
		for _, b := range blocks {
			for s, done := b.Storing(w.dep.Epoch), false; !done; done = s.Inserted() {
				if i := s.Insert(); i.Table != positionsTable {
					out[i.Table] = join(out[i.Table], i.Values)
				}
			}
		}
		return err
	}
	for _, r := range log {
		if err := take(factsRecord(r)); err != nil {
			return nil, err
		}
	}
	var e wire.Encoder
	foreign := wire.FactsRecord{} // of no deployment: it only ends the last block
	foreign.Encode(&e)
	return out, take(clickhouse.Record{Offset: int64(len(log)), Time: w.clock + 1_000_000, Value: e.B})
}

// tableOf names the table of each kind of fact.
var tableOf = map[wire.FactKind]string{wire.FactEvent: "events", wire.FactDuplicate: "duplicates", wire.FactRejected: "rejections",
	wire.FactMerge: "identity_merges", wire.FactEdge: "identity_edges", wire.FactTag: "tag_changes", wire.FactProfile: "profiles",
	wire.FactHole: "offsets_without_event"}

// countRows compares the rows of each table with the facts in the log, each once: source, version and the
// time of the record in which it came first.
func (w *World) countRows(f int, log []kafka.Record, got map[string][]any) {
	type key struct {
		source  int32
		version uint64
		logTime int64
	}
	want := map[string][]key{}
	marks := make([]counter, w.Inbox)
	for _, r := range log {
		rec, err := wire.DecodeFacts(r.Value)
		if err != nil || rec.Deployment != w.hash {
			continue
		}
		for i := range rec.Facts {
			if fresh, _ := marks[rec.From].isNew(rec.Seq + uint64(i)); fresh {
				t := tableOf[rec.Facts[i].Kind]
				want[t] = append(want[t], key{rec.From, rec.Facts[i].Version, r.Time})
			}
		}
	}
	for _, table := range tableOf {
		var have []key
		if columns := got[table]; columns != nil {
			at := func(name string) any {
				return columns[slices.Index(w.clickhouse.tables[table][0].insert.Columns, name)]
			}
			s, v, l := at("source").([]int32), at("version").([]uint64), at("log_time").([]int64)
			for k := range s {
				have = append(have, key{s[k], v[k], l[k]})
			}
		}
		if !reflect.DeepEqual(have, want[table]) {
			w.fault("ClickHouse: %s has rows %v of facts %d, the log has %v", table, have, f, want[table])
		}
	}
}

// countItems checks the accounting in sink_positions: every item of every events partition.
func (w *World) countItems() {
	got := make([]uint64, w.Events)
	for f := range w.Facts {
		p, _ := w.clickhouse.position(f)
		for _, c := range p.Items {
			got[c.Partition] += c.Items
		}
	}
	for p, records := range w.items {
		want := w.holes[p]
		for _, n := range records {
			want += uint64(n)
		}
		if got[p] != want {
			w.fault("ClickHouse: sink_positions counts %d items of events %d, want %d", got[p], p, want)
		}
	}
}
