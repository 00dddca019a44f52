package kafka_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"portrait/pipeline/kafka"
)

// A position outside of the log is a typed error with its remedy, never a skip.
func TestOffsetsOutsideOfTheLog(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		ctx := deadline(t)
		topic := newTopic(t, client, 1)
		p := newProducer(t, client)
		for i := range 10 {
			if err := p.Send(ctx, topic, 0, kafka.Record{Value: []byte{byte(i)}}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		deleteRecords(t, client, topic, 4)
		if start, end, err := client.Offsets(ctx, topic, 0); err != nil || start != 4 || end != 10 {
			t.Fatalf("offsets %d to %d, %v; want 4 to 10", start, end, err)
		}
		for _, c := range []struct {
			name   string
			offset int64
			want   error
			remedy string
		}{
			{"below the start", 3, kafka.ErrOffsetBelowStart, "snapshot"},
			{"at the start", 4, nil, ""},
			{"at the end", 10, nil, ""},
			{"beyond the end", 11, kafka.ErrOffsetBeyondEnd, "start anew"},
			{"far beyond", 1 << 40, kafka.ErrOffsetBeyondEnd, "start anew"},
			{"negative", -1, kafka.ErrOffsetBelowStart, "snapshot"},
		} {
			t.Run(c.name, func(t *testing.T) {
				batch, err := kafka.NewFetcher(client, topic, 0, c.offset).Next(ctx)
				if !errors.Is(err, c.want) {
					t.Fatalf("error %v, want %v", err, c.want)
				}
				if c.want == nil {
					if batch.Start != 4 || batch.High != 10 || batch.Next != 10 || len(batch.Records) != int(10-c.offset) {
						t.Errorf("batch %+v", batch)
					}
					return
				}
				var detail *kafka.OffsetError
				if !errors.As(err, &detail) || detail.Start != 4 || detail.End != 10 || detail.Offset != c.offset || !strings.Contains(err.Error(), c.remedy) {
					t.Errorf("error %v", err)
				}
			})
		}
	})
}

func TestOffsetsOfUnknownPartition(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		topic := newTopic(t, client, 1)
		if start, end, err := client.Offsets(deadline(t), topic, 7); err == nil {
			t.Errorf("offsets %d to %d of a partition that is not there", start, end)
		}
	})
}

// Records of aborted transactions and the markers are never seen, and do not stop anybody.
func TestTransactionsOfOtherProducers(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.ZstdCompression()} {
			ctx := deadline(t)
			topic := newTopic(t, client, 1)
			other, err := kgo.NewClient(kgo.SeedBrokers(client.Brokers()...), kgo.TransactionalID("tx-"+topic),
				kgo.ProducerBatchCompression(codec), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			var want []string
			for k, commit := range []kgo.TransactionEndTry{true, false, false, true, false} {
				if err := other.BeginTransaction(); err != nil {
					t.Fatal(err)
				}
				for i := range 5 {
					text := fmt.Sprintf("%d-%d", k, i)
					if err := other.ProduceSync(ctx, &kgo.Record{Value: []byte(text)}).FirstErr(); err != nil {
						t.Fatal(err)
					}
					if commit {
						want = append(want, text)
					}
				}
				if err := other.EndTransaction(ctx, commit); err != nil {
					t.Fatal(err)
				}
			}
			_, end, err := client.Offsets(ctx, topic, 0)
			if err != nil {
				t.Fatal(err)
			}
			for from := int64(0); from <= end; from++ {
				var got []string
				seen := make([]int, end) // how often each offset is a record or in a void
				f := kafka.NewFetcher(client, topic, 0, from)
				for next := from; next < end; {
					batch, err := f.Next(ctx)
					if err != nil {
						t.Fatal(err)
					}
					for _, r := range batch.Records {
						got = append(got, string(r.Value))
						seen[r.Offset]++
					}
					for _, v := range batch.Voids {
						for at := v.First; at <= min(v.Last, end-1); at++ { // the last marker may have come meanwhile
							seen[at]++
						}
					}
					next = batch.Next
				}
				if i := slices.IndexFunc(seen[from:], func(n int) bool { return n != 1 }); i >= 0 {
					t.Fatalf("from %d: offset %d is a record or in a void %d times", from, from+int64(i), seen[from+int64(i)])
				}
				if g, w := strings.Join(got, " "), strings.Join(want, " "); !strings.HasSuffix(w, g) || from == 0 && g != w {
					t.Fatalf("from %d: got %s, want %s", from, g, w)
				}
			}
		}
	})
}

// Behind an open transaction nothing can be read; it is not an error, and High says so.
func TestOpenTransaction(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		ctx := deadline(t)
		topic := newTopic(t, client, 1)
		other, err := kgo.NewClient(kgo.SeedBrokers(client.Brokers()...), kgo.TransactionalID("tx-"+topic), kgo.DefaultProduceTopic(topic))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if err := other.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := other.ProduceSync(ctx, &kgo.Record{Value: []byte("open")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		f := kafka.NewFetcher(client, topic, 0, 0)
		batch, err := f.Next(ctx)
		if err != nil || batch.Err != nil || len(batch.Records) != 0 || batch.High != 0 {
			t.Fatalf("batch %+v, error %v", batch, err)
		}
		if records, err := kafka.ReadAll(ctx, client, topic, 0); err != nil || len(records) != 0 {
			t.Fatalf("read all: %v, %v", records, err)
		}
		if err := other.EndTransaction(ctx, kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		if got := fetchTo(t, f, 1); string(got[0].Value) != "open" {
			t.Errorf("got %q", got[0].Value)
		}
	})
}

// deleteRecords moves the start of partition 0, as retention does.
func deleteRecords(t *testing.T, client *kafka.Client, topic string, start int64) {
	t.Helper()
	admin, err := kgo.NewClient(kgo.SeedBrokers(client.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.Topics = []kmsg.DeleteRecordsRequestTopic{{
		Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: start}},
	}}
	response, err := request.RequestWith(deadline(t), admin)
	if err == nil {
		err = kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}
