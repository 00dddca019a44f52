package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"portrait/pipeline/broker"
	"portrait/pipeline/normalize"
	"portrait/sinks/clickhouse"
)

// parts are a broker and a ClickHouse that belong to the test and outlive the nodes it kills and pauses.
type parts struct {
	dir     string
	broker  string // host:port
	engine  *clickhouse.Kept
	keyFile string
}

// startParts starts them; without the address of a broker an embedded one.
func startParts(t *testing.T, address string) *parts {
	t.Helper()
	p := &parts{dir: t.TempDir(), broker: address}
	if address == "" {
		b, err := broker.Start(broker.Config{Dir: filepath.Join(p.dir, "broker")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		p.broker = b.Addr()
	}
	var err error
	p.engine, err = clickhouse.KeepEngine(t.Context(), p.engineConfig(t),
		func(err error) { t.Logf("engine of the test: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.engine.Close(); err != nil {
			t.Error(err)
		}
	})
	p.keyFile = filepath.Join(p.dir, "key")
	if _, err := normalize.Generate(p.keyFile); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *parts) engineConfig(t *testing.T) clickhouse.EngineConfig {
	return clickhouse.EngineConfig{Dir: filepath.Join(p.dir, "clickhouse"), Log: t.Output()}
}

// node returns data directory and configuration file of a node on these parts, with so many partitions of events.
func (p *parts) node(t *testing.T, name string, partitions int) (data, config string) {
	data = filepath.Join(p.dir, name)
	return data, writeConfig(t, data, fmt.Sprintf("kafka: {brokers: [%q]}\nclickhouse: {dsn: %q}\nkey_file: %q\n"+
		"deployment: {doc_interval_ms: 3000, events_partitions: %d}\n", p.broker, p.engine.DSN(), p.keyFile, partitions))
}
