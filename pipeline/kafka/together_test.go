package kafka

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestOneRequestForEachBroker: what waits when a request is made goes with it, one for each broker that leads some of it.
func TestOneRequestForEachBroker(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(12, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	for partition := range int32(12) {
		if err := cluster.MoveTopicPartition("t", partition, partition%3); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var requests []int // partitions of each
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		requests = append(requests, len(request.(*kmsg.ProduceRequest).Topics[0].Partitions))
		return nil, nil, false
	})
	client, err := NewClient(Config{Brokers: cluster.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	p, err := NewProducer(t.Context(), client, DefaultProducerConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()

	waiting := newPost(p) // nobody empties it but the test
	for partition := range 12 {
		var encoder batchEncoder
		batch, err := encoder.encode([]item{{record: Record{Value: fmt.Append(nil, partition)}}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		waiting.parcels = append(waiting.parcels, &parcel{place: place{"t", partition}, encoded: bytes.Clone(batch), done: make(chan error, 1)})
	}
	all := slices.Clone(waiting.parcels)
	waiting.exchange(waiting.take())
	for _, one := range all {
		select {
		case err := <-one.done:
			if err != nil {
				t.Errorf("%v: %v", one.place, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%v: no answer", one.place)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(requests, []int{4, 4, 4}) {
		t.Errorf("requests with %v partitions, want three with 4", requests)
	}
	if len(waiting.parcels) != 0 || p.Stats().Requests > 3 {
		t.Errorf("%d parcels left, %d requests counted", len(waiting.parcels), p.Stats().Requests)
	}
}

// TestTakeIsBounded: a request has at most maxTogether bytes of batches, but always one batch.
func TestTakeIsBounded(t *testing.T) {
	o := &post{}
	for _, size := range []int{maxTogether + 1, maxTogether / 2, maxTogether / 2, 1, 7} {
		o.parcels = append(o.parcels, &parcel{encoded: make([]byte, size)})
	}
	var got []int
	for parcels := o.take(); len(parcels) > 0; parcels = o.take() {
		got = append(got, len(parcels))
	}
	if !slices.Equal(got, []int{1, 2, 2}) {
		t.Errorf("taken %v, want 1, 2, 2", got)
	}
}
