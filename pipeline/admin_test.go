package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/profile/store"
	"portrait/schemas"
)

// TestStoreBelongsToItsDeployment: a data directory is not opened under another deployment's brokers, and
// a command can read whose it is without any.
func TestStoreBelongsToItsDeployment(t *testing.T) {
	start := func() *broker.Broker {
		b, err := broker.Start(broker.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		return b
	}
	dir := t.TempDir()
	first := testNode(t, start().Addr(), dir)
	state := first.config.DataDir
	if _, err := OpenStopped(state); !errors.Is(err, store.ErrLocked) {
		t.Errorf("opened beside the node: %v", err)
	}
	want := first.Deployment().Hash()
	config := first.config
	first.Close()

	stopped, err := OpenStopped(state)
	if err != nil {
		t.Fatal(err)
	}
	if stopped.Deployment().Hash() != want {
		t.Errorf("record %+v", stopped.Deployment())
	}
	if _, err := stopped.Lookup("device_id:d1", config.Keys); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody was counted: %v", err)
	}
	if _, err := stopped.Lookup("device_id:d1", normalize.Keys{}); !errors.Is(err, normalize.ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	if err := stopped.Close(); err != nil {
		t.Fatal(err)
	}

	config.Kafka.Brokers, config.Deployment.ID = []string{start().Addr()}, "another"
	_, err = OpenNode(t.Context(), config)
	if err == nil || !strings.Contains(err.Error(), "belongs to deployment test") || !strings.Contains(err.Error(), "is another") ||
		!strings.Contains(err.Error(), "an empty one") {
		t.Errorf("another deployment's directory: %v", err)
	}
}

func TestOpenStoppedWithoutState(t *testing.T) {
	if _, err := OpenStopped(t.TempDir()); !errors.Is(err, ErrNoState) {
		t.Errorf("%v", err)
	}
}

// TestBadCatalogFoundsNothing: what a deployment is founded with is for ever, so a start that cannot publish its
// catalogue does not found it.
func TestBadCatalogFoundsNothing(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	config := testConfig(t, b.Addr(), t.TempDir())
	config.Catalog = []byte("name: x\ntags:\n  t: {when: \"nothing > 0\"}\n")
	n, err := OpenNode(t.Context(), config)
	if err == nil {
		n.Close()
	}
	var faults schemas.CatalogErrors
	if !errors.As(err, &faults) {
		t.Errorf("error %v, want the catalogue's faults", err)
	}
	if _, err := OpenAdmin(t.Context(), config.Kafka, config.Prefix); !errors.Is(err, errNoDeployment) {
		t.Errorf("after the failed start: %v, want no deployment", err)
	}
}

// TestAdmin publishes to a deployment whose nodes are away; a node that comes later finds it done.
func TestAdmin(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	config := kafka.Config{Brokers: []string{b.Addr()}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := OpenAdmin(ctx, config, "portrait"); err == nil || !strings.Contains(err.Error(), "no deployment") {
		t.Fatalf("nothing was founded: %v", err)
	}
	testNode(t, b.Addr(), t.TempDir()).Close()

	a, err := OpenAdmin(ctx, config, "portrait")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	first := a.Catalog()
	if first.Version == 0 || first.Activated != first.Version {
		t.Fatalf("the node's catalogue: %+v", first)
	}
	inbox := func() (sum int64) {
		for q := range a.Deployment().InboxPartitions {
			_, end, err := a.Client().Offsets(ctx, a.Topics().Inbox, q)
			if err != nil {
				t.Fatal(err)
			}
			sum += end
		}
		return sum
	}
	for _, c := range []struct {
		name, text string
		refused    bool
		grows      bool
	}{
		{"what is active already", string(first.Text), false, false},
		{"not a catalogue", "name: x\nfeatures: 3\n", true, false},
		{"a rule that does not compile", "name: x\ntags:\n  t: {when: \"nothing > 0\"}\n", true, false},
		{"another one", "name: test\nfeatures:\n  orders: {kind: count, event: order_paid}\n", false, true},
	} {
		before := inbox()
		version, err := a.PublishCatalog(ctx, []byte(c.text))
		var faults schemas.CatalogErrors
		if c.refused != errors.As(err, &faults) || !c.refused && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if grown := version > first.Version; grown != c.grows {
			t.Errorf("%s: version %d after %d", c.name, version, first.Version)
		}
		want := before
		if c.grows { // in one part each, and its activation
			want += 2 * int64(a.Deployment().InboxPartitions)
		}
		if got := inbox(); got != want {
			t.Errorf("%s: %d inbox records, want %d", c.name, got, want)
		}
	}
}

// TestPublishLargeCatalog publishes 1 MB: it goes out in parts, every machine works under it, and one that
// begins anew from its store too. A byte more is refused with its place, and nothing is written.
func TestPublishLargeCatalog(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	dir := t.TempDir()
	text := "name: large\nfeatures:\n  orders: {kind: count, event: order_paid}\ntags:\n  large_buyer: {when: \"orders > 0\"}\n"
	for len(text) < 1_000_000 {
		text += "# " + strings.Repeat("x", min(1_000_000-len(text), 4_000)-3) + "\n"
	}
	for round := range 2 {
		n := testNode(t, b.Addr(), dir)
		n.config.Catalog = nil
		r := runNode(t, n)
		a, err := OpenAdmin(r.ctx, kafka.Config{Brokers: []string{b.Addr()}}, "portrait")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.PublishCatalog(r.ctx, []byte(text+"\n")); err == nil || !strings.HasPrefix(err.Error(), "line 1, column 1: ") {
			t.Errorf("a byte more: %v", err)
		}
		if _, err := a.PublishCatalog(r.ctx, []byte(text)); err != nil {
			t.Fatal(err)
		}
		a.Close()
		for q := range n.dep.InboxPartitions {
			id := deviceIn(n.dep, q)
			r.buy(id, 1)
			r.until("the large catalogue in every partition", func() bool {
				doc, err := n.Lookup(r.ctx, "device_id:"+id)
				return err == nil && doc.Tags["large_buyer"] == true
			})
		}
		if round == 0 {
			r.stop()
		}
	}
}
