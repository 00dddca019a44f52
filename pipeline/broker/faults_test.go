package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"portrait/pipeline/kafka"
)

func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func connect(t testing.TB, addrs ...string) *kafka.Client {
	t.Helper()
	client, err := kafka.NewClient(kafka.Config{Brokers: addrs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func producer(t testing.TB, client *kafka.Client) *kafka.Producer {
	t.Helper()
	config := kafka.DefaultProducerConfig()
	config.BatchRecords = 20
	p, err := kafka.NewProducer(context.Background(), client, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func ensure(t testing.TB, client *kafka.Client, cleanup kafka.Cleanup) {
	t.Helper()
	spec := kafka.TopicSpec{Name: "t", Partitions: 1, Cleanup: cleanup, MaxMessageBytes: 4 << 20}
	if err := kafka.EnsureTopics(deadline(t), client, []kafka.TopicSpec{spec}); err != nil {
		t.Fatal(err)
	}
}

func number(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

// firsts checks that records hold the numbers 0 to n-1 in order, where a number once seen may come
// again (receivers drop it), and returns how many came again.
func firsts(t *testing.T, records []kafka.Record, n int) (repeats int) {
	t.Helper()
	seen := 0
	for _, r := range records {
		switch k := int(binary.BigEndian.Uint32(r.Value)); {
		case k == seen:
			seen++
		case k < seen:
			repeats++
		default:
			t.Fatalf("offset %d holds %d before %d came", r.Offset, k, seen)
		}
	}
	if seen != n {
		t.Fatalf("%d of %d records", seen, n)
	}
	return repeats
}

// Under every fault: no acknowledged record is lost, none overtakes another, acks come once and in
// order, and the fetcher neither fails nor skips.
func TestFaults(t *testing.T) {
	produce, fetch := []kmsg.Key{kmsg.Produce}, []kmsg.Key{kmsg.Fetch}
	for _, c := range []struct {
		name    string
		inject  func(t *testing.T, cluster *kfake.Cluster)
		repeats bool // records may be written twice
	}{
		{"none", func(*testing.T, *kfake.Cluster) {}, false},
		{"acks lost after the append", func(_ *testing.T, c *kfake.Cluster) {
			c.Fault(kfake.Fault{Keys: produce, Err: kerr.RequestTimedOut, Count: 7})
		}, true},
		{"too few replicas after the append", func(_ *testing.T, c *kfake.Cluster) {
			c.Fault(kfake.Fault{Keys: produce, Err: kerr.NotEnoughReplicasAfterAppend, Count: 7})
		}, true},
		{"not the leader", func(_ *testing.T, c *kfake.Cluster) {
			c.Fault(kfake.Fault{Keys: append(produce, fetch...), Err: kerr.NotLeaderForPartition, Count: 9})
		}, false},
		{"unknown for a while", func(_ *testing.T, c *kfake.Cluster) {
			c.Fault(kfake.Fault{Keys: append(produce, fetch...), Err: kerr.UnknownTopicOrPartition, Count: 9})
		}, false},
		{"storage error while fetching", func(_ *testing.T, c *kfake.Cluster) {
			c.Fault(kfake.Fault{Keys: fetch, Err: kerr.KafkaStorageError, Count: 5})
		}, false},
		{"out of range by mistake", func(_ *testing.T, c *kfake.Cluster) {
			c.Fault(kfake.Fault{Keys: fetch, Err: kerr.OffsetOutOfRange, Count: 3})
		}, false},
		{"slow answers", func(_ *testing.T, c *kfake.Cluster) {
			requests := 0
			c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				if requests++; requests%10 == 0 {
					c.SleepControl(func() { <-time.After(100 * time.Millisecond) })
				}
				return nil, nil, false
			})
		}, false},
		{"connections closed", func(_ *testing.T, c *kfake.Cluster) { every(c, 5, kmsg.Produce, kmsg.Fetch) }, false},
		{"leader moves", func(t *testing.T, c *kfake.Cluster) {
			requests := 0
			c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				if requests++; requests%10 == 3 {
					if err := c.MoveTopicPartition("t", 0, int32(requests/10%3)); err != nil {
						t.Error(err)
					}
				}
				return nil, nil, false
			})
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const n = 1000
			ctx := deadline(t)
			cluster, err := kfake.NewCluster(kfake.NumBrokers(3))
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			client := connect(t, cluster.ListenAddrs()...)
			ensure(t, client, kafka.CleanupDelete)
			c.inject(t, cluster)
			p := producer(t, client)
			var acked atomic.Int64
			go func() {
				for i := range n {
					if err := p.Send(ctx, "t", 0, kafka.Record{Value: number(i)}, func() {
						if k := acked.Add(1); k != int64(i+1) {
							t.Errorf("ack %d is of record %d", k, i)
						}
					}); err != nil {
						t.Error(err)
					}
				}
			}()
			var records []kafka.Record
			f := kafka.NewFetcher(client, "t", 0, 0)
			for highest := -1; highest < n-1; {
				batch, err := f.Next(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range batch.Records {
					highest = max(highest, int(binary.BigEndian.Uint32(r.Value)))
				}
				records = append(records, batch.Records...)
			}
			repeats := firsts(t, records, n)
			if (repeats > 0) != c.repeats {
				t.Errorf("%d records came twice", repeats)
			}
			if err := p.Flush(ctx); err != nil || acked.Load() != n {
				t.Errorf("%d acks, %v", acked.Load(), err)
			}
		})
	}
}

// every closes the connection of every n-th request of the keys, before it has an effect.
func every(c *kfake.Cluster, n int, keys ...kmsg.Key) {
	for _, key := range keys {
		requests := 0
		c.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if requests++; requests%n == 0 {
				return nil, errors.New("closed by the test"), true
			}
			return nil, nil, false
		})
	}
}

// A refused authorization is final for both sides, at once.
func TestAuthorizationRefused(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	client := connect(t, cluster.ListenAddrs()...)
	ensure(t, client, kafka.CleanupDelete)
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce, kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	p := producer(t, client)
	if err := p.Send(deadline(t), "t", 0, kafka.Record{Value: []byte("x")}, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-p.Fatal(); err == nil {
		t.Error("no fatal error")
	}
	if _, err := kafka.NewFetcher(client, "t", 0, 0).Next(deadline(t)); err == nil {
		t.Error("fetched")
	}
}

// A user that may not create topics gets along with those that exist, and is told about the others.
func TestTopicsMadeByAnAdministrator(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	client := connect(t, cluster.ListenAddrs()...)
	ensure(t, client, kafka.CleanupDelete)
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	ensure(t, client, kafka.CleanupDelete)
	missing := kafka.TopicSpec{Name: "missing", Partitions: 1, Cleanup: kafka.CleanupDelete, MaxMessageBytes: 1 << 20}
	err = kafka.EnsureTopics(deadline(t), client, []kafka.TopicSpec{missing})
	if err == nil || !strings.Contains(err.Error(), "missing") || !strings.Contains(err.Error(), "administrator") {
		t.Errorf("error %v", err)
	}
}

// A fetcher whose broker is away returns empty batches that say why, so that its caller can tick.
func TestFetcherTicksWithoutBroker(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	client := connect(t, b.Addr())
	ensure(t, client, kafka.CleanupDelete)
	ctx := deadline(t)
	f := kafka.NewFetcher(client, "t", 0, 0)
	if _, err := f.Next(ctx); err != nil {
		t.Fatal(err)
	}
	b.Close()
	for told := false; !told; {
		batch, err := f.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		told = batch.Err != nil
	}
	p := producer(t, client)
	if err := p.Send(ctx, "t", 0, kafka.Record{Value: []byte("late")}, nil); err != nil {
		t.Fatal(err)
	}
	for p.Stats().Retries < 2 {
		if ctx.Err() != nil {
			t.Fatal("no retries")
		}
		if _, err := f.Next(ctx); err != nil {
			t.Fatal(err)
		}
	}
	b, err = Start(Config{Dir: dir}) // on the port that the directory remembers
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for {
		batch, err := f.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch.Records) > 0 {
			if got := string(batch.Records[0].Value); got != "late" {
				t.Errorf("got %q", got)
			}
			return
		}
	}
}

// After compaction, also of compressed batches of an idempotent producer, a reader gets the latest
// value of each key, from every offset, and reaches the end.
func TestReadAfterCompaction(t *testing.T) {
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.ZstdCompression()} {
		ctx := deadline(t)
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.BrokerConfigs(map[string]string{"log.segment.bytes": "2000"}))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		client := connect(t, cluster.ListenAddrs()...)
		ensure(t, client, kafka.CleanupCompact)
		other, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("t"), kgo.ProducerBatchCompression(codec))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		for i := range 50 {
			var batch []*kgo.Record
			for k := range 20 {
				batch = append(batch, &kgo.Record{Key: fmt.Appendf(nil, "%d", (i*7+k)%40), Value: number(i)})
			}
			if err := other.ProduceSync(ctx, batch...).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		before, err := kafka.ReadAll(ctx, client, "t", 0)
		if err != nil {
			t.Fatal(err)
		}
		cluster.Compact()
		after, err := kafka.ReadAll(ctx, client, "t", 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(after) >= len(before) {
			t.Fatalf("nothing was compacted: %d records", len(after))
		}
		if a, b := latest(before), latest(after); !slices.Equal(a, b) {
			t.Errorf("latest values differ:\n%v\n%v", a, b)
		}
		start, end, err := client.Offsets(ctx, "t", 0)
		if err != nil {
			t.Fatal(err)
		}
		for from := start; from < end; from++ {
			f := kafka.NewFetcher(client, "t", 0, from)
			batch, err := f.Next(ctx)
			if err != nil || batch.Next <= from {
				t.Fatalf("from %d: next %d, %v", from, batch.Next, err)
			}
		}
	}
}

func latest(records []kafka.Record) []string {
	values := map[string]string{}
	for _, r := range records {
		values[string(r.Key)] = fmt.Sprintf("%s@%d=%x", r.Key, r.Offset, r.Value)
	}
	var out []string
	for _, v := range values {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}
