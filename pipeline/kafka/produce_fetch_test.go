package kafka_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"portrait/pipeline/kafka"
)

// Several partitions at once, records of every shape: what was acknowledged comes back, once, in order.
func TestRecordsComeBackInOrder(t *testing.T) {
	for _, compression := range []kafka.Compression{kafka.CompressionNone, kafka.CompressionLZ4, kafka.CompressionSnappy} {
		t.Run(string(compression), func(t *testing.T) {
			onEach(t, func(t *testing.T, client *kafka.Client) {
				const partitions, each = 3, 2000
				ctx := deadline(t)
				// The records are years old by their own time, by which brokers count retention.
				topic := newTopic(t, client, partitions, func(s *kafka.TopicSpec) { s.Retention = -1 })
				p := newProducer(t, client, func(c *kafka.ProducerConfig) {
					c.Compression, c.QueueRecords, c.BatchRecords = compression, 100, 70
				})
				var mu sync.Mutex
				acked := make([][]int, partitions)
				var senders sync.WaitGroup
				for part := range partitions {
					senders.Go(func() {
						for i := range each {
							if err := p.Send(ctx, topic, part, shaped(part, i), func() {
								mu.Lock()
								defer mu.Unlock()
								acked[part] = append(acked[part], i)
							}); err != nil {
								t.Error(err)
								return
							}
						}
					})
				}
				senders.Wait()
				if err := p.Flush(ctx); err != nil {
					t.Fatal(err)
				}
				for part := range partitions {
					if len(acked[part]) != each {
						t.Fatalf("partition %d: %d acks, want %d", part, len(acked[part]), each)
					}
					for i, k := range acked[part] {
						if i != k {
							t.Fatalf("partition %d: ack %d is of record %d", part, i, k)
						}
					}
					for i, got := range fetchTo(t, kafka.NewFetcher(client, topic, part, 0), each) {
						same(t, got, shaped(part, i), int64(i))
					}
				}
				s := p.Stats()
				if s.Records != partitions*each || s.QueuedRecords != 0 || s.QueuedBytes != 0 || s.Requests >= s.Records || s.Bytes == 0 {
					t.Errorf("stats %+v", s)
				}
			})
		})
	}
}

// shaped returns records with and without key, value, headers and time.
func shaped(part, i int) kafka.Record {
	r := kafka.Record{Time: 1_700_000_000_000 + int64(i%7)*1000 - int64(i)}
	switch i % 4 {
	case 0:
		r.Key, r.Value = []byte(fmt.Sprintf("k%d", i)), []byte(fmt.Sprintf("%d/%d %s", part, i, strings.Repeat("v", i%300)))
	case 1:
		r.Key = []byte{} // present and empty; the value is a tombstone
	case 2:
		r.Value = []byte{}
		r.Headers = []kafka.Header{{Key: "tag", Value: []byte("a")}, {Key: "nil"}, {Key: "", Value: []byte{}}}
	case 3:
		r.Value = bytes.Repeat([]byte{byte(i)}, 5000)
	}
	return r
}

func same(t *testing.T, got, want kafka.Record, offset int64) {
	t.Helper()
	want.Offset = offset
	if !reflect.DeepEqual(got, want) { // which tells a missing key or value from an empty one
		t.Fatalf("offset %d:\n got %.300q\nwant %.300q", offset, fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want))
	}
}

