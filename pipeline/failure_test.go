package pipeline

import (
	"context"
	"errors"
	"flag"
	"net"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
)

// away is how long the broker of TestBrokerAway is gone; the failure table's figure is 120s.
var away = flag.Duration("away", 4*time.Second, "how long the broker of TestBrokerAway is gone")

// demand sends a request of an administrator.
func demand(t *testing.T, ctx context.Context, addr string, request kmsg.Request) kmsg.Response {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	response, err := client.Request(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func must(t *testing.T, code int16) {
	t.Helper()
	if err := kerr.ErrorForCode(code); err != nil {
		t.Fatal(err)
	}
}

// recreate deletes a topic and makes it anew with some partitions.
func recreate(t *testing.T, ctx context.Context, addr, topic string, partitions int32) {
	t.Helper()
	gone := kmsg.NewPtrDeleteTopicsRequest()
	gone.TopicNames, gone.Topics = []string{topic}, []kmsg.DeleteTopicsRequestTopic{{Topic: &topic}}
	must(t, demand(t, ctx, addr, gone).(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode)
	large := "8000000"
	anew := kmsg.NewPtrCreateTopicsRequest()
	anew.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1,
		Configs: []kmsg.CreateTopicsRequestTopicConfig{{Name: "max.message.bytes", Value: &large}}}}
	must(t, demand(t, ctx, addr, anew).(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode)
}

// deleteBelow removes the records of one partition below an offset, as retention does.
func deleteBelow(t *testing.T, ctx context.Context, addr, topic string, partition int, offset int64) {
	t.Helper()
	r := kmsg.NewPtrDeleteRecordsRequest()
	r.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: int32(partition), Offset: offset}}}}
	must(t, demand(t, ctx, addr, r).(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0].ErrorCode)
}

