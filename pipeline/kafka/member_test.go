package kafka_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"portrait/pipeline/kafka"
)

// A process that was killed is a member until its session ends, here after 30 s. The next one on its member file does
// not wait for that.
func TestTakeOverFromTheDead(t *testing.T) {
	onEach(t, func(t *testing.T, client *kafka.Client) {
		topic := newTopic(t, client, 2)
		id, file := "group-"+topic, filepath.Join(t.TempDir(), "state", "member")
		dead := zombie(t, client, id, topic)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(dead+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		m := join(t, client, id, topic, func(c *kafka.GroupConfig) { c.MemberFile = file })
		m.await(t, "after the dead", func(assigned []int) bool { return slices.Equal(assigned, []int{0, 1}) })
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("took over after %v: that is the session timeout's doing", took)
		}
		now, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(now)) == dead {
			t.Errorf("the file holds %q, %v: want the new member's id", now, err)
		}
		m.leave(t)
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("the file of a member that has left: %v; want none", err)
		}
	})
}

// zombie joins a group, says nothing any more, and returns its member id: what a killed process leaves behind.
func zombie(t *testing.T, client *kafka.Client, id, topic string) string {
	t.Helper()
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{ID: id, Brokers: client.Brokers(), Topics: []string{topic},
		HeartbeatInterval: time.Hour, SessionTimeout: 30 * time.Second, RebalanceTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { group.Close() })
	ctx := deadline(t)
	for {
		generation, err := group.Next(ctx)
		if err == nil {
			return generation.MemberID
		}
		if ctx.Err() != nil { // before, a fresh cluster may still be making its offsets topic
			t.Fatal(err)
		}
	}
}
