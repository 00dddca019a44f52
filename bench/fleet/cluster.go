package fleet

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"portrait/bench"
	"portrait/bench/drive"
	"portrait/bench/traffic"
	"portrait/pipeline"
	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
)

// Config says what runs.
type Config struct {
	Command    []string       // starts portrait: the binary, and what stands before its arguments
	Dir        string         // data and logs of everything, made for this run
	Broker     string         // embedded (a process of its own), apache, or HOST:PORT
	Model      *traffic.Model // the catalogue
	Partitions int            // of the inbox
	Snapshots  bool           // in a directory that all nodes see
	CacheMB    int            // MiB of profiles in memory; 0: the default
	Out        io.Writer      // progress
}

// factsPartitions is that of a deployment that does not say otherwise.
const factsPartitions = 1

// eventsPartitions likewise.
const eventsPartitions = 4

// docInterval is how late the documents of a run may be; the default would make the verification wait.
const docInterval = 5 * time.Second

// Cluster is broker and nodes.
type Cluster struct {
	config Config
	addr   string
	prefix string
	node   string // configuration that nodes share
	undo   []func()
	broker func() int // its process, if it is ours

	mu    sync.Mutex // guards nodes
	nodes []*Node
}

// NewCluster starts the broker; nodes are added. Close it.
func NewCluster(ctx context.Context, config Config) (_ *Cluster, err error) {
	c := &Cluster{config: config, prefix: "portrait"}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if err := c.startBroker(ctx); err != nil {
		return nil, err
	}
	key, catalog := filepath.Join(config.Dir, "key"), filepath.Join(config.Dir, "catalog.yaml")
	if _, err := normalize.Generate(key); err != nil {
		return nil, err
	}
	if err := os.WriteFile(catalog, config.Model.YAML(), 0o600); err != nil {
		return nil, err
	}
	c.node = fmt.Sprintf("catalog: %q\nkey_file: %q\nprefix: %s\nkafka: {brokers: [%q]}\nclickhouse: {off: true}\n"+
		"deployment: {inbox_partitions: %d, events_partitions: %d, facts_partitions: %d, doc_interval_ms: %d}\n",
		catalog, key, c.prefix, c.addr, config.Partitions, eventsPartitions, factsPartitions, docInterval.Milliseconds())
	if config.CacheMB > 0 {
		c.node += fmt.Sprintf("cache_mb: %d\n", config.CacheMB)
	}
	if config.Snapshots {
		c.node += fmt.Sprintf("snapshots: {dir: %q}\n", filepath.Join(config.Dir, "snapshots"))
	}
	return c, nil
}

func (c *Cluster) startBroker(ctx context.Context) error {
	switch c.config.Broker {
	case "embedded":
		b, err := NewBroker(c.config.Command, filepath.Join(c.config.Dir, "broker"))
		if err != nil {
			return err
		}
		if err := b.Start(ctx); err != nil {
			return fmt.Errorf("broker: %w", err)
		}
		c.undo = append(c.undo, b.Kill)
		c.addr, c.broker = b.Addr, b.PID
	case "apache":
		apache, err := broker.StartApache(ctx, broker.ApacheConfig{Dir: filepath.Join(c.config.Dir, "kafka")})
		if err != nil {
			return err
		}
		c.undo = append(c.undo, apache.Close)
		c.addr, c.broker = apache.Addr(), apache.PID
	default: // somebody's brokers: never their deployment's topics
		c.addr, c.prefix = c.config.Broker, "portrait-bench-"+strconv.FormatInt(time.Now().Unix(), 36)
		fmt.Fprintf(c.config.Out, "topics of this run begin with %s. and stay; delete them when you are done\n", c.prefix)
	}
	return nil
}

// Add starts another node and waits until it is ready.
func (c *Cluster) Add(ctx context.Context, name string) (*Node, error) {
	n, err := NewNode(c.config.Command, c.config.Dir, name, c.node)
	if err != nil {
		return nil, err
	}
	if err := n.Launch(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.nodes = append(c.nodes, n)
	c.mu.Unlock()
	return n, n.WaitReady(ctx)
}

// Nodes are those that were added and not stopped for good.
func (c *Cluster) Nodes() []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// remove forgets a node that was stopped for good.
func (c *Cluster) remove(n *Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = slices.DeleteFunc(c.nodes, func(other *Node) bool { return other == n })
}

// Deployment is what a driver has to know. That of ClickHouse there is none.
func (c *Cluster) Deployment() drive.Deployment {
	d := drive.Deployment{Kafka: kafka.Config{Brokers: []string{c.addr}}, Topics: pipeline.TopicNames(c.prefix), Events: eventsPartitions,
		Inbox: c.config.Partitions, Facts: factsPartitions, DocInterval: docInterval, Processes: map[string]int{"bench": os.Getpid()},
		Disk: map[string]string{}, Changing: c.processes}
	if c.broker != nil {
		d.Processes["broker"] = c.broker()
	}
	return d
}

func (c *Cluster) processes() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := map[string]int{}
	for _, n := range c.nodes {
		m[n.Name] = n.Process().PID()
	}
	return m
}

// owners says which node has which inbox partition, as far as the nodes answer.
func (c *Cluster) owners(ctx context.Context) map[int]string {
	m := map[int]string{}
	for _, n := range c.Nodes() {
		metrics, err := n.Metrics(ctx)
		if err != nil {
			continue // it is on its way down or up
		}
		for p := range metrics.Each["portrait_inbox_lag_records"] {
			m[p] = n.Name
		}
	}
	return m
}

// restLag and restOwed are what a node that is at rest has before it: ticks come all the time.
const (
	restLag  = 200
	restOwed = 200
)

// Rest waits until the nodes have nothing left to do but what comes now, seen three times in a row: documents of profiles that
// were filled before, above all, which are not a restart's cost.
func (c *Cluster) Rest(ctx context.Context) error {
	for calm := 0; calm < 3; {
		if err := bench.Pause(ctx, time.Second); err != nil {
			return fmt.Errorf("the nodes do not come to rest: %w", err)
		}
		calm++
		for _, n := range c.Nodes() {
			m, err := n.Metrics(ctx)
			if err != nil {
				return err
			}
			for _, lag := range m.Each["portrait_inbox_lag_records"] {
				if lag > restLag {
					calm = 0
				}
			}
			owed := m.Whole["portrait_produce_queued_records"]
			for _, v := range m.Each["portrait_outputs_unacknowledged"] {
				owed += v
			}
			if owed > restOwed {
				calm = 0
			}
		}
	}
	return nil
}

// Close ends everything, nodes first.
func (c *Cluster) Close() {
	for _, n := range c.Nodes() {
		n.Process().Kill()
	}
	for i := len(c.undo) - 1; i >= 0; i-- {
		c.undo[i]()
	}
	c.undo = nil
}