// shorten makes a topic anew without the last n records of each partition, as a broker's host leaves it that
// crashes before it has synced them. The first record, which names the deployment, stays.
func shorten(t *testing.T, ctx context.Context, addr string, n *Node, topic string, partitions, lost int) {
	t.Helper()
	kept := make([][]kafka.Record, partitions)
	for p := range kept {
		records, err := kafka.ReadAll(ctx, n.client, topic, p)
		if err != nil {
			t.Fatal(err)
		}
		kept[p] = records[:max(1, len(records)-lost)]
	}
	recreate(t, ctx, addr, topic, int32(partitions))
	producer, err := kafka.NewProducer(ctx, n.client, kafka.DefaultProducerConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for p, records := range kept {
		for _, r := range records {
			if err := producer.Send(ctx, topic, p, kafka.Record{Key: r.Key, Value: r.Value, Headers: r.Headers}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := producer.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestTopicsThatWereTampered stops a node, does something to a topic that a running deployment must never
// see done, and starts it again: it refuses to go on, and names the place and the remedy.
func TestTopicsThatWereTampered(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(t *testing.T, ctx context.Context, addr string, n *Node)
		want   []string
		newDir bool // the state is lost, too
	}{
		{"the inboxes lost their last records", func(t *testing.T, ctx context.Context, addr string, n *Node) {
			shorten(t, ctx, addr, n, n.topics.Inbox, n.dep.InboxPartitions, 1)
		}, []string{"ahead of its log", "portrait.inbox/", "beyond", "start anew"}, false},
		{"the inboxes lost what the state here does not know of", func(t *testing.T, ctx context.Context, addr string, n *Node) {
			shorten(t, ctx, addr, n, n.topics.Inbox, n.dep.InboxPartitions, 1<<30)
		}, []string{"facts speak of a record that is gone", "portrait.inbox/", "beyond", "start anew"}, true},
		{"the inbox was cut below the checkpoint", func(t *testing.T, ctx context.Context, addr string, n *Node) {
			for q := range n.dep.InboxPartitions {
				// More than was applied, so that the position lies before the new start.
				p, err := kafka.NewProducer(ctx, n.client, kafka.DefaultProducerConfig())
				if err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if err := p.Send(ctx, n.topics.Inbox, q, kafka.Record{Value: []byte("gone")}, nil); err != nil {
						t.Fatal(err)
					}
				}
				if err := p.Flush(ctx); err != nil {
					t.Fatal(err)
				}
				p.Close()
				_, end, err := n.client.Offsets(ctx, n.topics.Inbox, q)
				if err != nil {
					t.Fatal(err)
				}
				deleteBelow(t, ctx, addr, n.topics.Inbox, q, end)
			}
		}, []string{"portrait.inbox/", "below", "snapshot", "start anew"}, false},
		{"the inbox was made anew", func(t *testing.T, ctx context.Context, addr string, n *Node) {
			recreate(t, ctx, addr, n.topics.Inbox, int32(n.dep.InboxPartitions))
		}, []string{"portrait.inbox/", "beyond", "start anew"}, false},
		{"the inbox was made anew with more partitions", func(t *testing.T, ctx context.Context, addr string, n *Node) {
			recreate(t, ctx, addr, n.topics.Inbox, 7)
		}, []string{"portrait.inbox", "7 partitions", "4"}, false},
		{"the events were made anew", func(t *testing.T, ctx context.Context, addr string, n *Node) {
			recreate(t, ctx, addr, n.topics.Events, int32(n.dep.EventsPartitions))
		}, []string{"portrait.events/", "beyond", "start anew"}, false},
		{"the events were made anew with fewer partitions", func(t *testing.T, ctx context.Context, addr string, n *Node) {
			recreate(t, ctx, addr, n.topics.Events, 1)
		}, []string{"portrait.events", "1 partition", "4"}, false},
		{"the catalogue holds a record of activation that is none", func(t *testing.T, ctx context.Context, addr string, n *Node) {
			c := &coordinator{client: n.client, producer: n.producer, topics: n.topics}
			if err := c.produce(ctx, n.topics.Catalog, 0, kafka.Record{Key: []byte(activatedKey), Value: []byte("poison")}); err != nil {
				t.Fatal(err)
			}
		}, []string{"catalogue topic, offset ", "activated version"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := broker.Start(broker.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			dir := t.TempDir()
			r := runNode(t, testNode(t, b.Addr(), dir))
			for q := range r.n.dep.InboxPartitions {
				for k := range 5 {
					r.buy(deviceIn(r.n.dep, q), k)
				}
				r.counted(deviceIn(r.n.dep, q), 5)
			}
			r.stop()
			other := testNode(t, b.Addr(), filepath.Join(t.TempDir(), "other")) // to tamper with
			c.tamper(t, r.t.Context(), b.Addr(), other)
			other.Close()
			if c.newDir {
				dir = t.TempDir()
			}
			err = startAgain(t, b.Addr(), dir)
			if err == nil {
				t.Fatal("the node goes on as if nothing had happened")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not say %q", err, want)
				}
			}
		})
	}
}

// startAgain opens and runs a node until it ends by itself, and returns why.
func startAgain(t *testing.T, addr, dir string) error {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	n, err := OpenNode(ctx, testConfig(t, addr, dir))
	if err != nil {
		return err
	}
	defer n.Close()
	err = n.Run(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// TestBrokerAway takes the broker away under load and brings it back on its port: nothing is lost or
// counted twice, memory stays bounded meanwhile, and afterwards an event is answered at once again.
func TestBrokerAway(t *testing.T) {
	dir := t.TempDir()
	b, err := broker.Start(broker.Config{Dir: filepath.Join(dir, "broker")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { b.Close() }()
	addr := b.Addr()
	r := runNodeFor(t, testNode(t, addr, dir), 2*time.Minute+3**away)
	shop, err := kafka.NewClient(kafka.Config{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	sender, err := kafka.NewProducer(r.ctx, shop, kafka.DefaultProducerConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	const people = 16
	sent := make(chan int, 1)
	load, enough := context.WithCancel(r.ctx)
	defer enough()
	go func() { // 1,000 events a second; what the broker does not take waits in the shop
		rounds := 0
		for sleep(load, people*time.Millisecond) {
			for p := range people {
				text := `{"event_id":"` + strconv.Itoa(rounds) + `","event":"order_paid","identifiers":{"device_id":"p` + strconv.Itoa(p) + `"}}`
				if err := sender.Send(r.ctx, r.n.topics.Events, p%4, kafka.Record{Value: []byte(text)}, nil); err != nil {
					t.Error(err)
				}
			}
			rounds++
		}
		sent <- rounds
	}()
	person := func(p int) string { return "p" + strconv.Itoa(p) }
	r.until("the shop is open", func() bool { doc, err := r.n.Lookup(r.ctx, "device_id:p0"); return err == nil && doc.Events > 20 })
	heap := heapInUse()
	b.Close()
	most := heap
	for gone := time.Now(); time.Since(gone) < *away; sleep(r.ctx, 100*time.Millisecond) {
		most = max(most, heapInUse())
		if q := r.n.Status().Producer.QueuedRecords; q > maxOwed {
			t.Fatalf("%d outputs wait for the broker, at most %d", q, maxOwed)
		}
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = broker.Start(broker.Config{Dir: filepath.Join(dir, "broker"), Port: number}); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	enough()
	rounds := <-sent
	for p := range people {
		r.counted(person(p), int64(rounds))
	}
	caught := time.Since(back)
	fresh := time.Now()
	r.buy("fresh", 1)
	r.counted("fresh", 1)
	t.Logf("broker away for %v: %d events counted once, all %v after its return; then an event was counted within %v; heap %d MB before, %d MB at most while it was away",
		*away, rounds*people, caught.Round(time.Millisecond), time.Since(fresh).Round(time.Millisecond), heap>>20, most>>20)
	if most > heap+256<<20 {
		t.Errorf("the heap grew from %d to %d MB while the broker was away", heap>>20, most>>20)
	}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
