package clickhouse

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

func TestMain(m *testing.M) {
	if IsChild() {
		os.Exit(ChildMain(os.Args[2:]))
	}
	if dir := os.Getenv(parentVariable); dir != "" {
		os.Exit(parentMain(dir))
	}
	os.Exit(m.Run())
}

// parentVariable makes the test binary a process that owns an engine until it is killed.
const parentVariable = "PORTRAIT_TEST_ENGINE_PARENT"

func parentMain(dir string) int {
	e, err := StartEngine(context.Background(), EngineConfig{Dir: dir, Log: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(e.PID())
	<-e.Done()
	return 1
}

func TestEngineDiesWithItsParent(t *testing.T) {
	if _, err := FetchEngine(t.Context(), t.Output()); err != nil {
		skipWithoutEngine(t, err)
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	parent := osexec.Command(self)
	parent.Env = append(os.Environ(), parentVariable+"="+dir)
	parent.Stderr = t.Output()
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Fatal("a killed parent ended well")
	}
	// The engine holds the lock of its directory as long as it lives.
	lock, err := lockFile(t.Context(), filepath.Join(dir, "lock"), 10*time.Second)
	if err != nil {
		t.Fatalf("engine process %s outlived its parent: %v", strings.TrimSpace(line), err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEngineReportsWhenItCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	e, err := StartEngine(t.Context(), EngineConfig{Dir: t.TempDir(), TCPPort: port, HTTPPort: port})
	skipWithoutEngine(t, err)
	if err == nil {
		t.Fatalf("an engine answers on a port that is ours: %s", e.Addr())
	}
	if !strings.Contains(err.Error(), strconv.Itoa(port)) {
		t.Errorf("error %q does not name port %d", err, port)
	}
}

// skipWithoutEngine skips the test where the engine cannot be had, unless PORTRAIT_REQUIRE names
// clickhouse.
func skipWithoutEngine(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, ErrEngineUnavailable) && !strings.Contains(os.Getenv("PORTRAIT_REQUIRE"), "clickhouse") {
		t.Skipf("no embedded ClickHouse here: %v", err)
	}
}

// startTestEngine starts the real engine over dir.
func startTestEngine(t *testing.T, dir string) *Engine {
	t.Helper()
	e, err := StartEngine(t.Context(), EngineConfig{Dir: dir, Log: t.Output()})
	skipWithoutEngine(t, err)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, "engine", e)
	return e
}

// keepTestEngine is for tests of the database: as in the service, an engine that ends by itself is started again. It does so when it
// loses a client at an unlucky moment (std::terminate in its TCPHandler), once in some hundred times that a test cuts a connection.
func keepTestEngine(t *testing.T) *Kept {
	t.Helper()
	k, err := KeepEngine(t.Context(), EngineConfig{Dir: t.TempDir(), Log: t.Output()}, func(err error) { t.Log(err) })
	skipWithoutEngine(t, err)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, "engine", k)
	return k
}

// closeAtEnd closes what a test leaves open; that it had ended before is not the test's business.
func closeAtEnd(t *testing.T, what string, c io.Closer) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Logf("close %s: %v", what, err)
		}
	})
}

// addressed is an Engine or a Kept.
type addressed interface{ Addr() string }

func connect(t *testing.T, e addressed, user string) driver.Conn {
	t.Helper()
	conn, err := ch.Open(&ch.Options{Addr: []string{e.Addr()}, Auth: ch.Auth{Username: user}})
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, "connection", conn)
	return conn
}

func mustExec(t *testing.T, conn driver.Conn, query string) {
	t.Helper()
	if err := conn.Exec(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// ask returns the single value of a query as text. An engine that is being started again is waited for.
func ask(t *testing.T, conn driver.Conn, query string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		var s string
		err := conn.QueryRow(ctx, "SELECT toString(("+query+"))").Scan(&s)
		if err == nil {
			return s
		}
		var answer *ch.Exception
		if errors.As(err, &answer) || ctx.Err() != nil {
			t.Fatalf("%s: %v", query, err)
		}
		<-again.C
	}
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

// A name that the engine does not know, or the wrong place in the file, would be ignored without a word.
func TestEngineTakesItsSettings(t *testing.T) {
	conn := connect(t, startTestEngine(t, t.TempDir()), "default")
	if got := ask(t, conn, "SELECT value FROM system.merge_tree_settings WHERE name = 'merge_selector_base' AND changed"); got != "16" {
		t.Errorf("merge_selector_base is %s, want 16", got)
	}
	if got := ask(t, conn, "SELECT value FROM system.server_settings WHERE name = 'mark_cache_size' AND changed"); got != "268435456" {
		t.Errorf("mark_cache_size is %s, want 268435456", got)
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
