package kafka_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"portrait/pipeline/kafka"
)

// wide is a cluster of three brokers with a topic of twelve partitions, and what its produce requests held.
type wide struct {
	*kafka.Client
	mu       sync.Mutex
	requests []int // partitions of each
	refuse   int   // times that partition 5 is still to be refused
}

func newWide(t *testing.T) *wide {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(12, "wide"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	for partition := range int32(12) {
		if err := cluster.MoveTopicPartition("wide", partition, partition%3); err != nil {
			t.Fatal(err)
		}
	}
	w := &wide{}
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		w.mu.Lock()
		defer w.mu.Unlock()
		r := request.(*kmsg.ProduceRequest)
		n := 0
		for _, topic := range r.Topics {
			n += len(topic.Partitions)
		}
		w.requests = append(w.requests, n)
		return w.answer(r)
	})
	w.Client, err = kafka.NewClient(kafka.Config{Brokers: cluster.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// answer refuses partition 5 for as long as the test wants, and with it all others of that request: none of them is appended.
func (w *wide) answer(r *kmsg.ProduceRequest) (kmsg.Response, error, bool) {
	named := false
	for _, p := range r.Topics[0].Partitions {
		named = named || p.Partition == 5
	}
	if !named || w.refuse == 0 {
		return nil, nil, false
	}
	w.refuse--
	response := r.ResponseKind().(*kmsg.ProduceResponse)
	topic := kmsg.NewProduceResponseTopic()
	topic.Topic = r.Topics[0].Topic
	for _, p := range r.Topics[0].Partitions {
		answer := kmsg.NewProduceResponseTopicPartition()
		answer.Partition, answer.ErrorCode = p.Partition, kerr.NotEnoughReplicas.Code
		topic.Partitions = append(topic.Partitions, answer)
	}
	response.Topics = append(response.Topics, topic)
	return response, nil, true
}

// Batches of several partitions share requests, one for each broker that leads some of them, and what is refused in one
// of these comes again, alone or with others, in order and once.
func TestPartitionsShareRequests(t *testing.T) {
	w := newWide(t)
	w.refuse = 3
	ctx := deadline(t)
	p := newProducer(t, w.Client)
	const each = 300
	large := strings.Repeat("x", 2000) // of these a batch is written by itself, behind small ones
	for i := range each {
		for part := range 12 {
			value := fmt.Appendf(nil, "%d/%d", part, i)
			if part%4 == 0 {
				value = append(value, large...)
			}
			if err := p.Send(ctx, "wide", part, kafka.Record{Value: value}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	for part := range 12 {
		records := fetchTo(t, kafka.NewFetcher(w.Client, "wide", part, 0), each)
		if len(records) != each {
			t.Errorf("partition %d: %d records, want %d", part, len(records), each)
		}
		for i, r := range records {
			if want := fmt.Sprintf("%d/%d", part, i); strings.TrimRight(string(r.Value), "x") != want {
				t.Fatalf("partition %d: record %d is %.20q, want %s", part, i, r.Value, want)
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if stats := p.Stats(); w.refuse != 0 || stats.Retries < 3 {
		t.Errorf("%d refusals left, %d retries", w.refuse, stats.Retries)
	}
	for _, n := range w.requests { // how many share one is a matter of pace: TestOneRequestForEachBroker
		if n > 4 {
			t.Errorf("a request names %d partitions; a broker leads 4 of 12", n)
		}
	}
}

// A partition that its topic does not have is told alone; the others of that request are not held up.
func TestUnknownPartitionAmongOthers(t *testing.T) {
	w := newWide(t)
	ctx := deadline(t)
	p := newProducer(t, w.Client, func(c *kafka.ProducerConfig) { c.TopicGrace = 3_000_000_000 })
	if err := p.Send(ctx, "wide", 77, kafka.Record{Value: []byte("nowhere")}, nil); err != nil {
		t.Fatal(err)
	}
	acked := make(chan int, 100)
	for i := range 100 {
		if err := p.Send(ctx, "wide", i%12, kafka.Record{Value: []byte("here")}, func() { acked <- i }); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		select {
		case <-acked:
		case err := <-p.Fatal():
			t.Fatalf("before the others were acknowledged: %v", err)
		case <-ctx.Done():
			t.Fatal("the others were not acknowledged")
		}
	}
	select {
	case err := <-p.Fatal():
		if !strings.Contains(err.Error(), "wide/77") {
			t.Errorf("stopped by %v", err)
		}
	case <-ctx.Done():
		t.Fatal("a partition that does not exist was waited for without an end")
	}
}
