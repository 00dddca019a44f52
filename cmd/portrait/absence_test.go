package main

import (
	"context"
	"encoding/json"
	"fmt"
	"syscall"
	"testing"
	"time"

	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// pauseTime is how long a machine stands still. The session timeout is 6 s, so nobody takes its partitions over.
const pauseTime = 5 * time.Second

// One of two nodes stands still under load, while the other one reads all events and lets time pass. What the sleeper has
// not read must make nobody absent: witnesses whose payment lies before the sleeper are not taken for people who left
// their cart, and the ledger finds no false absence among the crowd.
func TestPausedNode(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of load: not with -short")
	}
	needEngine(t)
	t.Parallel()
	p := startParts(t, "")
	awake, sleeper := twoNodes(t, p)
	f := newFeeder(t.Context(), t, 1, loadRate, 30*time.Second, 7)
	f.connect(t, []string{p.broker})
	f.start()
	w := newWitnesses(t, f, awake, sleeper)
	w.meet(t)
	w.fillCarts(t)
	waitUntil(t, w.filled.Add(cartDeadline-pauseTime+500*time.Millisecond))
	slept := time.Now()
	sleeper.signal(t, syscall.SIGSTOP)
	w.pay(t)
	waitUntil(t, slept.Add(pauseTime))
	sleeper.signal(t, syscall.SIGCONT)
	t.Logf("carts filled, %v later asleep, %v later awake", slept.Sub(w.filled), time.Since(slept))
	f.wait(t)
	openWorld(t, f, p.engine.DSN(), p.keyFile).judge(t)
	w.judge(t)
}

func waitUntil(t testing.TB, at time.Time) {
	t.Helper()
	if err := pause(t.Context(), time.Until(at)); err != nil {
		t.Fatal(err)
	}
}

// twoNodes starts two nodes and waits until each owns a part of the inbox. There is one partition of events, so the
// routers of one have nothing to do: that node becomes the sleeper, and time goes on without it.
func twoNodes(t *testing.T, p *parts) (awake, sleeper *process) {
	t.Helper()
	data, config := p.node(t, "one", 1)
	one := startProcess(t.Context(), t, data, config)
	data, config = p.node(t, "two", 1)
	two := startProcess(t.Context(), t, data, config)
	for limit := time.Now().Add(startLimit); ; waitUntil(t, time.Now().Add(50*time.Millisecond)) {
		inboxes, routers := [2]int{}, [2]int{}
		for i, node := range []*process{one, two} {
			inboxes[i], routers[i] = len(node.metrics(t, "portrait_inbox_lag_records")), len(node.metrics(t, "portrait_events_lag_records"))
		}
		switch {
		case inboxes != [2]int{2, 2}:
		case routers == [2]int{1, 0}:
			return one, two
		case routers == [2]int{0, 1}:
			return two, one
		}
		if time.Now().After(limit) {
			t.Fatalf("inbox partitions %v, routers %v: want two each, and one router", inboxes, routers)
		}
	}
}

// cartDeadline is when the demo's catalogue calls a cart abandoned.
const cartDeadline = 8 * time.Second

// witness is somebody whose profile lives on the node that stays awake, and who is also known by an identifier of the
// one that sleeps.
type witness struct {
	home, away string // customer_id, openid
	pays       bool   // under away, in time; else the cart is left for good
}

// witnesses are a handful of people with a plan of their own.
type witnesses struct {
	feeder         *feeder
	awake, sleeper *process
	people         []witness
	filled, paid   time.Time
}

const witnessCount = 24

// newWitnesses looks for identifiers in the partitions of either node.
func newWitnesses(t *testing.T, f *feeder, awake, sleeper *process) *witnesses {
	t.Helper()
	w := &witnesses{feeder: f, awake: awake, sleeper: sleeper}
	inboxes := schemas.DefaultDeployment().InboxPartitions
	find := func(kind string, owned map[int]float64) func() string {
		n := 0
		return func() string {
			for {
				n++
				if _, ok := owned[schemas.PartitionOf(fmt.Sprintf("%s:witness-%d", kind, n), inboxes)]; ok {
					return fmt.Sprintf("witness-%d", n)
				}
			}
		}
	}
	home := find("customer_id", awake.metrics(t, "portrait_inbox_lag_records"))
	away := find("openid@wxapp9", sleeper.metrics(t, "portrait_inbox_lag_records"))
	for i := range witnessCount {
		w.people = append(w.people, witness{home: home(), away: away(), pays: i%2 == 0})
	}
	return w
}

