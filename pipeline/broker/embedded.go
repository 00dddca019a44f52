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
}

// Start opens the data directory, or makes it, and listens. Only one process may use a directory.
func Start(config Config) (*Broker, error) {
	options := []kfake.Opt{kfake.ClusterID("portrait"), kfake.BrokerConfigs(brokerConfigs)}
	port := config.Port
	if config.Dir != "" {
		if err := os.MkdirAll(filepath.Join(config.Dir, "log"), 0o700); err != nil {
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
		options = append(options, kfake.DataDir(filepath.Join(config.Dir, "log")))
		if port == 0 {
			port = rememberedPort(config.Dir)
		}
	}
	cluster, err := kfake.NewCluster(append(options, kfake.Ports(port))...)
	if err != nil && port != config.Port && isListenError(err) {
		// Somebody took the remembered port meanwhile, and nobody asked for it.
		cluster, err = kfake.NewCluster(append(options, kfake.Ports(config.Port))...)
	}
	if err != nil {
		return nil, fmt.Errorf("embedded broker on port %d in %q: %w", port, config.Dir, err)
	}
	b := &Broker{cluster: cluster, addr: cluster.ListenAddrs()[0]}
	if config.Dir != "" {
		if err := rememberPort(config.Dir, b.addr); err != nil {
			b.Close()
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
	}
	return b, nil
}

// Addr returns host:port.
func (b *Broker) Addr() string { return b.addr }

// Close syncs the data and ends all connections.
func (b *Broker) Close() { b.cluster.Close() }

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
