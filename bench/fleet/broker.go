package fleet

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"portrait/pipeline/kafka"
)

// Broker is the embedded broker in a process of its own (`portrait bench broker`), so that it can be killed, and nodes outlive
// each other.
type Broker struct {
	*Process // the one that runs; nil before the first Start
	Addr     string
	command  []string
	log      string
}

// NewBroker prepares one with its data in dir and its log beside it. Command starts portrait: the binary, and what stands before
// its arguments.
func NewBroker(command []string, dir string) (*Broker, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	dir = filepath.Clean(dir)
	return &Broker{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), log: dir + ".log",
		command: append(append([]string{}, command...), "bench", "broker", "--dir", dir, "--port", strconv.Itoa(port))}, nil
}

// FreePort returns a port that was free a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Start brings it up on the data and the address that it had before, and waits until it answers.
func (b *Broker) Start(ctx context.Context) (err error) {
	if b.Process, err = Launch(b.command, b.log); err != nil {
		return err
	}
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr}})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, StartLimit)
	defer cancel()
	for {
		if err = client.Ping(ctx); err == nil {
			return nil
		}
		select {
		case <-b.Exited():
			return b.EndedEarly()
		case <-ctx.Done():
			return fmt.Errorf("broker does not answer: %w: %w", err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
