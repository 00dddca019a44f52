package pipeline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/twmb/franz-go/pkg/kgo"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/pipeline/snapshot"
	"portrait/profile/store"
)

// shelf is a directory of snapshots that several nodes of a test share.
type shelf struct {
	dir    string
	bucket snapshot.Bucket
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{dir: t.TempDir()}
	var err error
	if s.bucket, err = snapshot.NewDirectory(s.dir); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shelf) use(c *Config) {
	c.Snapshots = SnapshotConfig{Bucket: s.bucket, Interval: 50 * time.Millisecond}
}

// files are the snapshots of a partition by age, oldest first.
func (s *shelf) files(t *testing.T, q int) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.dir, "*", "*", fmt.Sprintf("p%05d", q), "*.snap"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// orders sends n orders of people a to b through a node, and waits until a node knows them.
func orders(t *testing.T, n *runningNode, a, b, want int) {
	t.Helper()
	for i := a; i < b; i++ {
		text := fmt.Sprintf(`{"event":"order_paid","time":%d,"identifiers":{"device_id":"d%d"}}`, time.Now().UnixMilli(), i)
		if err := n.producer.Send(t.Context(), n.topics.Events, i%4, kafka.Record{Value: []byte(text)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	known(t, n, a, b, want)
}

// known waits until a node has counted so many events of people a to b.
func known(t *testing.T, n *runningNode, a, b, want int) {
	t.Helper()
	for i := a; i < b; i++ {
		until(t, fmt.Sprintf("person %d does not have %d events", i, want), func() bool {
			doc, err := n.Lookup(t.Context(), fmt.Sprintf("device_id:d%d", i))
			if err == nil && doc.Events > int64(want) {
				t.Fatalf("person %d has %d events, want %d", i, doc.Events, want)
			}
			return err == nil && doc.Events == int64(want)
		})
	}
}

// forget moves the start of all inboxes to their end, as retention does in time.
func forget(t *testing.T, n *runningNode) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(n.config.Kafka.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	request := kmsg.NewPtrDeleteRecordsRequest()
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = n.topics.Inbox
	for q := range n.dep.InboxPartitions {
		partition := kmsg.NewDeleteRecordsRequestTopicPartition()
		partition.Partition, partition.Offset = int32(q), -1
		topic.Partitions = append(topic.Partitions, partition)
	}
	request.Topics = append(request.Topics, topic)
	if _, err := request.RequestWith(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if start, _, err := n.client.Offsets(t.Context(), n.topics.Inbox, 0); err != nil || start == 0 {
		t.Fatalf("the inbox begins at %d, %v", start, err)
	}
}

// TestRestoreElsewhere: a node without any state goes on from the snapshots of one that is gone, although the
// inbox holds nothing of what they contain any more; also onto an older state of its own, and past a snapshot
// that is damaged.
func TestRestoreElsewhere(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s, home := newShelf(t), t.TempDir()
	first := startNode(t, b.Addr(), home, "first:1", s.use)
	orders(t, first, 0, 40, 1)
	until(t, "no bases", func() bool { // of each: a partition without one goes on from the inbox alone, which will be cut
		for q := range 4 {
			if len(s.files(t, q)) == 0 {
				return false
			}
		}
		return true
	})
	orders(t, first, 0, 20, 2)
	first.leave(t)

	away := t.TempDir()
	second := startNode(t, b.Addr(), away, "second:2", s.use)
	known(t, second, 0, 20, 2)
	forget(t, second)
	orders(t, second, 20, 40, 2)
	second.leave(t)

	again := startNode(t, b.Addr(), home, "first:1", s.use) // its own state is behind what the inbox begins with
	known(t, again, 0, 40, 2)
	orders(t, again, 0, 40, 3)
	forget(t, again)
	again.leave(t)

	for q := range 4 { // the newest of each
		files := s.files(t, q)
		damage(t, files[len(files)-1])
	}
	third := testNode(t, b.Addr(), t.TempDir(), s.use)
	defer third.Close()
	err = third.Run(t.Context())
	if !errors.Is(err, kafka.ErrOffsetBelowStart) || !strings.Contains(err.Error(), "restore a newer snapshot") {
		t.Errorf("short of the inbox: %v", err)
	}
	if third.keeper.damaged.Load() == 0 {
		t.Error("nobody noticed the damaged snapshots")
	}
}

// damage changes a byte in the middle of a file.
func damage(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedSnapshotIsPassedOver: with the inbox whole, the snapshot before the damaged one and a replay give the same.
func TestDamagedSnapshotIsPassedOver(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := newShelf(t)
	first := startNode(t, b.Addr(), t.TempDir(), "first:1", s.use)
	orders(t, first, 0, 40, 1)
	until(t, "no bases", func() bool { return len(s.files(t, 0)) > 0 })
	orders(t, first, 0, 40, 2)
	first.leave(t)
	files := s.files(t, 0)
	damage(t, files[len(files)-1])
	second := startNode(t, b.Addr(), t.TempDir(), "second:2", s.use)
	known(t, second, 0, 40, 2)
	if second.keeper.damaged.Load() != 1 || second.keeper.restored.Load() == 0 {
		t.Errorf("%d damaged, %d restored", second.keeper.damaged.Load(), second.keeper.restored.Load())
	}
}

// TestDamagedDirectory: a node whose Badger directory is damaged moves it aside and goes on by itself, from
// snapshots and the inbox, or from the inbox alone.
func TestDamagedDirectory(t *testing.T) {
	for name, snapshots := range map[string]bool{"with snapshots": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			b, err := broker.Start(broker.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			s, home := newShelf(t), t.TempDir()
			use := func(c *Config) {
				if snapshots {
					s.use(c)
				}
			}
			first := startNode(t, b.Addr(), home, "first:1", use)
			orders(t, first, 0, 40, 1)
			if snapshots {
				until(t, "no bases", func() bool { return len(s.files(t, 0)) > 0 })
			}
			first.leave(t)
			tables, err := filepath.Glob(filepath.Join(home, "state", "*.sst"))
			if err != nil || len(tables) == 0 {
				t.Fatalf("no tables: %v", err)
			}
			damage(t, tables[0])
			if _, err := store.Open(filepath.Join(home, "state"), store.DefaultOptions()); !errors.Is(err, store.ErrCorrupt) {
				t.Fatalf("the damage does not show: %v", err)
			}
			again := startNode(t, b.Addr(), home, "first:1", use)
			known(t, again, 0, 40, 1)
			orders(t, again, 0, 40, 2)
			if aside, err := filepath.Glob(filepath.Join(home, "state.damaged-*")); err != nil || len(aside) != 1 {
				t.Errorf("moved aside: %v, %v", aside, err)
			}
		})
	}
}
