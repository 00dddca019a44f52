package torture

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
)

// embedded is the embedded broker in a process of its own (`portrait bench broker`), so that it can be killed.
type embedded struct {
	command []string
	addr    string
	log     string
	process *process
}

func newEmbedded(c *Config) (*embedded, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(c.Dir, "broker")
	return &embedded{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), log: dir + ".log",
		command: append(append([]string{}, c.Command...), "bench", "broker", "--dir", dir, "--port", strconv.Itoa(port))}, nil
}

// freePort returns a port that was free a moment ago; it is asked for again after each start.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (b *embedded) start(ctx context.Context) (err error) {
	if b.process, err = launch(b.command, b.log); err != nil {
		return err
	}
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.addr}})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		if err = client.Ping(ctx); err == nil {
			return nil
		}
		select {
		case <-b.process.exited:
			return b.process.endedEarly()
		case <-ctx.Done():
			return fmt.Errorf("broker does not answer: %w: %w", err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (b *embedded) kill() error {
	b.process.kill()
	return nil
}

func (b *embedded) freeze() error          { return b.process.signal(syscall.SIGSTOP) }
func (b *embedded) thaw() error            { return b.process.signal(syscall.SIGCONT) }
func (b *embedded) stop() error            { return b.process.stop() }
func (b *embedded) ended() <-chan struct{} { return b.process.exited }
func (b *embedded) said() string           { return b.process.said() }

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
func (a *apache) stop() error            { return a.node.Stop(stopLimit) }
func (a *apache) ended() <-chan struct{} { return a.node.Done() }
func (a *apache) said() string           { return tail(filepath.Join(a.dir, "kafka.log")) }

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
