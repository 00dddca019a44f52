package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
)

// The suite runs against both brokers: the embedded one and Apache Kafka, one of each per test binary.
// Apache Kafka is skipped where Java or Maven is missing, unless PORTRAIT_REQUIRE names kafka.

var (
	embedded = once(func() (server, error) { return broker.Start(broker.Config{}) })
	apache   = once(func() (server, error) {
		dir, err := os.MkdirTemp("", "portrait-kafka-*")
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		node, err := broker.StartApache(ctx, broker.ApacheConfig{Dir: dir})
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		return &temporary{node, dir}, nil
	})
	running  []server // to be closed by TestMain
	topicSeq atomic.Int64
)

func once(start func() (server, error)) func() (server, error) {
	return sync.OnceValues(func() (server, error) {
		s, err := start()
		if err == nil {
			running = append(running, s)
		}
		return s, err
	})
}

type server interface {
	Addr() string
	Close()
}

type temporary struct {
	*broker.Apache
	dir string
}

func (s *temporary) Close() {
	s.Apache.Close()
	if err := os.RemoveAll(s.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, s := range running {
		s.Close()
	}
	os.Exit(code)
}

// onEach runs the test on a client of each broker.
func onEach(t *testing.T, test func(t *testing.T, client *kafka.Client)) {
	for _, b := range []struct {
		name  string
		start func() (server, error)
	}{{"embedded", embedded}, {"apache", apache}} {
		t.Run(b.name, func(t *testing.T) {
			if b.name == "apache" && testing.Short() {
				t.Skip("Apache Kafka takes seconds to start: not with -short")
			}
			test(t, connect(t, b.start))
		})
	}
}

func connect(t testing.TB, start func() (server, error)) *kafka.Client {
	t.Helper()
	s, err := start()
	if errors.Is(err, broker.ErrToolMissing) && !strings.Contains(os.Getenv("PORTRAIT_REQUIRE"), "kafka") {
		t.Skipf("no Apache Kafka: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{s.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// deadline is a context that ends a test that hangs.
func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// newTopic makes a topic of its own for a test.
func newTopic(t testing.TB, client *kafka.Client, partitions int, change ...func(*kafka.TopicSpec)) string {
	t.Helper()
	spec := kafka.TopicSpec{
		Name: fmt.Sprintf("test-%d", topicSeq.Add(1)), Partitions: partitions,
		Cleanup: kafka.CleanupDelete, MaxMessageBytes: 6 << 20,
	}
	for _, f := range change {
		f(&spec)
	}
	if err := kafka.EnsureTopics(deadline(t), client, []kafka.TopicSpec{spec}); err != nil {
		t.Fatal(err)
	}
	return spec.Name
}

func newProducer(t testing.TB, client *kafka.Client, change ...func(*kafka.ProducerConfig)) *kafka.Producer {
	t.Helper()
	config := kafka.DefaultProducerConfig()
	for _, f := range change {
		f(&config)
	}
	p, err := kafka.NewProducer(context.Background(), client, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// fetchTo reads until n records have come.
func fetchTo(t testing.TB, f *kafka.Fetcher, n int) []kafka.Record {
	t.Helper()
	ctx := deadline(t)
	var out []kafka.Record
	for len(out) < n {
		batch, err := f.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, batch.Records...)
	}
	return out
}
