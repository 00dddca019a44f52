package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/profile/machine"
	"portrait/profile/store"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// Config is what one process of the pipeline needs. Everything that two processes must agree on is in
// the deployment record instead, which Found takes from here once.
type Config struct {
	Kafka       kafka.Config
	Prefix      string             // of topics and consumer groups
	DataDir     string             // of the store
	Replication int                // of topics that are created; 0: the broker's default
	CacheBytes  int64              // of profiles in memory, for all partitions of the process; 0: DefaultCacheBytes
	Catalog     []byte             // YAML to publish at the start; nil: keep what is active
	First       []byte             // YAML to publish if Catalog is nil and none ever was
	Deployment  schemas.Deployment // proposal for a deployment that does not exist yet
	Keys        normalize.Keys
	Log         *slog.Logger
	Producer    kafka.ProducerConfig
	Snapshots   SnapshotConfig
	Waiting     func(reason string) // hears what OpenNode is waiting for; empty: nothing any more; nil: nobody asks

	// What this process leaves to others of the deployment. Without machines it keeps no state and answers no lookup;
	// without both it only belongs to the deployment, as a process that does nothing but store facts.
	NoRouters, NoMachines bool

	pace *pace // tests: instead of production's
}

// Node runs routers and machines of one process.
type Node struct {
	config      Config
	log         *slog.Logger
	client      *kafka.Client
	producer    *kafka.Producer
	topics      Topics
	dep         *schemas.Deployment
	pace        pace
	keys        normalize.Keys
	profileKey  []byte
	store       *store.DB
	routerGroup *kafka.Group
	machines    *kafka.Group
	routers     *routers
	drivers     []atomic.Pointer[machineDriver] // by inbox partition; nil: not ours
	asks        []chan ask
	address     string // where this node serves lookups
	owners      owners
	assigned    atomic.Int64  // inbox partitions that the group gave us last; -1: none yet
	keeper      *keeper       // nil without machines
	logic       *catalogState // when the node was opened
	known       []byte        // the catalogue that was the latest then; nil: there was none
	distrusted  []atomic.Bool // by inbox partition: its state here is damaged
	troubles    atomic.Int64
	told        kafka.Complaints // of troubles
	stages      stages
	catalogs    compiled
}

// OpenNode connects, founds or verifies the deployment, and brings the catalogue to the machines'
// inboxes. Run then does the work; Close lets go of everything.
func OpenNode(ctx context.Context, c Config) (_ *Node, err error) {
	client, err := kafka.NewClient(c.Kafka)
	if err != nil {
		return nil, err
	}
	n := &Node{config: c, pace: *cmp.Or(c.pace, &production), log: c.Log, client: client, topics: TopicNames(c.Prefix), keys: c.Keys, profileKey: c.Keys.ProfileKey()}
	client.OnWaiting(n.awaitsBrokers)
	opened := n // a return of nil, err sets n first
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	if c.Producer.QueueRecords == 0 {
		c.Producer = producerDefaults(n.topics)
	}
	c.Producer.Echo, c.Producer.Hold = n.topics.Profiles, func() bool { return n.machines != nil && n.fenced() }
	if n.producer, err = kafka.NewProducer(context.WithoutCancel(ctx), client, c.Producer); err != nil {
		return nil, err
	}
	if err = n.join(ctx); err != nil {
		return nil, err
	}
	if !c.NoMachines {
		if err = n.openStore(); err != nil {
			return nil, err
		}
	}
	if err = n.checkEnds(ctx); err != nil {
		return nil, err
	}
	if err = n.welcome(ctx); err != nil {
		return nil, err
	}
	if !c.NoMachines {
		if n.keeper, err = newKeeper(n, c.Snapshots); err != nil {
			return nil, err
		}
		n.distrusted = make([]atomic.Bool, n.dep.InboxPartitions)
	}
	n.asks = make([]chan ask, n.dep.InboxPartitions)
	for q := range n.asks {
		n.asks[q] = make(chan ask)
	}
	n.drivers = make([]atomic.Pointer[machineDriver], n.dep.InboxPartitions)
	n.routers = newRouters(n)
	n.assigned.Store(-1)
	onError := func(err error) { // it tells the same now and then only
		n.troubles.Add(1)
		n.log.Warn("consumer group", "error", err)
	}
	if n.routerGroup, err = kafka.NewGroup(client, kafka.GroupConfig{ID: routerGroup(c.Prefix), Topic: n.topics.Events,
		MemberFile: filepath.Join(c.DataDir, "router.member"), OnError: onError}); err != nil {
		return nil, err
	}
	n.machines, err = kafka.NewGroup(client, kafka.GroupConfig{ID: machineGroup(c.Prefix), Topic: n.topics.Inbox,
		MemberFile: filepath.Join(c.DataDir, "machine.member"), OnError: onError, Balancer: balancer{n.claim}})
	return n, err
}

// awaitsBrokers tells that no broker answers, and why, or with nil that one does.
func (n *Node) awaitsBrokers(reason error) {
	if reason == nil {
		n.log.Info("the brokers answer")
		n.waits("")
		return
	}
	n.log.Warn("waiting for the brokers; if this lasts, check kafka.brokers, tls and sasl in the configuration",
		"brokers", n.client.Brokers(), "error", reason)
	n.waits(fmt.Sprintf("the brokers %s do not answer (%v)", strings.Join(n.client.Brokers(), ","), reason))
}

