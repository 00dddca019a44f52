package pipeline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// runningNode is a node under way in this process.
type runningNode struct {
	*Node
	stop  context.CancelFunc
	ended chan error
}

// startNode runs a node on a broker. Its address is its name.
func startNode(t *testing.T, addr, dir, name string, change ...func(*Config)) *runningNode {
	t.Helper()
	r := &runningNode{Node: testNode(t, addr, dir, change...), ended: make(chan error, 1)}
	r.Advertise(name)
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.ended <- r.Run(ctx) }()
	t.Cleanup(func() { r.leave(t) })
	return r
}

// leave stops a node gracefully; a second time it does nothing.
func (r *runningNode) leave(t *testing.T) {
	t.Helper()
	if r.ended == nil {
		return
	}
	r.stop()
	if err := <-r.ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("%s: %v", r.address, err)
	}
	r.ended = nil
	r.Close()
}

// open are the partitions whose machines run.
func (r *runningNode) open() (list []int) {
	for q := range r.drivers {
		if r.drivers[q].Load() != nil {
			list = append(list, q)
		}
	}
	return list
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(limit) {
			t.Fatal(what)
		}
		if !sleep(t.Context(), 10*time.Millisecond) {
			t.Fatal(what)
		}
	}
}

// lookupAnywhere asks one of two nodes, and then the one it names.
func lookupAnywhere(t *testing.T, first, second *runningNode, id string) (doc *schemas.ProfileDoc, hops int) {
	t.Helper()
	return lookupAmong(t, []*runningNode{first, second}, id)
}

// lookupAmong asks the first of some nodes, and then those it names.
func lookupAmong(t *testing.T, nodes []*runningNode, id string) (doc *schemas.ProfileDoc, hops int) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); {
		at, ask := nodes[0], id
		for hops = 0; hops < maxHops; hops++ {
			doc, err := at.Lookup(t.Context(), ask)
			var elsewhere *ElsewhereError
			if !errors.As(err, &elsewhere) || elsewhere.Owner == "" {
				if err == nil {
					return doc, hops
				}
				break // not applied yet, or a rebalance: ask again
			}
			for _, n := range nodes {
				if n.address == elsewhere.Owner {
					at = n
				}
			}
			ask = elsewhere.Identifier
		}
		if !sleep(t.Context(), 10*time.Millisecond) {
			break
		}
	}
	t.Fatalf("no node finds person %s", id)
	return nil, 0
}

// TestTwoNodes: a second node takes its half without stopping the machines of the other; both answer for all
// profiles between them; and who stays has everything when the other leaves.
func TestTwoNodes(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	first := startNode(t, b.Addr(), t.TempDir(), "first:1")
	until(t, "the first node does not take everything", func() bool { return len(first.open()) == 4 })
	const people = 40
	send := func(event string) {
		for i := range people {
			text := fmt.Sprintf(`{"event":%q,"time":%d,"identifiers":{"device_id":"d%d","customer_id":"c%d"}}`, event, time.Now().UnixMilli(), i, i)
			if err := first.producer.Send(t.Context(), first.topics.Events, i%4, kafka.Record{Value: []byte(text)}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	send("cart_added")
	before := make([]*machineDriver, 4)
	for q := range before {
		before[q] = first.drivers[q].Load()
	}
	second := startNode(t, b.Addr(), t.TempDir(), "second:2")
	until(t, "they do not share", func() bool { return len(first.open()) == 2 && len(second.open()) == 2 })
	for _, q := range first.open() {
		if first.drivers[q].Load() != before[q] {
			t.Errorf("inbox %d stayed, and its machine was stopped all the same", q)
		}
	}
	send("order_paid")
	redirected := 0
	for i := range people {
		for _, at := range [][2]*runningNode{{first, second}, {second, first}} {
			doc, hops := lookupAnywhere(t, at[0], at[1], fmt.Sprintf("device_id:d%d", i))
			if len(doc.Identifiers) != 2 {
				t.Errorf("person %d: %v", i, doc.Identifiers)
			}
			redirected += min(hops, 1)
		}
	}
	if redirected == 0 {
		t.Error("no lookup ever named the other node")
	}
	first.leave(t)
	until(t, "the second node does not take over", func() bool { return len(second.open()) == 4 })
	for i := range people {
		until(t, fmt.Sprintf("person %d is not what it was", i), func() bool {
			doc, err := second.Lookup(t.Context(), fmt.Sprintf("device_id:d%d", i))
			return err == nil && doc.Events == 2 && doc.Tags["buyer"] == true
		})
	}
}
