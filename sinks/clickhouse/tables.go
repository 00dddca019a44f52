package clickhouse

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"portrait/schemas/wire"
)

// The tables that facts go to, in the order of their inserts.
const (
	tableEvents = iota
	tableDuplicates
	tableRejections
	tableTagChanges
	tableProfiles
	tableMerges
	tableEdges
	tableHoles
	tableCount
)

// column is one column of a table: how its values come out of facts, as the typed slice that
// clickhouse-go appends without reflection.
type column struct {
	name   string
	values func(rows []row) any
}

// table is a table with its columns; statements name them, so their order in the DDL is free.
type table struct {
	name    string
	columns []column
}

// of makes a column from the value of one row.
func of[T any](name string, value func(r *row) T) column {
	return column{name, func(rows []row) any {
		values := make([]T, len(rows))
		for i := range rows {
			values[i] = value(&rows[i])
		}
		return values
	}}
}

// tableOf returns where a fact goes. Texts that must be UUIDs are checked here, so that a bad one
// stops with its place instead of failing an insert for ever.
func tableOf(f *wire.Fact) (int, error) {
	switch f.Kind {
	case wire.FactEvent:
		return tableEvents, nil
	case wire.FactDuplicate:
		return tableDuplicates, nil
	case wire.FactRejected:
		return tableRejections, nil
	case wire.FactTag:
		return tableTagChanges, checkUUID(f.Tag.Winner)
	case wire.FactProfile:
		return tableProfiles, checkUUID(f.Doc.Winner)
	case wire.FactMerge:
		return tableMerges, nil
	case wire.FactEdge:
		return tableEdges, nil
	case wire.FactHole:
		return tableHoles, nil
	}
	return 0, fmt.Errorf("fact kind %d has no table", f.Kind)
}

func checkUUID(s string) error {
	if s == "" {
		return nil
	}
	if err := uuid.Validate(s); err != nil {
		return fmt.Errorf("winner %q: %w", s, err)
	}
	return nil
}

// winnerOf reads a text that checkUUID passed; zeros stand for none.
func winnerOf(s string) uuid.UUID {
	id, err := uuid.Parse(s)
	if err != nil {
		return uuid.Nil
	}
	return id
}

