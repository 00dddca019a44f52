package peers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"portrait/bench/latency"
	"portrait/bench/traffic"
	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
)

// onBroker starts an embedded broker with topics of four partitions.
func onBroker(t *testing.T, topics ...string) (addr string) {
	t.Helper()
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var specs []kafka.TopicSpec
	for _, name := range topics {
		specs = append(specs, kafka.TopicSpec{Name: name, Partitions: partitions, Cleanup: kafka.CleanupDelete, MaxMessageBytes: 1 << 20})
	}
	if err := kafka.EnsureTopics(t.Context(), client, specs); err != nil {
		t.Fatal(err)
	}
	return b.Addr()
}

func smallPlan(t *testing.T, start time.Time, rate float64) (*traffic.Plan, *traffic.Model) {
	t.Helper()
	p, err := traffic.New(traffic.Config{Seed: 3, Run: "run00001", Persons: 50, Preload: start, Keys: traffic.Uniform})
	if err == nil {
		p, err = p.Then(0, traffic.Stretch{Start: start, Rate: rate})
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := traffic.NewModel(12)
	if err != nil {
		t.Fatal(err)
	}
	return p, m
}

// TestSend hands over a plan that is overdue, and finds each event once, in its person's partition, in order.
func TestSend(t *testing.T) {
	addr := onBroker(t, "events")
	plan, _ := smallPlan(t, time.Now().Add(-time.Hour), 1000)
	s, err := newSender(addr, "events")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	late := latency.NewRecorder()
	next, err := s.send(t.Context(), plan, plan.First(), 3000, time.Time{}, late)
	if err != nil || next != 3000 {
		t.Fatalf("event %d is next, %v", next, err)
	}
	if err := s.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l := late.Total(latency.Lateness); l.Max < 60_000 { // ms
		t.Errorf("an hour late, and it says %+v", l)
	}
	if next, err := s.send(t.Context(), plan, 3000, 3_000_000, time.Now().Add(-time.Second), nil); err != nil || next > 3000+1024 {
		t.Errorf("beyond its time it sent up to %d, %v", next, err)
	}
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	seen, home := map[int64]bool{}, map[string]int{}
	for p := range partitions {
		records, err := kafka.ReadAll(t.Context(), client, "events", p)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if at, known := home[string(r.Key)]; known && at != p {
				t.Fatalf("%s is in partitions %d and %d", r.Key, at, p)
			}
			home[string(r.Key)] = p
			_, rest, _ := strings.Cut(string(r.Value), `"event_id":"`)
			n, ok := plan.Seq([]byte(rest[:strings.IndexByte(rest, '"')]))
			if !ok || seen[n] {
				t.Fatalf("event %d, %v, in %s", n, seen[n], r.Value)
			}
			seen[n] = true
		}
	}
	if len(seen) < 3050 || len(home) != 50 {
		t.Errorf("%d events of %d persons", len(seen), len(home))
	}
}

// TestRecorder takes down what is told, waits for what is missing, and passes on what it cannot read.
func TestRecorder(t *testing.T) {
	addr := onBroker(t, "tags")
	start := time.Now().Add(-10 * time.Second)
	plan, model := smallPlan(t, start, 100)
	r, err := record(context.Background(), addr, "tags", plan, model)
	if err != nil {
		t.Fatal(err)
	}
	win := &window{from: 100, to: 200, start: start, end: start.Add(time.Hour), latencies: latency.NewRecorder()}
	r.window.Store(win)
	if err := r.wait(t.Context(), 1, time.Millisecond); !errors.Is(err, errBehind) {
		t.Errorf("nothing was told: %v", err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	tell := func(text string) {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "tags", Value: []byte(text)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	change := func(event, version string) string {
		return `{"profile_id":"0b8f3c52-7a44-5d1e-9c3b-6f0d2a91e8c4","tag":"lifecycle","value":` + map[string]string{"1": `"new"`, "2": `"repeat"`}[version] +
			`,"version":` + version + `,"previous_version":` + map[string]string{"1": "0", "2": "1"}[version] +
			`,"cause":{"kind":"event","event_id":"run00001-` + event + `"},"identifiers":{"customer_id":["crun000010000000007"]}}`
	}
	tell(change("0000000000099", "1"))
	tell(change("0000000000100", "2"))
	if err := r.wait(t.Context(), 2, time.Minute); err != nil {
		t.Fatal(err)
	}
	if n, l := win.latencies.Count(latency.Event), win.latencies.Total(latency.Event); n != 1 || l.Max < 8900 {
		t.Errorf("%d latencies of the window: %+v; want one, of nine seconds", n, l)
	}
	tell("no JSON")
	if err := r.wait(t.Context(), 3, time.Minute); err == nil || errors.Is(err, errBehind) || !strings.Contains(err.Error(), "offset 2") {
		t.Errorf("what cannot be read: %v", err)
	}
	if told := r.close(); told.Changes != 2 || told.Faults != 0 {
		t.Errorf("%d changes, %d faults", told.Changes, told.Faults)
	}
}