// Batches as other clients write them, with every codec; kafka-go's encoder is not ours.
func TestCodecsOfOtherProducers(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		for _, codec := range []kafkago.Compression{0, kafkago.Gzip, kafkago.Snappy, kafkago.Lz4, kafkago.Zstd} {
			t.Run(codec.String(), func(t *testing.T) {
				const batches, each = 3, 50
				topic := newTopic(t, client, 1)
				other := &kafkago.Client{Addr: kafkago.TCP(client.Brokers()...), Timeout: 10 * time.Second, Transport: new(kafkago.Transport)}
				var want []string
				for b := range batches {
					var records []kafkago.Record
					for i := range each {
						text := fmt.Sprintf("%s %d %d %s", codec, b, i, strings.Repeat("x", 100))
						want = append(want, text)
						records = append(records, kafkago.Record{Value: kafkago.NewBytes([]byte(text))})
					}
					response, err := other.Produce(deadline(t), &kafkago.ProduceRequest{
						Topic: topic, RequiredAcks: kafkago.RequireAll, Compression: codec, Records: kafkago.NewRecordReader(records...),
					})
					if err == nil {
						err = response.Error
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				// From the middle of a batch: the broker sends all of it.
				for _, from := range []int{0, 1, each - 1, each, 2*each + 7} {
					got := fetchTo(t, kafka.NewFetcher(client, topic, 0, int64(from)), len(want)-from)
					for i, r := range got {
						if r.Offset != int64(from+i) || string(r.Value) != want[from+i] {
							t.Fatalf("from %d: record %d is %d %.40q, want %.40q", from, i, r.Offset, r.Value, want[from+i])
						}
					}
				}
			})
		}
	})
}

func TestRecordOf4MB(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		ctx := deadline(t)
		topic := newTopic(t, client, 1)
		p := newProducer(t, client)
		big := bytes.Repeat([]byte("portrait"), 4<<20/8)
		for _, value := range [][]byte{[]byte("before"), big, []byte("after")} {
			if err := p.Send(ctx, topic, 0, kafka.Record{Value: value}, nil); err != nil {
				t.Fatal(err)
			}
		}
		got := fetchTo(t, kafka.NewFetcher(client, topic, 0, 0), 3)
		if string(got[0].Value) != "before" || !bytes.Equal(got[1].Value, big) || string(got[2].Value) != "after" {
			t.Errorf("got %d, %d, %d bytes", len(got[0].Value), len(got[1].Value), len(got[2].Value))
		}
	})
}

// Errors that no repeat heals stop the producer and name the place and the remedy.
func TestFatalErrors(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		small := newTopic(t, client, 1, func(s *kafka.TopicSpec) { s.MaxMessageBytes = 2000 })
		for _, c := range []struct {
			name, topic, want string
			value             int
		}{
			{"record too large", small, "raise max.message.bytes", 3000},
			{"topic gone", "no-such-topic", "is gone", 10},
		} {
			t.Run(c.name, func(t *testing.T) {
				ctx := deadline(t)
				p := newProducer(t, client, func(c *kafka.ProducerConfig) { c.TopicGrace = time.Second })
				acked := false
				if err := p.Send(ctx, c.topic, 0, kafka.Record{Value: make([]byte, c.value)}, func() { acked = true }); err != nil {
					t.Fatal(err)
				}
				select {
				case err := <-p.Fatal():
					if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.topic+"/0") {
						t.Errorf("error %q", err)
					}
				case <-ctx.Done():
					t.Fatal("no fatal error")
				}
				if err := p.Send(ctx, c.topic, 0, kafka.Record{}, nil); !errors.Is(err, kafka.ErrProducerStopped) {
					t.Errorf("send afterwards: %v", err)
				}
				if err := p.Flush(ctx); !errors.Is(err, kafka.ErrProducerStopped) {
					t.Errorf("flush afterwards: %v", err)
				}
				if acked {
					t.Error("acknowledged")
				}
			})
		}
	})
}

// An idle fetch ends by itself, without records and without an error, and says that it is caught up.
func TestEmptyBatch(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		topic := newTopic(t, client, 1)
		f := kafka.NewFetcher(client, topic, 0, 0)
		began := time.Now()
		batch, err := f.Next(deadline(t))
		for err == nil && batch.Err != nil { // a topic just made has no leader for a moment
			t.Log(batch.Err)
			batch, err = f.Next(deadline(t))
		}
		if err != nil || len(batch.Records) != 0 || batch.Next != 0 || batch.High != 0 || batch.Start != 0 {
			t.Errorf("batch %+v, error %v", batch, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
