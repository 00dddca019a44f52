package kafka_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"portrait/pipeline/kafka"
)

// TestEcho: after a change of owner what was told is told once more, the newest of each key, and what is newer stays last.
func TestEcho(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		ctx := deadline(t)
		topic := newTopic(t, client, 1)
		p := newProducer(t, client, func(c *kafka.ProducerConfig) { c.Echo, c.EchoAfter = topic, 300*time.Millisecond })
		send := func(key, value string) {
			t.Helper()
			if err := p.Send(ctx, topic, 0, kafka.Record{Key: []byte(key), Value: []byte(value)}, nil); err != nil {
				t.Fatal(err)
			}
			if err := p.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
		send("before", "1")
		p.Echo()
		send("a", "1")
		send("b", "1")
		send("a", "2")
		arrived(t, client, topic, 4+2)
		send("b", "2")
		records, err := kafka.ReadAll(ctx, client, topic, 0)
		if err != nil {
			t.Fatal(err)
		}
		last, times := map[string]string{}, map[string]int{}
		for _, r := range records {
			last[string(r.Key)] = string(r.Value)
			times[string(r.Key)+string(r.Value)]++
		}
		if got := fmt.Sprint(last, times); got != "map[a:2 b:2 before:1] map[a1:1 a2:2 b1:2 b2:1 before1:1]" {
			t.Errorf("%s", got)
		}
	})
}

// arrived waits until a partition has n records.
func arrived(t *testing.T, client *kafka.Client, topic string, n int) {
	t.Helper()
	f, ctx := kafka.NewFetcher(client, topic, 0, 0), deadline(t)
	for have := 0; have < n; {
		batch, err := f.Next(ctx)
		if err != nil {
			t.Fatalf("%d records, want %d: %v", have, n, err)
		}
		have += len(batch.Records)
	}
}

// TestEchoInPieces: what is told again goes in pieces, and a key that changes while it waits for its piece is left out.
func TestEchoInPieces(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		const keys = 500
		ctx := deadline(t)
		topic := newTopic(t, client, 1)
		p := newProducer(t, client, func(c *kafka.ProducerConfig) { c.Echo, c.EchoAfter = topic, 2*time.Second })
		send := func(version int) {
			t.Helper()
			for k := range keys {
				if err := p.Send(ctx, topic, 0, kafka.Record{Key: fmt.Append(nil, k), Value: fmt.Append(nil, version)}, nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
		p.Echo()
		send(1)
		arrived(t, client, topic, keys+1)
		send(2)                   // behind the first piece, before the last
		first := p.Stats().Echoed // nothing of it is left: all keys have changed since
		p.Echo()
		send(3)
		arrived(t, client, topic, 4*keys+int(first))
		records, err := kafka.ReadAll(ctx, client, topic, 0)
		if err != nil {
			t.Fatal(err)
		}
		last := map[string]string{}
		for _, r := range records {
			if string(r.Value) < last[string(r.Key)] {
				t.Errorf("key %s: %s behind %s", r.Key, r.Value, last[string(r.Key)])
			}
			last[string(r.Key)] = string(r.Value)
		}
		if want := 4*keys + int(first); len(last) != keys || len(records) != want {
			t.Errorf("%d keys, %d records, want %d", len(last), len(records), want)
		}
	})
}

// TestHold: nothing goes to the compacted topic while Hold says so, and everything else does.
func TestHold(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		ctx := deadline(t)
		compacted, other := newTopic(t, client, 1), newTopic(t, client, 1)
		var held atomic.Bool
		held.Store(true)
		asked := make(chan struct{})
		p := newProducer(t, client, func(c *kafka.ProducerConfig) {
			c.Echo = compacted
			c.Hold = func() bool {
				select {
				case asked <- struct{}{}:
				default: // nobody waits for the question
				}
				return held.Load()
			}
		})
		acked := make(chan struct{})
		if err := p.Send(ctx, compacted, 0, kafka.Record{Key: []byte("k"), Value: []byte("v")}, func() { close(acked) }); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		if err := p.Send(ctx, other, 0, kafka.Record{Value: []byte("v")}, func() { close(done) }); err != nil {
			t.Fatal(err)
		}
		<-done
		for range 3 { // it has been asked again, and said so again
			select {
			case <-asked:
			case <-ctx.Done():
				t.Fatal("nobody asks")
			}
		}
		if _, end, err := client.Offsets(ctx, compacted, 0); err != nil || end != 0 {
			t.Errorf("%d records while held, %v", end, err)
		}
		held.Store(false)
		<-acked
	})
}
