package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/schemas"
)

// buildNext builds a binary of the next version of the logic, which says something else for the same log: its ids of
// changes begin with another letter.
func buildNext(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	patch := func(name, from, to string) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Replace(text, []byte(from), []byte(to), 1)
		if bytes.Equal(changed, text) {
			t.Fatalf("%s does not have %q any more", name, from)
		}
		whole, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		replace[whole] = filepath.Join(dir, strings.ReplaceAll(filepath.Base(name), "/", "_"))
		if err := os.WriteFile(replace[whole], changed, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	patch("../../schemas/deployment.go", fmt.Sprintf("const LogicVersion = %d", schemas.LogicVersion), fmt.Sprintf("const LogicVersion = %d", schemas.LogicVersion+1))
	patch("../../profile/machine/document.go", "[]byte{'e'}", "[]byte{'n'}")
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "next")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// upgrade is a deployment whose broker belongs to the test, with load on it.
type upgrade struct {
	client   *kafka.Client
	producer *kafka.Producer
	addr     string
	sent     int // each person puts something into the cart, and buys it
}

// send sends events at a steady pace for a while.
func (u *upgrade) send(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for pause(ctx, 10*time.Millisecond) == nil {
		person := u.sent / 2
		text := fmt.Sprintf(`{"event_id":"u%d","event":%q,"time":%d,"identifiers":{"device_id":"d%d","customer_id":"c%d"}}`,
			u.sent, []string{"cart_added", "order_paid"}[u.sent%2], time.Now().UnixMilli(), person, person)
		if err := u.producer.Send(t.Context(), "portrait.events", person%4, kafka.Record{Value: []byte(text)}, nil); err != nil {
			t.Fatal(err)
		}
		u.sent++
	}
}

// changes reads all tag changes: their texts by home partition and version, each as often as it stands there.
func (u *upgrade) changes(t *testing.T) map[string]map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := map[string]map[string]int{}
	for p := range 4 {
		records, err := kafka.ReadAll(ctx, u.client, "portrait.tags", p)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			var c schemas.TagChange
			if err := json.Unmarshal(r.Value, &c); err != nil {
				t.Fatal(err)
			}
			key := c.ID[1:] // without the letter of the version
			if out[key] == nil {
				out[key] = map[string]int{}
			}
			out[key][string(r.Value)]++
		}
	}
	return out
}

// versions checks that each change was said by one version of the logic only, and by the new one from some offset of each
// partition on; it returns how many each version has said.
func versions(t *testing.T, changes map[string]map[string]int) (before, after int) {
	t.Helper()
	newest, oldest := map[int]int64{}, map[int]int64{} // of old changes, and of new ones, by partition
	for key, texts := range changes {
		if len(texts) != 1 {
			t.Errorf("change %s was said in %d ways", key, len(texts))
		}
		var epoch, partition, ordinal int
		var offset int64
		if n, err := fmt.Sscanf(key, "%d-p%d-%d-%d", &epoch, &partition, &offset, &ordinal); n != 4 || err != nil {
			t.Fatalf("id %q: %v", key, err)
		}
		for text := range texts {
			if strings.Contains(text, `"id":"n`) {
				after++
				if first, ok := oldest[partition]; !ok || offset < first {
					oldest[partition] = offset
				}
			} else {
				before++
				newest[partition] = max(newest[partition], offset)
			}
		}
	}
	for p, first := range oldest {
		if newest[p] >= first {
			t.Errorf("partition %d: the old version said something at offset %d, the new one at %d already", p, newest[p], first)
		}
	}
	return before, after
}

// TestRollingUpgrade changes a deployment under load from one version of the logic to the next, which says something else,
// through barriers; a node of the old version sleeps meanwhile and wakes as a zombie. Nothing is said by both versions,
// nothing is lost.
func TestRollingUpgrade(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a binary and takes a minute: not with -short")
	}
	next := buildNext(t)
	dir := t.TempDir()
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	key := filepath.Join(dir, "key")
	if _, err := normalize.Generate(key); err != nil {
		t.Fatal(err)
	}
	node := func(name string) (data, config string) {
		data = filepath.Join(dir, name)
		return data, writeConfig(t, data, fmt.Sprintf("kafka: {brokers: [%q]}\nclickhouse: {off: true}\nkey_file: %q\n"+
			"snapshots: {dir: %q, interval_seconds: 1}\n", b.Addr(), key, filepath.Join(dir, "snapshots")))
	}
	u := &upgrade{addr: b.Addr()}
	if u.client, err = kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.client.Close)
	oldData, oldConfig := node("old")
	old := startProcess(t.Context(), t, oldData, oldConfig)
	if u.producer, err = kafka.NewProducer(t.Context(), u.client, kafka.DefaultProducerConfig()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.producer.Close)
	zombieData, zombieConfig := node("zombie")
	zombie := startProcess(t.Context(), t, zombieData, zombieConfig)
	u.send(t, 3*time.Second)
	zombie.signal(t, syscall.SIGSTOP)

	newData, newConfig := node("new")
	fresh := launch(t, next, newConfig) // waits for barriers
	u.send(t, 8*time.Second)            // the zombie's session ends
	if _, err := findRunning(newData); err == nil {
		t.Error("the new version runs before there are barriers")
	}
	c := exec.CommandContext(t.Context(), next, "upgrade", "barrier", "--config", newConfig)
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "stand in all 4 inboxes") {
		t.Fatalf("upgrade barrier: %v\n%s", err, out)
	}
	u.send(t, 2*time.Second)
	if err := fresh.ready(t.Context(), newData); err != nil {
		t.Fatalf("the new version: %v\n%s\nthe old one:\n%s", err, fresh.said(), old.said())
	}
	for limit := time.Now().Add(startLimit); len(fresh.metrics(t, "portrait_inbox_lag_records")) < 4; waitUntil(t, time.Now().Add(100*time.Millisecond)) {
		if time.Now().After(limit) {
			t.Fatalf("the new version does not get all partitions: %v\nold:\n%s\nnew:\n%s", fresh.metrics(t, "portrait_inbox_lag_records"), old.said(), fresh.said())
		}
	}
	old.end(t, syscall.SIGTERM)
	zombie.signal(t, syscall.SIGCONT)
	u.send(t, 5*time.Second)
	if err := u.producer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range u.sent {
		person, want := i/2, min(2, u.sent-i/2*2)
		for limit := time.Now().Add(startLimit); i%2 == 0; waitUntil(t, time.Now().Add(50*time.Millisecond)) {
			var doc schemas.ProfileDoc
			text, err := askProfile(t.Context(), fresh.Running.HTTP, fmt.Sprintf("device_id:d%d", person))
			if err == nil {
				err = json.Unmarshal(text, &doc)
			}
			if err == nil && doc.Events == int64(want) {
				break
			}
			if time.Now().After(limit) {
				t.Fatalf("person %d has %d events, %v; want %d", person, doc.Events, err, want)
			}
		}
	}
	zombie.end(t, syscall.SIGTERM)
	before, after := versions(t, u.changes(t))
	t.Logf("%d events; %d changes by the old version, %d by the new one", u.sent, before, after)
	if before == 0 || after == 0 {
		t.Error("one of the versions said nothing")
	}
}
