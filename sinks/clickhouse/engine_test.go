package clickhouse

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

func TestMain(m *testing.M) {
	if IsChild() {
		os.Exit(ChildMain(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// startTestEngine starts the real engine over dir. Where it cannot be had the test is skipped with
// the reason, unless PORTRAIT_REQUIRE names clickhouse.
func startTestEngine(t *testing.T, dir string) *Engine {
	t.Helper()
	e, err := StartEngine(t.Context(), EngineConfig{Dir: dir, Log: t.Output()})
	if errors.Is(err, ErrEngineUnavailable) && !strings.Contains(os.Getenv("PORTRAIT_REQUIRE"), "clickhouse") {
		t.Skipf("no embedded ClickHouse here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Logf("close engine: %v", err)
		}
	})
	return e
}

func connect(t *testing.T, e *Engine, user string) driver.Conn {
	t.Helper()
	conn, err := ch.Open(&ch.Options{Addr: []string{e.Addr()}, Auth: ch.Auth{Username: user}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Logf("close connection: %v", err)
		}
	})
	return conn
}

func mustExec(t *testing.T, conn driver.Conn, query string) {
	t.Helper()
	if err := conn.Exec(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// ask returns the single value of a query as text.
func ask(t *testing.T, conn driver.Conn, query string) string {
	t.Helper()
	var s string
	if err := conn.QueryRow(t.Context(), "SELECT toString(("+query+"))").Scan(&s); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return s
}

func TestEngineKeepsDataAfterKill(t *testing.T) {
	dir := t.TempDir()
	first := startTestEngine(t, dir)
	conn := connect(t, first, "default")
	mustExec(t, conn, "CREATE TABLE kept (n Int32) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1")
	mustExec(t, conn, "INSERT INTO kept VALUES (1), (2)")
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err == nil {
		t.Fatal("a killed engine reports a clean end")
	}
	second := startTestEngine(t, dir)
	if got := ask(t, connect(t, second, "default"), "SELECT sum(n) FROM kept"); got != "3" {
		t.Fatalf("after kill -9 the sum is %s, want 3", got)
	}
	if err := second.Close(); err != nil {
		t.Fatalf("clean end: %v", err)
	}
	if err := second.Err(); err != nil {
		t.Fatalf("after a clean end: %v", err)
	}
}

func TestEngineReaderMayOnlyRead(t *testing.T) {
	e := startTestEngine(t, t.TempDir())
	mustExec(t, connect(t, e, "default"), "CREATE TABLE seen (n Int32) ENGINE = MergeTree ORDER BY n")
	reader := connect(t, e, Reader)
	if got := ask(t, reader, "SELECT count() FROM seen"); got != "0" {
		t.Fatalf("reader counts %s rows, want 0", got)
	}
	for _, query := range []string{
		"INSERT INTO seen VALUES (1)", "DROP TABLE seen", "CREATE TABLE more (n Int32) ENGINE = Memory",
		"SET max_threads = 1", "SELECT * FROM file('/etc/hostname', 'LineAsString')",
	} {
		if err := reader.Exec(context.Background(), query); err == nil {
			t.Errorf("the reader may run %q", query)
		}
	}
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
