package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"portrait/schemas"
	"portrait/sinks/clickhouse"
)

// startLimit bounds how long a process may take until it is ready: two seconds is usual, a machine that
// does ten other things takes its time.
const startLimit = 2 * time.Minute

// process is one real `portrait run`, a child of the test.
type process struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	log     string // file
	exited  chan struct{}
	err     error // how it ended; set before exited is closed
	Running Running
}

// startProcess starts `portrait run` with a configuration file whose data directory is dir, and waits until it is ready.
func startProcess(ctx context.Context, t testing.TB, dir, config string) *process {
	t.Helper()
	p := launch(t, ownBinary(t), config)
	if err := p.ready(ctx, dir); err != nil {
		t.Fatalf("portrait run: %v\n%s", err, p.said())
	}
	return p
}

// ownBinary is this test binary, which acts as portrait.
func ownBinary(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// launch starts `portrait run` of a binary: this one, or one of another version.
func launch(t testing.TB, binary, config string) *process {
	t.Helper()
	log, err := os.CreateTemp(filepath.Dir(config), "portrait-*.log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the child has its own copy
	p := &process{cmd: exec.Command(binary, "run", "--config", config), log: log.Name(), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), actVariable+"="+actAttached)
	p.cmd.Stderr = log
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("process %d said:\n%s", p.cmd.Process.Pid, p.said())
		}
	})
	return p
}

// ready waits until the process has announced itself and answers that it is ready.
func (p *process) ready(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	why := errors.New("it has not announced itself")
	for {
		if r, err := findRunning(dir); err == nil && r.PID == p.cmd.Process.Pid {
			p.Running = *r
			if _, why = p.get(ctx, "/readyz"); why == nil {
				return nil
			}
		}
		select {
		case <-p.exited:
			return fmt.Errorf("ended while starting: %w", p.err)
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w: %w", why, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// get asks the process over HTTP.
func (p *process) get(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Running.HTTP+path, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(string(text)))
	}
	return string(text), err
}

var sample = regexp.MustCompile(`(?m)^(\w+)\{partition="(\d+)"\} (\S+)$`)

// metrics are the values of a metric by partition: of those that the process owns.
func (p *process) metrics(t testing.TB, name string) map[int]float64 {
	t.Helper()
	text, err := p.get(t.Context(), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	values := map[int]float64{}
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		if m[1] != name {
			continue
		}
		partition, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		if values[partition], err = strconv.ParseFloat(m[3], 64); err != nil {
			t.Fatal(err)
		}
	}
	return values
}

// kill is kill -9, and waits until the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only for a process that is gone
	<-p.exited
	_ = p.stdin.Close() // nobody reads it any more
}

// signal sends a signal to a process that must be there.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %v: %v", s, err)
	}
}

// said is the end of what the process wrote to stderr.
func (p *process) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const most = 8000
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(text)
}

// runPortrait runs a command to its end, which must be a good one, and returns what it said.
func runPortrait(t *testing.T, limit time.Duration, arguments ...string) (stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, arguments...)
	cmd.Env = append(os.Environ(), actVariable+"="+actAttached)
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := cmd.Run(); err != nil {
		t.Fatalf("portrait %s: %v\n%s\n%s", strings.Join(arguments, " "), err, out.String(), said.String())
	}
	return out.String(), said.String()
}

// needEngine skips a test where the embedded ClickHouse cannot be had, unless PORTRAIT_REQUIRE names it.
func needEngine(t *testing.T) {
	t.Helper()
	_, err := clickhouse.FetchEngine(t.Context(), t.Output())
	if errors.Is(err, clickhouse.ErrEngineUnavailable) && !strings.Contains(os.Getenv("PORTRAIT_REQUIRE"), "clickhouse") {
		t.Skipf("no embedded ClickHouse here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// writeConfig writes the configuration of a service with the demo's catalogue into a directory of its own. rest is
// more YAML.
func writeConfig(t testing.TB, data, rest string) (path string) {
	t.Helper()
	catalog, err := schemas.ShippedCatalog("demo")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if !strings.Contains(rest, "deployment:") {
		rest += "deployment: {doc_interval_ms: 3000}\n"
	}
	text := fmt.Sprintf("data_dir: %q\nhttp: 127.0.0.1:0\ncatalog: %q\n%s", data, filepath.Join(dir, "catalog.yaml"), rest)
	for name, content := range map[string][]byte{"catalog.yaml": catalog, "portrait.yaml": []byte(text)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "portrait.yaml")
}
