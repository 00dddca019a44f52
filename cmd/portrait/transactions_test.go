package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"portrait/pipeline/broker"
)

// TestTransactionalProducer writes events in transactions, committed and aborted, with another client than Portrait's,
// restarts the service in between, and reads the accounting: every offset is an event or explained, and an event that
// is really lost still shows.
func TestTransactionalProducer(t *testing.T) {
	needEngine(t)
	t.Run("embedded broker", func(t *testing.T) { testTransactions(t, "") })
	t.Run("Apache Kafka", func(t *testing.T) {
		if testing.Short() {
			t.Skip("Apache Kafka takes seconds to start: not with -short")
		}
		node, err := broker.StartApache(t.Context(), broker.ApacheConfig{Dir: t.TempDir()})
		if errors.Is(err, broker.ErrToolMissing) && !strings.Contains(os.Getenv("PORTRAIT_REQUIRE"), "kafka") {
			t.Skipf("no Apache Kafka: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(node.Close)
		testTransactions(t, node.Addr())
	})
}

// Offsets of the events partition: four events and a marker for each transaction.
func testTransactions(t *testing.T, address string) {
	p := startParts(t, address)
	data, file := p.node(t, "node", 1)
	config, err := LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	config.DataDir, config.HTTP = data, "127.0.0.1:0"
	service, stop := runBeside(t, config)
	producer, err := kgo.NewClient(kgo.SeedBrokers(p.broker), kgo.TransactionalID("shop"), kgo.DefaultProduceTopic("portrait.events"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	transaction(t, producer, "a", kgo.TryAbort)  // 0 to 4
	transaction(t, producer, "b", kgo.TryCommit) // 5 to 9
	transaction(t, producer, "c", kgo.TryAbort)  // 10 to 14
	transaction(t, producer, "d", kgo.TryAbort)  // 15 to 19
	transaction(t, producer, "e", kgo.TryCommit) // 20 to 24; what is behind the last event is not told of yet
	awaitAccounting(t, service, "(8,0,0,2,16,0,0,0,0,23,10,1)")
	counted := 0
	for _, r := range service.node.Status().Routers {
		counted += r.Counts.WithoutEvent
	}
	if counted != 16 {
		t.Errorf("the metric says that %d offsets are without an event", counted)
	}
	stop()
	service, stop = runBeside(t, config)
	defer stop()
	transaction(t, producer, "f", kgo.TryCommit) // 25 to 29
	awaitAccounting(t, service, "(12,0,0,3,17,0,0,0,0,28,15,1)")
	if err := service.conn.Exec(t.Context(), "DELETE FROM events WHERE events_offset = 21"); err != nil {
		t.Fatal(err)
	}
	awaitAccounting(t, service, "(11,0,0,3,17,0,1,0,0,28,15,0)")
}

// runBeside starts a service and returns what stops it.
func runBeside(t *testing.T, config Config) (*Service, func()) {
	t.Helper()
	s, err := StartService(t.Context(), config, Catalogs{Publish: []byte(shopCatalog)}, slog.New(slog.DiscardHandler), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error("service:", err)
		}
		s.Close()
	}
}

// transaction writes four events and ends the transaction.
func transaction(t *testing.T, producer *kgo.Client, name string, end kgo.TransactionEndTry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	if err := producer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		event := fmt.Sprintf(`{"event_id":"%s%d","event":"product_viewed","identifiers":{"device_id":"d%d"}}`, name, i, i)
		if err := producer.ProduceSync(ctx, &kgo.Record{Value: []byte(event)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := producer.EndTransaction(ctx, end); err != nil {
		t.Fatal(err)
	}
}

// awaitAccounting waits until the view says so of the only events partition.
func awaitAccounting(t *testing.T, s *Service, want string) {
	t.Helper()
	const columns = "(stored, duplicates, rejected, holes, without_event, doubled, missing_offsets, missing_indexes, first_offset, last_offset, expected, ok)"
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	for got := ""; got != want; {
		if err := s.conn.QueryRow(ctx, "SELECT ifNull(any(toString("+columns+")), '') FROM accounting").Scan(&got); err != nil {
			t.Fatal(err)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			t.Fatalf("%s: got %s, want %s", columns, got, want)
		}
	}
}
