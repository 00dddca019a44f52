package main

import (
	"io"
	"os"
	"testing"

	"portrait/sinks/clickhouse"
)

// actVariable makes the test binary act as portrait itself, so that tests can start, kill and pause real
// processes without building anything. actAttached ends it when its stdin does: no test leaves one behind.
const (
	actVariable = "PORTRAIT_TEST_MAIN"
	actPlain    = "1"
	actAttached = "attached"
)

func TestMain(m *testing.M) {
	if clickhouse.IsChild() {
		os.Exit(clickhouse.ChildMain(os.Args[2:]))
	}
	switch os.Getenv(actVariable) {
	case actAttached:
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // it ends when the test does, in whatever way
			os.Exit(3)
		}()
		fallthrough
	case actPlain:
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}
