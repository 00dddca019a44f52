package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// running is a node at work, for tests that ask it.
type running struct {
	t    *testing.T
	n    *Node
	ctx  context.Context // ends when the test has taken too long
	stop func()
}

func runNode(t *testing.T, n *Node) *running {
	t.Helper()
	return runNodeFor(t, n, time.Minute)
}

func runNodeFor(t *testing.T, n *Node, limit time.Duration) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	r := &running{t: t, n: n, ctx: ctx}
	once := false
	r.stop = func() {
		if once {
			return
		}
		once = true
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error("run:", err)
		}
		n.Close()
	}
	t.Cleanup(r.stop)
	return r
}

// until waits for a condition.
func (r *running) until(what string, holds func() bool) {
	r.t.Helper()
	for !holds() {
		if !sleep(r.ctx, 10*time.Millisecond) {
			r.t.Fatalf("never came: %s", what)
		}
	}
}

func (r *running) buy(id string, number int) {
	r.t.Helper()
	text := fmt.Sprintf(`{"event_id":"%s-%d","event":"order_paid","identifiers":{"device_id":%q}}`, id, number, id)
	if err := r.n.producer.Send(r.ctx, r.n.topics.Events, 0, kafka.Record{Value: []byte(text)}, nil); err != nil {
		r.t.Fatal(err)
	}
}

// counted waits until a person's events are counted.
func (r *running) counted(id string, events int64) {
	r.t.Helper()
	r.until(fmt.Sprintf("%d events of %s", events, id), func() bool {
		doc, err := r.n.Lookup(r.ctx, "device_id:"+id)
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrNotHere) && !errors.Is(err, ErrStopped) {
			r.t.Fatal(err)
		}
		return err == nil && doc.Events == events
	})
}

// deviceIn returns a device that lives in an inbox partition.
func deviceIn(dep *schemas.Deployment, q int) string {
	for k := 0; ; k++ {
		if id := fmt.Sprint("d", k); schemas.PartitionOf("device_id:"+id, dep.InboxPartitions) == q {
			return id
		}
	}
}

// said returns every different record of portrait.tags, and how many there are with repeats.
func said(t *testing.T, ctx context.Context, n *Node) (different map[string]bool, all int) {
	t.Helper()
	different = map[string]bool{}
	for q := range n.dep.InboxPartitions {
		records, err := kafka.ReadAll(ctx, n.client, n.topics.Tags, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			different[string(r.Value)] = true
			all++
		}
	}
	return different, all
}

// TestOperatorSkips: bytes that nobody can read come into an inbox. That partition stands and says how to
// go on; the others do not notice. The operator's command lets it go on, and a node that begins anew on an
// empty directory passes over the same place by itself and says nothing else.
func TestOperatorSkips(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r := runNode(t, testNode(t, b.Addr(), t.TempDir()))
	stuck, free := deviceIn(r.n.dep, 1), deviceIn(r.n.dep, 2)
	r.buy(stuck, 1)
	r.buy(free, 1)
	r.counted(stuck, 1)
	r.counted(free, 1)
	if err := r.n.producer.Send(r.ctx, r.n.topics.Inbox, 1, kafka.Record{Value: []byte("?")}, nil); err != nil {
		t.Fatal(err)
	}
	var command string
	r.until("a partition that stands", func() bool {
		for _, m := range r.n.Status().Machines {
			if m.Stopped != "" {
				_, command, _ = strings.Cut(m.Stopped, "portrait skip ")
				return m.Partition == 1
			}
		}
		return false
	})
	r.buy(stuck, 2)
	r.buy(free, 2)
	r.counted(free, 2)
	if _, err := r.n.Lookup(r.ctx, "device_id:"+stuck); !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "portrait skip --partition 1 --offset ") {
		t.Errorf("lookup: %v", err)
	}

	a, err := OpenAdmin(r.ctx, kafka.Config{Brokers: []string{b.Addr()}}, "portrait")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	place := wire.Skip{Kind: wire.SkipRecord}
	if _, err := fmt.Sscanf(command, "--partition 1 --offset %d", &place.Offset); err != nil {
		t.Fatalf("%q: %v", command, err)
	}
	for _, c := range []struct {
		partition int
		skip      wire.Skip
		want      string
	}{
		{-1, place, "the deployment has 0 to 3"},
		{4, place, "the deployment has 0 to 3"},
		{1, wire.Skip{}, "unknown kind"},
		{1, wire.Skip{Kind: wire.SkipRecord, Offset: 1 << 40}, "none at 1099511627776"},
		{1, wire.Skip{Kind: wire.SkipRecord, Offset: place.Offset - 1}, ""}, // no answer: it stands elsewhere
	} {
		err := a.Skip(r.ctx, c.partition, c.skip)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("skip %+v in %d: %v, want %q", c.skip, c.partition, err, c.want)
		}
	}
	if err := a.Skip(r.ctx, 1, place); err != nil {
		t.Fatal(err)
	}
	r.counted(stuck, 2)
	r.until("nobody stands", func() bool {
		for _, m := range r.n.Status().Machines {
			if m.Stopped != "" {
				return false
			}
		}
		return true
	})
	r.stop()

	anew := runNode(t, testNode(t, b.Addr(), t.TempDir()))
	before, repeats := said(t, anew.ctx, anew.n)
	anew.counted(stuck, 2)
	anew.counted(free, 2)
	anew.until("all said again", func() bool { _, all := said(t, anew.ctx, anew.n); return all >= repeats+len(before) })
	after, _ := said(t, anew.ctx, anew.n)
	if len(before) != 2 || len(after) != len(before) {
		t.Errorf("%d different changes, after the replay %d; want the two buyers", len(before), len(after))
	}
}
