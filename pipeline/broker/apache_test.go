package broker

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portrait/pipeline/kafka"
)

// kill -9 of an Apache Kafka node under load: the producer goes on by itself when the node is back on
// its port, and what was acknowledged is there, in order.
func TestKilledApacheKeepsAcknowledgedRecords(t *testing.T) {
	if testing.Short() {
		t.Skip("Apache Kafka takes seconds to start: not with -short")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir()
	node, err := StartApache(ctx, ApacheConfig{Dir: dir})
	if errors.Is(err, ErrToolMissing) && !strings.Contains(os.Getenv("PORTRAIT_REQUIRE"), "kafka") {
		t.Skipf("no Apache Kafka: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { node.Close() }()
	client := connect(t, node.Addr())
	ensure(t, client, kafka.CleanupDelete)
	p := producer(t, client)
	const n = 20_000
	var acked atomic.Int64
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := p.Send(ctx, "t", 0, kafka.Record{Value: number(i)}, func() { acked.Add(1) }); err != nil {
				sent <- err
				return
			}
		}
		sent <- p.Flush(ctx)
	}()
	for acked.Load() < n/10 {
		if _, _, err := client.Offsets(ctx, "t", 0); ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	node.Close()
	_, port, err := net.SplitHostPort(node.Addr())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if node, err = StartApache(ctx, ApacheConfig{Dir: dir, Port: number}); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	records, err := kafka.ReadAll(ctx, client, "t", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d came twice; %d retries", firsts(t, records, n), p.Stats().Retries)
}

// Without Maven or Java the error is one that tests and the command line can tell apart.
func TestApacheWithoutTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := StartApache(t.Context(), ApacheConfig{Dir: t.TempDir()}); !errors.Is(err, ErrToolMissing) {
		t.Errorf("error %v", err)
	}
}

// A fetch of jars that fails leaves no cache behind that a later start would take for whole.
func TestFetchJarsThatFails(t *testing.T) {
	tools := t.TempDir()
	script := "#!/bin/sh\necho no network; exit 1\n"
	if err := os.WriteFile(filepath.Join(tools, "mvn"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	cache := t.TempDir()
	if _, err := fetchJars(t.Context(), cache); err == nil || !strings.Contains(err.Error(), "no network") {
		t.Errorf("error %v", err)
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 0 {
		t.Errorf("left in the cache: %v, %v", left, err)
	}
}
