package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
)

// restartProfiles is how many profiles the killed node has.
const restartProfiles = 1_000_000

// BenchmarkRestart kills a node that holds 1,000,000 profiles (kill -9), sends an event, starts the node again, and
// measures until the tag change that the event causes is in the topic. The group's session (6 s) is still the dead
// process's when the new one begins. Filling takes minutes: go test ./cmd/portrait -run - -bench Restart -benchtime 3x -timeout 30m
func BenchmarkRestart(b *testing.B) {
	dir := b.TempDir()
	kept, err := broker.Start(broker.Config{Dir: filepath.Join(dir, "broker")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(kept.Close)
	key, data := filepath.Join(dir, "key"), filepath.Join(dir, "node")
	if _, err := normalize.Generate(key); err != nil {
		b.Fatal(err)
	}
	config := writeConfig(b, data, fmt.Sprintf("kafka: {brokers: [%q]}\nclickhouse: {off: true}\nkey_file: %q\n", kept.Addr(), key))
	node := startProcess(b.Context(), b, data, config)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{kept.Addr()}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	producer, err := kafka.NewProducer(b.Context(), client, kafka.DefaultProducerConfig())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(producer.Close)
	send := func(i int, event string) {
		text := fmt.Sprintf(`{"event":%q,"time":%d,"identifiers":{"device_id":"d%d"}}`, event, time.Now().UnixMilli(), i)
		if err := producer.Send(b.Context(), "portrait.events", i%4, kafka.Record{Value: []byte(text)}, nil); err != nil {
			b.Fatal(err)
		}
	}
	settle := func() {
		for counted := 0.0; counted < 1; waitUntil(b, time.Now().Add(200*time.Millisecond)) {
			counted = 1
			for _, lag := range node.metrics(b, "portrait_events_lag_records") {
				if lag > 0 {
					counted = 0
				}
			}
			for _, lag := range node.metrics(b, "portrait_inbox_lag_records") {
				if lag > 100 { // ticks come all the time
					counted = 0
				}
			}
		}
	}
	for i := range restartProfiles {
		send(i, "page_viewed")
		if i%20_000 == 19_999 { // what the machines have not applied is the broker's memory
			if err := producer.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			settle()
		}
	}
	b.Logf("%d profiles", restartProfiles)
	waitUntil(b, time.Now().Add(6*time.Second)) // their checkpoint
	next := restartProfiles
	for b.Loop() {
		b.StopTimer()
		for range 3 { // what waits before the restart is not its cost: documents of all profiles, above all
			waitUntil(b, time.Now().Add(2*time.Second))
			settle()
		}
		node.kill()
		next++
		tags := make([]*kafka.Fetcher, 4)
		for p := range tags {
			_, end, err := client.Offsets(b.Context(), "portrait.tags", p)
			if err != nil {
				b.Fatal(err)
			}
			tags[p] = kafka.NewFetcher(client, "portrait.tags", p, end)
		}
		send(next, "order_paid")
		if err := producer.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		person := fmt.Appendf(nil, `"d%d"`, next)
		b.StartTimer()
		began := time.Now()
		found := make(chan error, len(tags))
		node = launch(b, ownBinary(b), config)
		for _, f := range tags {
			go func() {
				for {
					batch, err := f.Next(b.Context())
					if err == nil && !slices.ContainsFunc(batch.Records, func(r kafka.Record) bool { return bytes.Contains(r.Value, person) }) {
						continue // of somebody else, whom the restart concerns as well
					}
					found <- err
					return
				}
			}()
		}
		if err := <-found; err != nil {
			b.Fatal(err)
		}
		b.Logf("first tag change %v after the start", time.Since(began).Round(time.Millisecond))
		b.StopTimer()
		if err := node.ready(b.Context(), data); err != nil {
			b.Fatal(err)
		}
		b.Logf("ready %v after the start; it said:\n%s", time.Since(began).Round(time.Millisecond), node.said())
		b.StartTimer()
	}
}
