package pipeline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
)

// TestStopLeavesEverythingInTheStore: what was applied before a stop is in the directory afterwards, however
// soon after an event the stop comes.
func TestStopLeavesEverythingInTheStore(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	n := testNode(t, b.Addr(), t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	limit, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	const people = 40
	for i := range people {
		text := fmt.Sprintf(`{"event":"order_paid","time":%d,"identifiers":{"device_id":"d%d"}}`, time.Now().UnixMilli(), i)
		if err := n.producer.Send(limit, n.topics.Events, i%4, kafka.Record{Value: []byte(text)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < people; {
		switch _, err := n.Lookup(limit, fmt.Sprintf("device_id:d%d", i)); {
		case err == nil:
			i++
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrNotHere):
			if !sleep(limit, 5*time.Millisecond) {
				t.Fatalf("person %d was never counted", i)
			}
		default:
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	keys, state := n.keys, n.config.DataDir
	n.Close()
	s, err := OpenStopped(state)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range people {
		if doc, err := s.Lookup(fmt.Sprintf("device_id:d%d", i), keys); err != nil || doc.Tags["buyer"] != true {
			t.Errorf("person %d: %+v, %v", i, doc, err)
		}
	}
}
