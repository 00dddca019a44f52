package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/schemas"
)

func testNode(t *testing.T, addr, dir string, change ...func(*Config)) *Node {
	t.Helper()
	c := testConfig(t, addr, dir)
	for _, f := range change {
		f(&c)
	}
	n, err := OpenNode(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func testConfig(t *testing.T, addr, dir string) Config {
	t.Helper()
	keys, err := normalize.NewKeys(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	dep := schemas.DefaultDeployment()
	dep.ID = "test"
	catalog := []byte(`name: test
features:
  orders: {kind: count, event: order_paid}
  carts: {kind: count, event: cart_added}
  since_cart: {kind: recency, event: cart_added}
tags:
  buyer: {when: "orders > 0"}
  cart_abandoned: {when: "carts > 0 && orders == 0 && since_cart > duration('2s')"}
`)
	return Config{Kafka: kafka.Config{Brokers: []string{addr}}, Prefix: "portrait",
		DataDir: filepath.Join(dir, "state"), Deployment: dep, Keys: keys, Catalog: catalog,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// TestNodeEndToEnd sends a few events through a broker and reads the tag changes they cause.
func TestNodeEndToEnd(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	n := testNode(t, b.Addr(), t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	defer func() {
		cancel()
		t.Log("run:", <-done)
		n.Close()
	}()
	now := time.Now().UnixMilli()
	send := func(k int, text string) {
		if err := n.producer.Send(ctx, "portrait.events", k%4, kafka.Record{Value: []byte(text)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	send(0, fmt.Sprintf(`{"event_id":"1","event":"cart_added","time":%d,"identifiers":{"device_id":"d1"}}`, now))
	send(1, fmt.Sprintf(`{"event_id":"2","event":"page_viewed","time":%d,"identifiers":{"device_id":"d1","phone":"13912345678"}}`, now))
	send(2, fmt.Sprintf(`{"event_id":"3","event":"order_paid","time":%d,"identifiers":{"phone":"13900000001"}}`, now))
	want := map[string]bool{"buyer entered": true, "cart_abandoned entered": true}
	fetchers := make([]*kafka.Fetcher, 4)
	for p := range fetchers {
		fetchers[p] = kafka.NewFetcher(n.client, "portrait.tags", p, 0)
	}
	deadline, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	for len(want) > 0 {
		for p := range fetchers {
			batch, err := fetchers[p].Next(deadline)
			if err != nil {
				t.Fatalf("still waiting for %v: %v", want, err)
			}
			for _, r := range batch.Records {
				var c schemas.TagChange
				if err := json.Unmarshal(r.Value, &c); err != nil {
					t.Fatal(err)
				}
				t.Logf("%s", r.Value)
				delete(want, c.Tag+" "+string(c.Change))
			}
		}
	}
	doc, err := n.Lookup(ctx, "phone:139 1234 5678")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", doc)
	if len(doc.Identifiers) != 2 {
		t.Errorf("identifiers %v: want phone and device", doc.Identifiers)
	}
	t.Logf("%+v", n.Status())
}

// A node that cannot open says why and lets go of everything: here the state is in use by another one.
func TestOpenNodeThatFails(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	dir := t.TempDir()
	n := testNode(t, b.Addr(), dir)
	again, err := OpenNode(t.Context(), n.config)
	if err == nil || again != nil {
		t.Fatalf("a second node on the same state: %v, %v", again, err)
	}
	t.Log(err)
	n.Close()
	testNode(t, b.Addr(), dir).Close()
}
