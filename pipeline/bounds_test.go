package pipeline

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// Sizes of the tests below; the failure table's figures are 100000 and 1500.
var (
	giantOffered = flag.Int("offered", 3_000, "identifiers that TestOthersBesideAGiant offers to one profile")
	crowdSize    = flag.Int("crowd", 1_500, "people who use one device at once in TestOthersBesideACrowd")
)

// besideRate is how many other people a second buy something meanwhile; each is one tag change.
const besideRate = 500

// aisle is one node on an embedded broker with a shop full of other people.
type aisle struct {
	node     *runningNode
	client   *kafka.Client
	producer *kafka.Producer
	stop     context.CancelFunc
	sent     chan int
	buyers   chan time.Duration // from an event to the reading of its tag change
}

func newAisle(t *testing.T) *aisle {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	a := &aisle{node: startNode(t, b.Addr(), t.TempDir(), "node:0"), sent: make(chan int, 1), buyers: make(chan time.Duration, 1<<20)}
	until(t, "the machines do not start", func() bool { return len(a.node.open()) == 4 })
	if a.client, err = kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.client.Close)
	if a.producer, err = kafka.NewProducer(t.Context(), a.client, kafka.DefaultProducerConfig()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.producer.Close)
	for p := range 4 {
		go a.read(t, p)
	}
	load, stop := context.WithCancel(t.Context())
	a.stop = stop
	go func() {
		n := 0
		for ; sleep(load, time.Second/besideRate); n++ {
			a.send(t, n, fmt.Sprintf(`{"event":"order_paid","time":%d,"identifiers":{"customer_id":"other%d"}}`, time.Now().UnixMilli(), n))
		}
		a.sent <- n
	}()
	if !sleep(t.Context(), 2*time.Second) { // the first batches, with everything still to be compiled
		t.Fatal("out of time")
	}
	return a
}

// read follows the tag changes of one partition.
func (a *aisle) read(t *testing.T, p int) {
	followTags(t, a.client, p, func(c *schemas.TagChange) {
		now := time.Now()
		at, err := time.Parse(time.RFC3339Nano, c.EventTime)
		if err != nil {
			t.Error(err)
		}
		if c.Tag == "buyer" {
			a.buyers <- now.Sub(at)
		}
	})
}

// followTags hands on the tag changes of one partition until the test is over.
func followTags(t *testing.T, client *kafka.Client, p int, see func(*schemas.TagChange)) {
	f := kafka.NewFetcher(client, "portrait.tags", p, 0)
	for {
		batch, err := f.Next(t.Context())
		if err != nil {
			return
		}
		for _, r := range batch.Records {
			var c schemas.TagChange
			if err := json.Unmarshal(r.Value, &c); err != nil {
				t.Error(err)
			}
			see(&c)
		}
	}
}

func (a *aisle) send(t *testing.T, n int, text string) {
	if err := a.producer.Send(t.Context(), "portrait.events", n%4, kafka.Record{Value: []byte(text)}, nil); err != nil {
		t.Error(err)
	}
}

// rest ends the load and waits until nothing is on its way. It checks that every other person became a buyer
// once, and logs how long that took: the figure depends on the machine.
func (a *aisle) rest(t *testing.T) {
	a.stop()
	n := <-a.sent
	if err := a.producer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := a.node.Rest(ctx); err != nil {
		t.Fatalf("it does not come to rest: %v", err)
	}
	var delays []time.Duration
	for len(delays) < n {
		select {
		case d := <-a.buyers:
			delays = append(delays, d)
		case <-ctx.Done():
			t.Fatalf("%d others became buyers, of %d", len(delays), n)
		}
	}
	slices.Sort(delays)
	if len(a.buyers) > 0 {
		t.Errorf("%d changes more than the %d others can have", len(a.buyers), n)
	}
	t.Logf("%d others at %d/s: event to tag change p50 %v, p99 %v, longest %v", n, besideRate, delays[n/2], delays[n*99/100], delays[n-1])
}

// TestOthersBesideAGiant offers very many identifiers to one profile, while other people buy: its bounds hold,
// nothing wedges, and everybody else is served. The full size: -args -offered 100000.
func TestOthersBesideAGiant(t *testing.T) {
	a := newAisle(t)
	const each = 60 // an event may have 64
	events := 0
	for k := 0; k < *giantOffered; k += each {
		var ids []string
		for i := range min(each, *giantOffered-k) {
			ids = append(ids, fmt.Sprintf(`"g%d"`, k+i))
		}
		a.send(t, 0, fmt.Sprintf(`{"event":"page_viewed","identifiers":{"customer_id":"giant","device_id":[%s]}}`, strings.Join(ids, ",")))
		if events++; !sleep(t.Context(), 20*time.Millisecond) {
			t.Fatal("out of time")
		}
	}
	a.rest(t)
	doc, err := a.node.Lookup(t.Context(), "customer_id:giant")
	if err != nil {
		t.Fatal(err)
	}
	limit, held := 0, 0
	for _, ty := range a.node.Deployment().Identifiers {
		if ty.Name == "device_id" {
			limit = ty.Max
		}
	}
	for range doc.Identifiers["device_id"] {
		held++
	}
	if held == 0 || held > limit || doc.Events != int64(events) {
		t.Errorf("the giant has %d devices, at most %d, and %d events of %d", held, limit, doc.Events, events)
	}
	t.Logf("%d identifiers were offered in %d events, the profile holds %d devices", *giantOffered, events, held)
}

// TestOthersBesideACrowd lets a crowd use one device in the same moment, while other people buy: the device
// stays with one of them, nobody is joined to anybody, and everybody else is served.
func TestOthersBesideACrowd(t *testing.T) {
	a := newAisle(t)
	for k := range *crowdSize {
		a.send(t, k, fmt.Sprintf(`{"event":"page_viewed","identifiers":{"customer_id":"guest%d","device_id":"kiosk"}}`, k))
	}
	if !sleep(t.Context(), 3*time.Second) {
		t.Fatal("out of time")
	}
	a.rest(t)
	owners := 0
	for k := range *crowdSize {
		doc, err := a.node.Lookup(t.Context(), fmt.Sprintf("customer_id:guest%d", k))
		if err != nil {
			t.Fatal(err)
		}
		if doc.Events != 1 || len(doc.Identifiers["customer_id"]) != 1 {
			t.Fatalf("guest %d: %d events, identifiers %v", k, doc.Events, doc.Identifiers)
		}
		owners += len(doc.Identifiers["device_id"])
	}
	if owners != 1 {
		t.Errorf("the device is in %d profiles, want 1", owners)
	}
}
