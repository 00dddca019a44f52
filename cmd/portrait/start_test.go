package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portrait/pipeline/broker"
	"portrait/sinks/clickhouse"
)

// A port that somebody has is told before anything is made: no directory, no key, no topic and no deployment.
func TestBusyPortMakesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := filepath.Join(t.TempDir(), "data")
	config, err := Config{DataDir: dir, HTTP: l.Addr().String(), ClickHouse: ClickHouseConfig{Off: true}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s, err := StartService(t.Context(), config, Catalogs{}, slog.New(slog.DiscardHandler), io.Discard)
	if err == nil {
		s.Close()
	}
	mustFail(t, err, 1, "http: ", l.Addr().String(), "`http:` in the configuration")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the data directory: %v; want none", err)
	}
}

// While no broker answers, a start says so to who asks, and when one does, it goes on. A running service whose coordinator
// is gone says why, too.
func TestReadinessSaysWhyNot(t *testing.T) {
	dir := t.TempDir()
	brokerPort, httpAddr := freePort(t), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	config := Config{DataDir: dir, HTTP: httpAddr, ClickHouse: ClickHouseConfig{Off: true}, KeyFile: writer(t, dir)("a.key", strings.Repeat("ab", 32))}
	config.Kafka.Brokers = []string{fmt.Sprintf("127.0.0.1:%d", brokerPort)}
	config, err := config.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		s, err := StartService(ctx, config, Catalogs{}, slog.New(slog.DiscardHandler), io.Discard)
		if err == nil {
			err = s.Run(ctx)
			s.Close()
		}
		ended <- err
	}()
	asked := &process{Running: Running{HTTP: httpAddr}}
	until := func(path, want string) {
		t.Helper()
		for {
			said, err := asked.get(ctx, path)
			if err != nil {
				said = err.Error()
			}
			if strings.Contains(said, want) {
				return
			}
			select {
			case err := <-ended:
				t.Fatalf("%s: the service ended: %v", path, err)
			case <-ctx.Done():
				t.Fatalf("%s: %s; want %s", path, said, want)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	waiting := "503 Service Unavailable: starting: waiting: the brokers " + config.Kafka.Brokers[0] + " do not answer ("
	until("/readyz", waiting)
	until("/v1/profiles/device_id:a", waiting)
	until("/metrics", waiting)
	until("/healthz", "ok")
	b, err := broker.Start(broker.Config{Port: brokerPort})
	if err != nil {
		t.Fatal(err)
	}
	until("/readyz", "ready\n")
	b.Close()
	until("/readyz", "nothing is applied until it is: ")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A ClickHouse database that another deployment filled is refused at the start, or when it answers.
func TestServiceOnAnothersDatabase(t *testing.T) {
	needEngine(t)
	p := startParts(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	if err := clickhouse.Migrate(ctx, p.engine.DSN()); err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Connect(p.engine.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(ctx, "INSERT INTO deployments (epoch, deployment, record) VALUES (1, 'of-somebody', 255)"); err != nil {
		t.Fatal(err)
	}
	_, file := p.node(t, "node", 1)
	config, err := LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	start := func() (*Service, error) {
		return StartService(ctx, config, Catalogs{}, slog.New(slog.DiscardHandler), io.Discard)
	}
	want := []string{"database portrait belongs to another deployment", "of-somebody (epoch 1, record 00000000000000ff)", "clickhouse.dsn"}
	s, err := start()
	if err == nil {
		s.Close()
	}
	mustFail(t, err, 1, want...)
	p.killEngine(t)
	if s, err = start(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p.restartEngine(t)
	mustFail(t, s.Run(ctx), 1, append(want, s.node.Deployment().ID)...)
}

// freePort is a port of loopback that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// A catalogue with a fault is told with its file before anything is made: the corrected command finds no remains.
func TestBadCatalogueMakesNothing(t *testing.T) {
	write := writer(t, t.TempDir())
	catalog := write("bad.yaml", "name: bad\nfeatures:\n  orders: {kind: count, event: order_paid}\ntags:\n  buyer: {when: \"order > 0\"}\n")
	config := write("portrait.yaml", "http: 127.0.0.1:0\ncatalog: "+catalog+"\n")
	input := write("events.jsonl", `{"event":"login","identifiers":{"device_id":"d1"}}`+"\n")
	for name, arguments := range map[string][]string{
		"run":                    {"run", "--config", config},
		"import --catalog":       {"import", "--new", "--catalog", catalog, input},
		"import with its config": {"import", "--new", "--config", config, input},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			_, _, err := runCommandLine(t, "", append(arguments, "--data", dir)...)
			mustFail(t, err, 1, catalog+`: line 5, column 18: tag buyer: unknown name "order"`)
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("the data directory: %v; want none", err)
			}
		})
	}
}

// A service whose clock is that of its events says what this means for it; one with the wall clock does not speak of it.
func TestEventClockIsToldOf(t *testing.T) {
	for name, c := range map[string]struct {
		deployment string
		told       bool
	}{
		"event": {"{clock: event, events_partitions: 1}", true},
		"wall":  {"{clock: wall}", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			data := filepath.Join(dir, "data")
			config := writer(t, dir)("portrait.yaml", "data_dir: "+data+"\nhttp: 127.0.0.1:0\nclickhouse: {off: true}\ndeployment: "+c.deployment+"\n")
			p := launch(t, ownBinary(t), config)
			if err := p.ready(t.Context(), data); err != nil {
				t.Fatalf("portrait run: %v\n%s", err, p.said())
			}
			if told := strings.Contains(p.said(), "level=WARN msg=\"the clock of this deployment is that of its events"); told != c.told {
				t.Errorf("told of its clock: %t, want %t:\n%s", told, c.told, p.said())
			}
		})
	}
}

// What keeps the embedded broker from its directory is told once, by the broker.
func TestBrokerSpeaksOnce(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, brokerDir), nil, 0o600); err != nil { // no directory
		t.Fatal(err)
	}
	config, err := Config{DataDir: dir, HTTP: "127.0.0.1:0", ClickHouse: ClickHouseConfig{Off: true}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s, err := StartService(t.Context(), config, Catalogs{}, slog.New(slog.DiscardHandler), io.Discard)
	if err == nil {
		s.Close()
		t.Fatal("started")
	}
	if said := strings.Count(err.Error(), "embedded broker"); said != 1 {
		t.Errorf("%v: named %d times", err, said)
	}
}
