package broker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
)

// brokerConfigs are settings of the embedded broker.
//
//   - Segments of 4 MB: larger ones, held in memory while they grow, stall the process.
//   - Batches of up to 8 MB by default; each topic of ours says less.
var brokerConfigs = map[string]string{
	"log.segment.bytes": "4194304",
	"message.max.bytes": "8388608",
}

// portFile, in the data directory, remembers the port, so that clients find a restarted broker again.
const portFile = "port"

// Config says where an embedded broker lives.
type Config struct {
	Dir  string // data; empty: in memory only
	Port int    // on 127.0.0.1; 0: the one Dir remembers if it is free, else any free one
}

// Broker is a running embedded broker.
type Broker struct {
	cluster *kfake.Cluster
	addr    string
	lock    *os.File // nil in memory
}

// Start opens the data directory, or makes it, and listens. Only one process may use a directory.
func Start(config Config) (*Broker, error) {
	if config.Dir == "" {
		return start(config, kfake.Ports(config.Port))
	}
	log := filepath.Join(config.Dir, "log")
	if err := os.MkdirAll(log, 0o700); err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	held, err := lock(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	port := config.Port
	if port == 0 {
		port = rememberedPort(config.Dir)
	}
	b, err := start(config, kfake.DataDir(log), kfake.Ports(port))
	if err != nil && port != config.Port && isListenError(err) {
		// Somebody took the remembered port meanwhile, and nobody asked for it.
		b, err = start(config, kfake.DataDir(log), kfake.Ports(config.Port))
	}
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	b.lock = held
	if err := forgetSequences(log); err != nil {
		b.Close()
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	if err := rememberPort(config.Dir, b.addr); err != nil {
		b.Close()
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	return b, nil
}

func start(config Config, options ...kfake.Opt) (*Broker, error) {
	options = append(options, kfake.ClusterID("portrait"), kfake.BrokerConfigs(brokerConfigs))
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return nil, fmt.Errorf("embedded broker (directory %q, port %d): %w", config.Dir, config.Port, err)
	}
	return &Broker{cluster: cluster, addr: cluster.ListenAddrs()[0]}, nil
}

// Addr returns host:port.
func (b *Broker) Addr() string { return b.addr }

// Close syncs the data and ends all connections.
func (b *Broker) Close() {
	b.cluster.Close()
	if b.lock != nil {
		_ = b.lock.Close() // lets the next process in; there is nothing in it to lose
	}
}

// forgetSequences removes what the engine wrote about idempotent producers when it was last stopped cleanly. It has
// read that by now, and writes it anew at the next clean stop; after a crash in between it would be old, and every
// producer that went on would be refused for good (out of order sequence number). With nothing known of them they
// are believed, as by any Kafka broker that lost that state.
func forgetSequences(log string) error {
	err := os.Remove(filepath.Join(log, "seq_windows.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func isListenError(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "listen"
}

// rememberedPort returns 0 if there is none; a damaged file costs nothing but the old port.
func rememberedPort(dir string) int {
	text, err := os.ReadFile(filepath.Join(dir, portFile))
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || port < 1 || port > 65535 {
		return 0
	}
	return port
}

func rememberPort(dir, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, portFile), []byte(port+"\n"), 0o600)
}
