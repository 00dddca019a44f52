package main

import (
	"bytes"
	"log/slog"
	"testing"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/sinks/clickhouse"
)

// TestFactsLogKnowsItsEnd: what the sink reads comes with the newest record of the partition, which no single fetch reaches.
func TestFactsLogKnowsItsEnd(t *testing.T) {
	b, err := broker.Start(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	spec := kafka.TopicSpec{Name: "facts", Partitions: 2, Cleanup: kafka.CleanupDelete, Retention: -1, MaxMessageBytes: 4 << 20}
	if err := kafka.EnsureTopics(t.Context(), client, []kafka.TopicSpec{spec}); err != nil {
		t.Fatal(err)
	}
	producer, err := kafka.NewProducer(t.Context(), client, kafka.DefaultProducerConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	const records, minute = 300, int64(60_000)
	send := func(i int) {
		if err := producer.Send(t.Context(), "facts", 1, kafka.Record{Time: minute * int64(i+1), Value: bytes.Repeat([]byte{1}, 20_000)}, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range records {
		send(i)
	}
	if err := producer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := &factsLog{client: client, topic: "facts", log: slog.New(slog.DiscardHandler)}
	if err := l.Seek(t.Context(), 1, 5); err != nil {
		t.Fatal(err)
	}
	next := func() clickhouse.Batch {
		t.Helper()
		batch, err := l.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return batch
	}
	calls := 0
	for at := int64(5); at < records; calls++ {
		batch := next()
		if batch.Records[0].Offset != at {
			t.Fatalf("the batch begins at offset %d, want %d", batch.Records[0].Offset, at)
		}
		at += int64(len(batch.Records))
		if batch.Newest.Offset != records-1 || batch.Newest.Time != minute*records {
			t.Fatalf("up to offset %d the newest record is that at %d of %d ms, want %d, %d", at, batch.Newest.Offset, batch.Newest.Time, records-1, minute*records)
		}
	}
	if calls < 3 {
		t.Fatalf("%d records came in %d batches: nothing was tested", records, calls)
	}
	send(records)
	if batch := next(); batch.Newest.Offset != records {
		t.Errorf("the newest record is that at %d, want %d", batch.Newest.Offset, records)
	}
}
