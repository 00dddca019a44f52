package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"portrait/pipeline/kafka"
)

// deployment is a small service with a few people in it, for the tests of the commands that ask one.
//
// Ann: device d1, phone 139…, customer c1; viewed, filled a cart, signed in, paid 99.5. Bob: device d2;
// viewed. Cyd: device d3, whose phone is none; viewed, twice under the same event id. And one record that
// is no event.
type deployment struct {
	dir     string
	service *Service
	stop    func()
}

const annPhone = "phone:+8613912345678"

const shopCatalog = `name: shop
features:
  orders: {kind: count, event: order_paid}
tags:
  buyer: {when: "orders > 0"}
  lifecycle:
    enum: [potential, customer]
    cases:
      - {value: customer, when: "orders > 0"}
    default: potential
`

// TestCommands asks one service with every command, and what is left of it when it has stopped.
func TestCommands(t *testing.T) {
	needEngine(t)
	d := startDeployment(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *deployment)
	}{
		{"sql", testSQL}, {"profile", testProfile}, {"funnel", testFunnel}, {"tags tail", testTagsTail},
		{"topics", testTopics}, {"hash", testHash}, {"metrics", testMetrics}, {"import", testImport}, {"skip", testSkip}, {"catalog", testCatalog},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, d) })
	}
	d.stop()
	t.Run("stopped", func(t *testing.T) { testStopped(t, d) })
}

func startDeployment(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{dir: t.TempDir()}
	config, err := Config{DataDir: d.dir, HTTP: "127.0.0.1:0", Deployment: DeploymentConfig{DocIntervalMS: minDocInterval}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if d.service, err = StartService(t.Context(), config, Catalogs{Publish: []byte(shopCatalog)}, log, io.Discard); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.service.Run(ctx) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error("service:", err)
		}
		d.service.Close()
	})
	t.Cleanup(d.stop)
	now := time.Now().UnixMilli()
	event := func(id, name string, ago int64, identifiers, properties string) string {
		return fmt.Sprintf(`{"event_id":%q,"event":%q,"time":%d,"identifiers":{%s},"properties":{%s}}`, id, name, now-ago, identifiers, properties)
	}
	d.send(t, event("a1", "product_viewed", 4000, `"device_id":"d1"`, ""),
		event("a2", "cart_added", 3000, `"device_id":"d1"`, ""),
		event("a3", "signed_in", 2000, `"device_id":"d1","phone":"139 1234 5678","customer_id":"c1"`, ""),
		event("a4", "order_paid", 1000, `"customer_id":"c1"`, `"amount":"99.5"`),
		event("b1", "product_viewed", 1000, `"device_id":"d2"`, ""),
		event("c1", "product_viewed", 1000, `"device_id":"d3","phone":"12"`, ""),
		event("c1", "product_viewed", 1000, `"device_id":"d3","phone":"12"`, ""),
		`no event`)
	d.settle(t)
	return d
}

// send writes events to one partition, in order.
func (d *deployment) send(t *testing.T, events ...string) {
	t.Helper()
	producer, err := kafka.NewProducer(t.Context(), d.service.node.Client(), kafka.DefaultProducerConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for _, e := range events {
		if err := producer.Send(t.Context(), d.service.node.Topics().Events, 0, kafka.Record{Value: []byte(e)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := producer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// settle waits until everything sent is applied and stored.
func (d *deployment) settle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	for {
		var events, others, people uint64
		if err := d.service.conn.QueryRow(ctx, `SELECT (SELECT count() FROM events), (SELECT count() FROM duplicates) + (SELECT count() FROM rejections),
			(SELECT uniqExact(profile_id) FROM events_now)`).Scan(&events, &others, &people); err != nil {
			t.Fatal(err)
		}
		if events >= 6 && others >= 2 && people == 3 { // the dictionary of merges is reloaded in the background
			return
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			t.Fatalf("%d events of %d people and %d others are stored: %v", events, people, others, err)
		}
	}
}

// ask runs a command against the deployment's data directory.
func (d *deployment) ask(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	out, _, err := runCommandLine(t, "", append(args, "--data", d.dir)...)
	return out, err
}

// runCommandLine runs portrait with arguments, as main does.
func runCommandLine(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, trouble bytes.Buffer
	c := root()
	c.SetArgs(args)
	c.SetIn(strings.NewReader(stdin))
	c.SetOut(&out)
	c.SetErr(&trouble)
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	err = c.ExecuteContext(ctx)
	return out.String(), trouble.String(), err
}

// mustContain checks an answer.
func mustContain(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s lacks %q:\n%s", what, w, got)
		}
	}
}

// mustFail checks that a command failed with an error that says so, and with the exit code.
func mustFail(t *testing.T, err error, code int, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error; want one with %q", want)
		return
	}
	if got := exitCode(err); got != code {
		t.Errorf("exit code %d, want %d: %v", got, code, err)
	}
	mustContain(t, "error", err.Error(), want...)
}

// testStopped asks the directory of a service that has stopped.
func testStopped(t *testing.T, d *deployment) {
	if _, err := findRunning(d.dir); !errors.Is(err, errNotRunning) {
		t.Fatalf("still announced: %v", err)
	}
	out, err := d.ask(t, "profile", annPhone)
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, "profile", out, `"customer_id"`, `"buyer": true`)
	_, err = d.ask(t, "profile", "device_id:nobody")
	mustFail(t, err, exitNotFound, "no profile")
	_, err = d.ask(t, "profile", "phne:139 1234 5678")
	mustFail(t, err, 1, `the name "phne"; there are customer_id, unionid, phone, `)
	out, err = d.ask(t, "sql", "--format", "csv", "SELECT count() >= 6 AS n FROM events_now")
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, "sql", out, "\"n\"\n1\n")
	if out, err = d.ask(t, "hash", annPhone); err != nil || !strings.HasPrefix(out, "phone:") {
		t.Errorf("hash: %q, %v", out, err)
	}
	_, err = d.ask(t, "topics")
	mustFail(t, err, 1, "no running service", "portrait run")
	_, err = d.ask(t, "funnel", "a", "--from", "2026-01-02", "--to", "2026-01-01")
	mustFail(t, err, 1, "--from 2026-01-02T00:00:00+08:00 is not before")
	key := filepath.Join(d.dir, "key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	_, err = d.ask(t, "profile", "device_id:d1")
	mustFail(t, err, 1, "no key", "PORTRAIT_KEY")
}

// TestStaleRunning: what a killed service leaves behind does not count.
func TestStaleRunning(t *testing.T) {
	for name, text := range map[string]string{
		"no such process":                  `{"pid":2147483646,"http":"127.0.0.1:1"}`,
		"the process is somebody else now": fmt.Sprintf(`{"pid":%d,"http":"127.0.0.1:1"}`, os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "running.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if r, err := findRunning(dir); !errors.Is(err, errNotRunning) {
				t.Errorf("%+v, %v", r, err)
			}
			_, _, err := runCommandLine(t, "", "profile", "device_id:a", "--data", dir)
			mustFail(t, err, 1, "no running service", dir)
		})
	}
}

// TestHelp: every command teaches, with an example that names it.
func TestHelp(t *testing.T) {
	for _, c := range root().Commands() {
		for _, c := range append(c.Commands(), c) {
			if !c.IsAvailableCommand() || c.Name() == "help" || c.Name() == "completion" || c.HasParent() && c.Parent().Name() == "completion" {
				continue
			}
			if len(c.Long) < 40 || !strings.Contains(c.Example, c.CommandPath()) {
				t.Errorf("%s: Long %q, Example %q", c.CommandPath(), c.Long, c.Example)
			}
		}
	}
}
