package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"portrait/schemas/wire"
)

// BenchmarkStoreEvents stores blocks of 50,000 events, fsync and aggregate included; an operation is
// one event.
func BenchmarkStoreEvents(b *testing.B) {
	w := newWriter(testDeployment(1))
	for i := 0; i < b.N; i += 100 {
		facts := make([]wire.Fact, 0, 100)
		for k := range 100 {
			n := i + k
			facts = append(facts, eventFact(uint64(n+1), int64(n), n%20_000, fmt.Sprint("event", n%12), begin))
		}
		w.add(0, begin, facts...)
	}
	benchmarkRun(b, &memoryLog{records: w.records})
}

// BenchmarkStoreBlocks stores blocks of a few rows of every table, as a sink does that is up to date; an operation is one block.
func BenchmarkStoreBlocks(b *testing.B) {
	w, offset := newWriter(testDeployment(1)), int64(0)
	for second := range int64(b.N) + 1 {
		for kind := range 7 {
			w.add(0, begin+1000*second, mixedFact(kind, uint64(offset)<<16|uint64(kind), &offset, 1, begin))
		}
	}
	benchmarkRun(b, &memoryLog{records: w.records, blind: true})
}

// benchmarkRun times the storing of a whole log.
func benchmarkRun(b *testing.B, log *memoryLog) {
	e, err := StartEngine(b.Context(), EngineConfig{Dir: b.TempDir(), Log: os.Stderr})
	if err != nil {
		b.Skipf("no embedded ClickHouse here: %v", err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	}()
	if err := Migrate(b.Context(), e.DSN()); err != nil {
		b.Fatal(err)
	}
	conn, err := Connect(e.DSN())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	s, err := New(conn, DefaultConfig(testDeployment(1)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if err := s.Run(context.Background(), 0, log); !errors.Is(err, errLogEnd) {
		b.Fatal(err)
	}
}
