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
	c := DefaultConfig(testDeployment(1))
	w := newWriter(c.Deployment)
	for i := 0; i < b.N; i += 100 {
		facts := make([]wire.Fact, 0, 100)
		for k := range 100 {
			n := i + k
			facts = append(facts, eventFact(uint64(n+1), int64(n), n%20_000, fmt.Sprint("event", n%12), begin))
		}
		w.add(0, begin, facts...)
	}
	s, err := New(conn, c)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if err := s.Run(context.Background(), 0, &memoryLog{records: w.records}); !errors.Is(err, errLogEnd) {
		b.Fatal(err)
	}
}
