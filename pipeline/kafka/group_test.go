package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"portrait/pipeline/kafka"
)

// member runs a group membership and publishes what it owns.
type member struct {
	group *kafka.Group
	stop  context.CancelFunc
	ended chan error

	mu       sync.Mutex
	changed  chan struct{}
	assigned []int
}

func join(t *testing.T, client *kafka.Client, id, topic string, change ...func(*kafka.GroupConfig)) *member {
	t.Helper()
	config := kafka.GroupConfig{ID: id, Topic: topic, OnError: func(err error) { t.Log(err) }}
	for _, f := range change {
		f(&config)
	}
	group, err := kafka.NewGroup(client, config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &member{group: group, stop: stop, ended: make(chan error, 1), changed: make(chan struct{})}
	go func() {
		m.ended <- group.Run(ctx, func(ctx context.Context, assigned []int) error {
			m.own(assigned)
			<-ctx.Done()
			m.own(nil)
			return nil
		})
	}()
	return m
}

func (m *member) own(partitions []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.assigned = partitions
	close(m.changed)
	m.changed = make(chan struct{})
}

// await waits until the partitions that this member owns satisfy the condition.
func (m *member) await(t *testing.T, what string, ok func(assigned []int) bool) []int {
	t.Helper()
	timeout := time.After(40 * time.Second)
	for {
		m.mu.Lock()
		assigned, changed := m.assigned, m.changed
		m.mu.Unlock()
		if ok(assigned) {
			return assigned
		}
		select {
		case <-changed:
		case err := <-m.ended:
			t.Fatalf("%s: the member ended: %v", what, err)
		case <-timeout:
			t.Fatalf("%s: owns %v", what, assigned)
		}
	}
}

func (m *member) leave(t *testing.T) {
	t.Helper()
	m.stop()
	select {
	case err := <-m.ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("left with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("does not leave")
	}
}

// A second member takes its half, and all when the first one leaves; both promptly.
func TestHandOverBetweenMembers(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		topic := newTopic(t, client, 4)
		id := "group-" + topic
		all := func(assigned []int) bool { return slices.Equal(assigned, []int{0, 1, 2, 3}) }
		half := func(assigned []int) bool { return len(assigned) == 2 }
		first := join(t, client, id, topic)
		first.await(t, "alone", all)
		began := time.Now()
		second := join(t, client, id, topic)
		a, b := first.await(t, "first of two", half), second.await(t, "second of two", half)
		if both := slices.Sorted(slices.Values(slices.Concat(a, b))); !all(both) {
			t.Errorf("together they own %v", both)
		}
		t.Logf("join took %v", time.Since(began))
		began = time.Now()
		first.leave(t)
		second.await(t, "left alone", all)
		t.Logf("leave took %v", time.Since(began))
		second.leave(t)
	})
}

// Commits are hints that survive the generation; they never go back.
func TestCommittedOffsets(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		ctx := deadline(t)
		topic := newTopic(t, client, 2)
		m := join(t, client, "group-"+topic, topic)
		m.await(t, "alone", func(assigned []int) bool { return len(assigned) == 2 })
		if offset, err := m.group.Committed(ctx, 1); err != nil || offset != -1 {
			t.Errorf("committed before: %d, %v; want -1", offset, err)
		}
		m.group.Commit(1, 7)
		m.group.Commit(1, 5)
		m.leave(t) // commits what is pending
		if offset, err := m.group.Committed(ctx, 1); err != nil || offset != 7 {
			t.Errorf("committed: %d, %v; want 7", offset, err)
		}
		if offset, err := m.group.Committed(ctx, 0); err != nil || offset != -1 {
			t.Errorf("committed of the other partition: %d, %v; want -1", offset, err)
		}
	})
}

// An error of the caller's function leaves the group and comes back; returning nil does not.
func TestRunThatReturns(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		topic := newTopic(t, client, 1)
		broken := errors.New("broken")
		for _, c := range []struct {
			name string
			give error
			want error
		}{{"error", broken, broken}, {"nil", nil, context.Canceled}} {
			t.Run(c.name, func(t *testing.T) {
				group, err := kafka.NewGroup(client, kafka.GroupConfig{ID: "returns-" + c.name + topic, Topic: topic})
				if err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithCancel(deadline(t))
				defer stop()
				generations := 0
				called := make(chan struct{})
				ended := make(chan error, 1)
				go func() {
					ended <- group.Run(ctx, func(context.Context, []int) error {
						if generations++; generations == 1 {
							close(called)
						}
						return c.give
					})
				}()
				<-called
				if c.give == nil {
					// The membership lasts: a commit goes out with the next tick, under the same generation.
					group.Commit(0, 3)
					for offset := int64(-1); offset != 3; {
						if offset, err = group.Committed(ctx, 0); err != nil {
							t.Fatal(err)
						}
					}
					stop()
				}
				if err := <-ended; !errors.Is(err, c.want) {
					t.Errorf("ended with %v, want %v", err, c.want)
				}
				if generations != 1 {
					t.Errorf("%d generations", generations)
				}
			})
		}
	})
}

func TestReadAll(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		ctx := deadline(t)
		topic := newTopic(t, client, 2, func(s *kafka.TopicSpec) { s.Cleanup = kafka.CleanupCompact })
		if records, err := kafka.ReadAll(ctx, client, topic, 0); err != nil || len(records) != 0 {
			t.Fatalf("empty topic: %d records, %v", len(records), err)
		}
		p := newProducer(t, client)
		for i := range 3000 {
			record := kafka.Record{Key: []byte(fmt.Sprint(i % 10)), Value: []byte(fmt.Sprint(i))}
			if err := p.Send(ctx, topic, 1, record, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		records, err := kafka.ReadAll(ctx, client, topic, 1)
		if err != nil || len(records) != 3000 {
			t.Fatalf("%d records, %v", len(records), err)
		}
		last := map[string]string{}
		for _, r := range records {
			last[string(r.Key)] = string(r.Value)
		}
		if len(last) != 10 || last["9"] != "2999" {
			t.Errorf("latest values %v", last)
		}
	})
}
