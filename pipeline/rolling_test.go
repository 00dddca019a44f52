package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// rollingRate is how many people a second buy something while nodes restart; each is one tag change.
const rollingRate = 200

// TestRollingRestart stops and starts three nodes under load, one after the other: each leaves gracefully, and comes back
// on its own directory. Every purchase is counted once. The delays of tag changes are logged: what it costs depends on
// the machine.
func TestRollingRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of load: not with -short")
	}
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := newShelf(t)
	var nodes [3]*runningNode
	var homes [3]string
	for i := range nodes {
		homes[i] = t.TempDir()
		nodes[i] = startNode(t, b.Addr(), homes[i], fmt.Sprintf("node:%d", i), s.use)
	}
	until(t, "they do not share", func() bool {
		return len(nodes[0].open())+len(nodes[1].open())+len(nodes[2].open()) == 4 && len(nodes[2].open()) > 0 && len(nodes[1].open()) > 0
	})
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	producer, err := kafka.NewProducer(t.Context(), client, kafka.DefaultProducerConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	load, stop := context.WithCancel(t.Context())
	sent := make(chan int, 1)
	go func() {
		n := 0
		for ; sleep(load, time.Second/rollingRate); n++ {
			text := fmt.Sprintf(`{"event":"order_paid","time":%d,"identifiers":{"device_id":"d%d"}}`, time.Now().UnixMilli(), n)
			if producer.Send(t.Context(), "portrait.events", n%4, kafka.Record{Value: []byte(text)}, nil) != nil {
				break
			}
		}
		sent <- n
	}()
	pause := func(d time.Duration) {
		if !sleep(t.Context(), d) {
			t.Fatal("out of time")
		}
	}
	pause(6 * time.Second) // the first checkpoints and snapshots
	for i := range nodes {
		nodes[i].leave(t)
		pause(time.Second)
		nodes[i] = startNode(t, b.Addr(), homes[i], fmt.Sprintf("node:%d", i), s.use)
		until(t, "it does not come back", func() bool { return len(nodes[i].open()) > 0 })
		pause(2 * time.Second)
	}
	stop()
	n := <-sent
	if err := producer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for person := range n {
		doc, _ := lookupAmong(t, nodes[:], fmt.Sprintf("device_id:d%d", person))
		if doc.Events != 1 || doc.Tags["buyer"] != true {
			t.Fatalf("person %d: %d events, tags %v", person, doc.Events, doc.Tags)
		}
	}
	delays, slow := changeDelays(t, client)
	if len(delays) != n {
		t.Errorf("%d people became buyers, of %d", len(delays), n)
	}
	t.Logf("%d changes: p50 %v, p99 %v, longest %v; in %d different seconds a change took more than 500 ms",
		n, delays[n/2], delays[n*99/100], delays[n-1], slow)
}

// changeDelays returns how long each change took from its event until it was in the topic, ascending, repeats of a
// replay once; and in how many seconds of event time one took more than 500 ms.
func changeDelays(t *testing.T, client *kafka.Client) (delays []time.Duration, slow int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen, seconds := map[string]bool{}, map[int64]bool{}
	for p := range 4 {
		records, err := kafka.ReadAll(ctx, client, "portrait.tags", p)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			var c schemas.TagChange
			if err := json.Unmarshal(r.Value, &c); err != nil {
				t.Fatal(err)
			}
			if seen[c.ID] {
				continue
			}
			seen[c.ID] = true
			at, err := time.Parse(time.RFC3339Nano, c.EventTime)
			if err != nil {
				t.Fatal(err)
			}
			d := time.UnixMilli(r.Time).Sub(at)
			delays = append(delays, d)
			if d > 500*time.Millisecond {
				seconds[at.Unix()] = true
			}
		}
	}
	slices.Sort(delays)
	return delays, len(seconds)
}
