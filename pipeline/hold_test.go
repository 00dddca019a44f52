package pipeline

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// TestHoldKeepsOrder: whatever the store does meanwhile, everything goes once, in order, and nothing waits longer than
// holdMost.
func TestHoldKeepsOrder(t *testing.T) {
	var h hold
	const outputs = 400
	now := time.Unix(0, 0)
	var sent []int
	var said [outputs]time.Time
	ahead := false
	for i := range outputs {
		if i%7 == 3 {
			ahead = !ahead
		}
		size := 100
		if i >= 300 { // so large that some go before their time
			size = holdRoom / 3
		}
		o := Output{Partition: i, Record: kafka.Record{Value: make([]byte, size)}}
		said[i] = now
		if !h.keep(&o, nil, ahead, now) {
			sent = append(sent, i)
			if ahead {
				t.Fatalf("output %d was sent ahead of the store", i)
			}
		}
		now = now.Add(time.Duration(i%50) * time.Millisecond)
		for _, held := range h.due(ahead, now) {
			sent = append(sent, held.out.Partition)
		}
		bytes := 0
		for _, held := range h.list {
			if waited := now.Sub(said[held.out.Partition]); waited >= holdMost || !ahead {
				t.Fatalf("output %d: %d still waits after %v, ahead %v", i, held.out.Partition, waited, ahead)
			}
			bytes += len(held.out.Record.Value)
		}
		if bytes >= holdRoom {
			t.Fatalf("output %d: %d bytes are held", i, bytes)
		}
	}
	for _, held := range h.all() {
		sent = append(sent, held.out.Partition)
	}
	if len(sent) != outputs || !slices.IsSorted(sent) || len(h.list) != 0 {
		t.Fatalf("%d of %d were sent, %d are left: %v", len(sent), outputs, len(h.list), sent)
	}
}

// TestWaveAheadOfItsStore has thousands of timers due at once on a node that holds what it says to itself whenever a
// checkpoint is on its way, and stops it in the middle: the next one says the rest, each change once.
func TestWaveAheadOfItsStore(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	const people = 4_000
	dir, hurried := t.TempDir(), func(c *Config) {
		c.Deployment.TimersPerRecord = 16
		c.pace = &pace{interval: time.Millisecond}
	}
	n := startNode(t, b.Addr(), dir, "node:0", hurried)
	for i := range people {
		text := fmt.Sprintf(`{"event":"cart_added","identifiers":{"customer_id":"c%d"}}`, i)
		if err := n.producer.Send(t.Context(), n.topics.Events, i%4, kafka.Record{Value: []byte(text)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	abandoned := watchTag(t, b.Addr(), "cart_abandoned")
	until(t, "the wave does not begin", func() bool { return abandoned() > people/20 })
	n.leave(t)
	if got := abandoned(); got >= people {
		t.Fatalf("all %d had their tag when the node stopped: it was not in the middle", got)
	}
	n = startNode(t, b.Addr(), dir, "node:0", hurried)
	until(t, "the wave does not end", func() bool { return abandoned() >= people })
	var waited int64
	for _, m := range n.Status().Machines {
		waited += m.Held
	}
	if waited == 0 {
		t.Error("nothing was ever held")
	}
	if err := n.Rest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := abandoned(); got != people {
		t.Errorf("%d changes of %d people", got, people)
	}
}

// watchTag counts the changes of a tag that differ in profile and version: what a receiver does with them.
func watchTag(t *testing.T, addr, tag string) func() int {
	t.Helper()
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	var mu sync.Mutex
	seen := map[string]bool{}
	for p := range 4 {
		go followTags(t, client, p, func(c *schemas.TagChange) {
			if c.Tag == tag {
				mu.Lock()
				defer mu.Unlock()
				seen[fmt.Sprint(c.ProfileID, c.Version)] = true
			}
		})
	}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(seen)
	}
}
