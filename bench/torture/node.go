package torture

import (
	"context"
	"fmt"
	"strings"
	"syscall"

	"portrait/bench/fleet"
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

// rolesOf splits the roles: no node has all of the work, and with three or more no role stands on one node alone.
func rolesOf(n, nodes int) string {
	if nodes == 1 {
		return "router,machine,sink"
	}
	return [...]string{"router,machine", "machine,sink", "router,machine,sink", "machine", "router", "sink"}[n%6]
}

// node is one `portrait run` process.
type node struct{ *fleet.Node }

// newNode writes the configuration of a node with some roles.
func newNode(c *Config, name, roles, broker, dsn, key, catalog string) (*node, error) {
	sink := fmt.Sprintf("dsn: %q", dsn)
	if !strings.Contains(roles, "sink") {
		sink = "off: true"
	}
	n, err := fleet.NewNode(c.Command, c.Dir, name, fmt.Sprintf("roles: [%s]\ncatalog: %q\nkey_file: %q\nkafka: {brokers: [%q]}\n"+
		"clickhouse: {%s}\ndeployment: {doc_interval_ms: %d}\n", roles, catalog, key, broker, sink, docInterval.Milliseconds()))
	return &node{n}, err
}

func (n *node) start(ctx context.Context) error { return n.Start(ctx) }

func (n *node) kill() error {
	n.Process().Kill()
	return nil
}

func (n *node) freeze() error          { return n.Process().Signal(syscall.SIGSTOP) }
func (n *node) thaw() error            { return n.Process().Signal(syscall.SIGCONT) }
func (n *node) stop() error            { return n.Process().Stop() }
func (n *node) ended() <-chan struct{} { return n.Process().Exited() }
func (n *node) said() string           { return n.Process().Said() }