// say sends one event of each and returns when all are acknowledged.
func (w *witnesses) say(t *testing.T, event string, identifiers func(witness) string) {
	t.Helper()
	for i, p := range w.people {
		if ids := identifiers(p); ids != "" {
			value := fmt.Sprintf(`{"event_id":"witness-%s-%d-%d","event":%q,"identifiers":{%s},"properties":{"amount":10,"session_id":"w"}}`,
				event, i, time.Now().UnixNano(), event, ids)
			if err := w.feeder.producer.Send(t.Context(), w.feeder.topic, 0, kafka.Record{Key: []byte(p.home), Value: []byte(value)}, nil); err != nil {
				t.Fatal(err)
			}
			w.feeder.others++
		}
	}
	if err := w.feeder.producer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *witnesses) home(p witness) string { return fmt.Sprintf(`"customer_id":%q`, p.home) }

// meet makes each known under both identifiers, the home first, and waits until both lead to one profile.
func (w *witnesses) meet(t *testing.T) {
	t.Helper()
	w.say(t, "page_viewed", w.home)
	known := func(ctx context.Context, p witness, identifiers int) bool {
		text, err := w.awake.get(ctx, "/v1/profiles/customer_id:"+p.home)
		var doc schemas.ProfileDoc
		return err == nil && json.Unmarshal([]byte(text), &doc) == nil && len(doc.Identifiers) == identifiers
	}
	w.await(t, func(p witness) bool { return known(t.Context(), p, 1) })
	w.say(t, "signed_in", func(p witness) string { return w.home(p) + fmt.Sprintf(`,"openid@wxapp9":%q`, p.away) })
	w.await(t, func(p witness) bool { return known(t.Context(), p, 2) })
}

func (w *witnesses) await(t *testing.T, ok func(witness) bool) {
	t.Helper()
	for _, p := range w.people {
		for limit := time.Now().Add(startLimit); !ok(p); waitUntil(t, time.Now().Add(20*time.Millisecond)) {
			if time.Now().After(limit) {
				t.Fatalf("%+v is not as it should be after %v", p, startLimit)
			}
		}
	}
}

// fillCarts puts something into each cart, at home.
func (w *witnesses) fillCarts(t *testing.T) {
	t.Helper()
	w.filled = time.Now()
	w.say(t, "cart_added", w.home)
}

// pay pays for every other cart, away: the sleeper has to hand the payment on.
func (w *witnesses) pay(t *testing.T) {
	t.Helper()
	w.say(t, "order_paid", func(p witness) string {
		if !p.pays {
			return ""
		}
		return fmt.Sprintf(`"openid@wxapp9":%q`, p.away)
	})
	w.paid = time.Now()
}

// judge looks for abandoned carts on portrait.tags: those who did not pay, and nobody else.
func (w *witnesses) judge(t *testing.T) {
	t.Helper()
	if late := w.paid.Sub(w.filled); late > cartDeadline-time.Second {
		t.Fatalf("the payments took until %v after the carts: this machine is too slow to tell", late)
	}
	abandoned := map[string]bool{}
	for p := range schemas.DefaultDeployment().InboxPartitions {
		records, err := kafka.ReadAll(t.Context(), w.feeder.client, "portrait.tags", p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range records {
			var c schemas.TagChange
			if err := json.Unmarshal(records[i].Value, &c); err != nil {
				t.Fatal(err)
			}
			if c.Tag == "cart_abandoned" && c.Change == schemas.Entered {
				for _, id := range c.Identifiers["customer_id"] {
					abandoned[id] = true
				}
			}
		}
	}
	for _, p := range w.people {
		if have := abandoned["customer_id:"+p.home] || abandoned[p.home]; have == p.pays {
			t.Errorf("%+v: cart abandoned: %v", p, have)
		}
	}
}
