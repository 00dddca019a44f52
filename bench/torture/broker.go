package torture

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"portrait/bench/fleet"
	"portrait/pipeline/broker"
)

// embedded is the embedded broker in a process of its own.
type embedded struct{ *fleet.Broker }

func newEmbedded(c *Config) (*embedded, error) {
	b, err := fleet.NewBroker(c.Command, filepath.Join(c.Dir, "broker"))
	return &embedded{b}, err
}

func (b *embedded) start(ctx context.Context) error { return b.Start(ctx) }

func (b *embedded) kill() error {
	b.Kill()
	return nil
}

func (b *embedded) freeze() error          { return b.Signal(syscall.SIGSTOP) }
func (b *embedded) thaw() error            { return b.Signal(syscall.SIGCONT) }
func (b *embedded) stop() error            { return b.Stop() }
func (b *embedded) ended() <-chan struct{} { return b.Exited() }
func (b *embedded) said() string           { return b.Said() }

// apache is Apache Kafka.
type apache struct {
	dir  string
	port int
	node *broker.Apache
}

func (a *apache) start(ctx context.Context) (err error) {
	a.node, err = broker.StartApache(ctx, broker.ApacheConfig{Dir: a.dir, Port: a.port})
	return err
}

func (a *apache) kill() error {
	a.node.Close()
	return nil
}

func (a *apache) freeze() error          { return signalTo(a.node.PID(), syscall.SIGSTOP) }
func (a *apache) thaw() error            { return signalTo(a.node.PID(), syscall.SIGCONT) }
func (a *apache) stop() error            { return a.node.Stop(fleet.StopLimit) }
func (a *apache) ended() <-chan struct{} { return a.node.Done() }
func (a *apache) said() string           { return fleet.Tail(filepath.Join(a.dir, "kafka.log")) }

func signalTo(pid int, s syscall.Signal) error {
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Signal(s)
	}
	if err != nil {
		return fmt.Errorf("signal %v: %w", s, err)
	}
	return nil
}
