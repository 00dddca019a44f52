package main

import (
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
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