// amountOf returns the property amount as ClickHouse wants it, nil if there is none.
func amountOf(ev *wire.Event) *decimal.Decimal {
	n, ok := ev.Prop("amount").Number()
	if !ok {
		return nil
	}
	d := decimal.New(int64(n), -6)
	return &d
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// common are the columns that every table has.
func common(columns ...column) []column {
	return append(columns,
		of("decided_at", func(r *row) int64 { return r.fact.Decided }),
		of("source", func(r *row) int32 { return r.source }),
		of("version", func(r *row) uint64 { return r.fact.Version }),
		of("epoch", func(r *row) uint32 { return r.epoch }),
		of("log_time", func(r *row) int64 { return r.logTime }),
	)
}

func profileID(r *row) uuid.UUID { return r.fact.Profile }

// sinkTables are the tables, indexed by the constants above.
var sinkTables = [tableCount]table{
	tableEvents:     {"events", eventColumns()},
	tableDuplicates: {"duplicates", duplicateColumns()},
	tableRejections: {"rejections", rejectionColumns()},
	tableTagChanges: {"tag_changes", tagColumns()},
	tableProfiles:   {"profiles", profileColumns()},
	tableMerges:     {"identity_merges", mergeColumns()},
	tableEdges:      {"identity_edges", edgeColumns()},
	tableHoles:      {"offsets_without_event", holeColumns()},
}

// seenColumns are those of events and of their repeats.
func seenColumns(more ...column) []column {
	return common(append(more,
		of("profile_id", profileID),
		of("event_id", func(r *row) string { return r.fact.Event.ID }),
		of("event", func(r *row) string { return r.fact.Event.Name }),
		of("time", func(r *row) int64 { return r.fact.Event.Time }),
		of("events_partition", func(r *row) int32 { return r.fact.Event.At.Partition }),
		of("events_offset", func(r *row) int64 { return r.fact.Event.At.Offset }),
		of("events_index", func(r *row) int32 { return r.fact.Event.At.Index }),
		of("kafka_time", func(r *row) int64 { return r.fact.Event.Kafka }),
	)...)
}

func eventColumns() []column {
	return seenColumns(
		of("channel", func(r *row) string { return r.fact.Event.Channel }),
		of("identifiers", func(r *row) []string { return r.fact.Event.Identifiers }),
		of("properties", func(r *row) string { return propertiesJSON(r.fact.Event.Props) }),
		of("amount", func(r *row) *decimal.Decimal { return amountOf(r.fact.Event) }),
		of("catalog", func(r *row) int64 { return r.fact.Catalog }),
	)
}

func duplicateColumns() []column { return seenColumns() }

func rejectionColumns() []column {
	return common(
		of("events_partition", func(r *row) int32 { return r.fact.Rejected.At.Partition }),
		of("events_offset", func(r *row) int64 { return r.fact.Rejected.At.Offset }),
		of("events_index", func(r *row) int32 { return r.fact.Rejected.At.Index }),
		of("reason", func(r *row) string { return r.fact.Rejected.Reason }),
		of("detail", func(r *row) string { return r.fact.Rejected.Detail }),
		of("kafka_time", func(r *row) int64 { return r.fact.Rejected.Kafka }),
	)
}

func tagColumns() []column {
	return common(
		of("profile_id", profileID),
		of("tag", func(r *row) string { return r.fact.Tag.Tag }),
		of("change", func(r *row) string { return r.fact.Tag.Change }),
		of("value", func(r *row) string { return r.fact.Tag.Value }),
		of("previous", func(r *row) string { return r.fact.Tag.Previous }),
		of("previous_version", func(r *row) uint64 { return r.fact.Tag.PrevVer }),
		of("id", func(r *row) string { return r.fact.Tag.ID }),
		of("catalog", func(r *row) string { return r.fact.Tag.Catalog }),
		of("cause_kind", func(r *row) string { return r.fact.Tag.CauseKind }),
		of("cause_event_id", func(r *row) string { return r.fact.Tag.CauseID }),
		of("event_time", func(r *row) int64 { return r.fact.Tag.EventTime }),
		of("winner", func(r *row) uuid.UUID { return winnerOf(r.fact.Tag.Winner) }),
		of("inputs", func(r *row) string { return r.fact.Tag.Inputs }),
	)
}

func profileColumns() []column {
	return common(
		of("profile_id", profileID),
		of("as_of", func(r *row) int64 { return r.fact.Doc.AsOf }),
		of("first_seen", func(r *row) int64 { return r.fact.Doc.FirstSeen }),
		of("last_seen", func(r *row) int64 { return r.fact.Doc.LastSeen }),
		of("deleted", func(r *row) uint8 { return bit(r.fact.Doc.Deleted) }),
		of("winner", func(r *row) uuid.UUID { return winnerOf(r.fact.Doc.Winner) }),
		of("events", func(r *row) int64 { return r.fact.Doc.Events }),
		of("identifiers", func(r *row) []string { return r.fact.Doc.Identifiers }),
		of("tags", func(r *row) string { return namedJSON(r.fact.Doc.Tags) }),
		of("features", func(r *row) string { return namedJSON(r.fact.Doc.Features) }),
		of("catalog", func(r *row) int64 { return r.fact.Catalog }),
	)
}

func mergeColumns() []column {
	return common(
		of("loser", func(r *row) uuid.UUID { return r.fact.Merge.Loser }),
		of("winner", profileID),
		of("at", func(r *row) int64 { return r.fact.Merge.At }),
		of("direct", func(r *row) uint8 { return bit(r.fact.Merge.Direct) }),
		of("root", func(r *row) string { return r.fact.Merge.Root }),
		of("via", func(r *row) string { return r.fact.Merge.Via }),
		of("cause", func(r *row) string { return r.fact.Merge.Cause }),
	)
}

func edgeColumns() []column {
	return common(
		of("a", func(r *row) string { return r.fact.Edge.A }),
		of("b", func(r *row) string { return r.fact.Edge.B }),
		of("accepted", func(r *row) uint8 { return bit(r.fact.Edge.Accepted) }),
		of("reason", func(r *row) string { return r.fact.Edge.Reason }),
		of("cause", func(r *row) string { return r.fact.Edge.Cause }),
		of("at", func(r *row) int64 { return r.fact.Edge.At }),
		of("profile_id", profileID),
	)
}

func holeColumns() []column {
	return common(
		of("events_partition", func(r *row) int32 { return r.fact.Hole.At.Partition }),
		of("first_offset", func(r *row) int64 { return r.fact.Hole.First() }),
		of("last_offset", func(r *row) int64 { return r.fact.Hole.At.Offset }),
	)
}
