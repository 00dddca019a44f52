package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// part is what can be broken. Its methods are called by one goroutine at a time.
type part interface {
	// start brings it up on the data and addresses it had before, and waits until it is of use.
	start(ctx context.Context) error
	kill() error   // kill -9; it is gone on return
	freeze() error // SIGSTOP
	thaw() error   // SIGCONT
	stop() error   // SIGTERM; an error says that it did not end well
	// ended is closed when the one that runs has ended in whatever way, and said what it said last.
	ended() <-chan struct{}
	said() string
}

// startLimit bounds how long a part may take until it is of use: two seconds is usual, one that catches up with an outage of
// others takes its time.
const startLimit = 2 * time.Minute

// rolesOf splits the roles: no node has all of the work, and with three or more no role stands on one node alone.
func rolesOf(n, nodes int) string {
	if nodes == 1 {
		return "router,machine,sink"
	}
	return [...]string{"router,machine", "machine,sink", "router,machine,sink", "machine", "router", "sink"}[n%6]
}

// node is one `portrait run` process.
type node struct {
	command []string
	dir     string // data, and beside it NAME.log
	process *process
}

// newNode writes the configuration of a node with some roles.
func newNode(c *Config, name, roles, broker, dsn, key, catalog string) (*node, error) {
	n := &node{dir: filepath.Join(c.Dir, name)}
	config := filepath.Join(c.Dir, name+".yaml")
	text := fmt.Sprintf("data_dir: %q\nroles: [%s]\nhttp: 127.0.0.1:0\ncatalog: %q\nkey_file: %q\nkafka: {brokers: [%q]}\n"+
		"clickhouse: {dsn: %q}\ndeployment: {doc_interval_ms: %d}\n", n.dir, roles, catalog, key, broker, dsn, docInterval.Milliseconds())
	if !strings.Contains(roles, "sink") {
		text = strings.Replace(text, fmt.Sprintf("clickhouse: {dsn: %q}\n", dsn), "clickhouse: {off: true}\n", 1)
	}
	n.command = append(append([]string{}, c.Command...), "run", "--config", config)
	return n, os.WriteFile(config, []byte(text), 0o600)
}

func (n *node) start(ctx context.Context) (err error) {
	if n.process, err = launch(n.command, n.dir+".log"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	why := errors.New("it has not announced itself")
	for {
		if why = n.ready(ctx, why); why == nil {
			return nil
		}
		select {
		case <-n.process.exited:
			return n.process.endedEarly()
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w: %w", why, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ready asks the process that announced itself whether it does its work; why is what to answer before that.
func (n *node) ready(ctx context.Context, why error) error {
	var running struct {
		PID  int    `json:"pid"`
		HTTP string `json:"http"`
	}
	text, err := os.ReadFile(filepath.Join(n.dir, "running.json"))
	if err != nil || json.Unmarshal(text, &running) != nil || running.PID != n.process.cmd.Process.Pid {
		return why // or it is that of the process before, or half of one
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+running.HTTP+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	said, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	return errors.Join(errors.New(strings.TrimSpace(string(said))), err)
}

func (n *node) kill() error {
	n.process.kill()
	return nil
}

func (n *node) freeze() error          { return n.process.signal(syscall.SIGSTOP) }
func (n *node) thaw() error            { return n.process.signal(syscall.SIGCONT) }
func (n *node) stop() error            { return n.process.stop() }
func (n *node) ended() <-chan struct{} { return n.process.exited }
func (n *node) said() string           { return n.process.said() }