func (n *Node) waits(reason string) {
	if n.config.Waiting != nil {
		n.config.Waiting(reason)
	}
}

// Advertise says where this node's lookups are served (host:port, as other machines reach it), for nodes that
// do not own what they are asked for. Call it before Run.
func (n *Node) Advertise(address string) { n.address = address }

// openStore opens the state and checks that it is this deployment's.
func (n *Node) openStore() (err error) {
	n.store, err = store.Open(n.config.DataDir, store.DefaultOptions())
	if errors.Is(err, store.ErrCorrupt) {
		n.store, err = n.openAnew(err)
	}
	if err != nil {
		return err
	}
	have, err := storedDeployment(n.store)
	if err != nil {
		return err
	}
	if have == nil {
		record, err := json.Marshal(n.dep)
		if err != nil {
			return err
		}
		return n.store.SetDeployment(record)
	}
	if have.Hash() != n.dep.Hash() {
		return fmt.Errorf("data directory: its state belongs to deployment %s (epoch %d, record %016x), the brokers' is %s (epoch %d, record %016x): "+
			"use that deployment's directory, or an empty one", have.ID, have.Epoch, have.Hash(), n.dep.ID, n.dep.Epoch, n.dep.Hash())
	}
	return nil
}

// openAnew moves a damaged directory aside, for whoever wants to look at it, and begins with an empty one: the
// state comes back from snapshots and the inbox.
func (n *Node) openAnew(damage error) (*store.DB, error) {
	aside := fmt.Sprintf("%s.damaged-%s", n.config.DataDir, time.Now().UTC().Format("20060102T150405.000"))
	if err := os.Rename(n.config.DataDir, aside); err != nil {
		return nil, errors.Join(damage, fmt.Errorf("move the damaged directory aside: %w", err))
	}
	n.log.Error("the state is damaged: it was moved aside and is rebuilt from snapshots and the inbox", "error", damage, "aside", aside)
	n.troubles.Add(1)
	return store.Open(n.config.DataDir, store.DefaultOptions())
}

// Run does the node's work until ctx ends or something fails; the first exit stops all.
//
//	events ─> routers.partition (one per events partition) ─┐
//	          routers.tick ─────────────────────────────────┼─> producer ─> inbox
//	inbox ──> machineDriver (one per inbox partition) ──────┴─> producer ─> inbox, tags, profiles, facts
func (n *Node) Run(ctx context.Context) error {
	tasks := []func(context.Context) error{func(ctx context.Context) error {
		select {
		case err := <-n.producer.Fatal():
			return fmt.Errorf("producer: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	if !n.config.NoRouters {
		tasks = append(tasks, func(ctx context.Context) error { return n.routerGroup.Run(ctx, n.routers.run) })
	}
	if !n.config.NoMachines {
		tasks = append(tasks, func(ctx context.Context) error { return newFleet(n).run(ctx, n.machines) }, n.keeper.run)
	}
	return together(ctx, tasks)
}

// runMachine owns one inbox partition. A store handle that was superseded, or that a failed write took
// away, is taken anew: the machine then begins at the newest checkpoint. So it does with an operator's skip
// after a stop.
func (n *Node) runMachine(ctx context.Context, q int) error {
	var skips []wire.Skip
	for {
		d := &machineDriver{node: n, partition: q, asks: n.asks[q], skips: skips}
		n.drivers[q].Store(d)
		err := d.run(ctx)
		var stop *machine.Stop
		if errors.As(err, &stop) {
			var skip wire.Skip
			if skip, err = d.stand(ctx, stop); err == nil {
				skips = append(skips, skip)
				continue
			}
		}
		n.drivers[q].CompareAndSwap(d, nil)
		if !errors.Is(err, store.ErrStale) {
			return err
		}
		n.trouble(fmt.Sprintf("inbox %d: opened again", q), err)
		if !sleep(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// DefaultCacheBytes is what the profiles of a process may take in memory if nobody says.
const DefaultCacheBytes = 4 * machine.DefaultCacheBytes

// cacheShare is what each machine of this process may hold in memory, in bytes.
func (n *Node) cacheShare() int64 {
	all := cmp.Or(n.config.CacheBytes, DefaultCacheBytes)
	return all / max(1, n.assigned.Load())
}

// Close stops producing and closes store and connections. Call it after Run has returned.
func (n *Node) Close() {
	if n.producer != nil {
		n.producer.Close()
	}
	if n.store != nil {
		if err := n.store.Close(); err != nil {
			n.log.Error("store did not close", "error", err)
		}
	}
	n.client.Close()
}

// Drain waits until what was produced is acknowledged, at most d.
func (n *Node) Drain(d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return n.producer.Flush(ctx)
}

// Deployment is the record this node works under.
func (n *Node) Deployment() *schemas.Deployment { return n.dep }

// Topics are the names of the deployment's topics.
func (n *Node) Topics() Topics { return n.topics }

// Client is the node's connection to Kafka.
func (n *Node) Client() *kafka.Client { return n.client }

// trouble notes something that is tried again. What says the same as within the last half minute is only counted: while the
// broker is away every partition fails twice a second.
func (n *Node) trouble(what string, err error) {
	n.troubles.Add(1)
	if n.told.Due(what+": "+err.Error(), "", time.Now()) {
		n.log.Warn(what, "error", err)
	}
}
