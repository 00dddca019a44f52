package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"portrait/pipeline"
	"portrait/pipeline/broker"
	"portrait/pipeline/histogram"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/sinks/clickhouse"
)

// Service is everything one `portrait run` process runs, wired together; with fewer roles it has fewer parts.
//
//	broker (embedded) ◄──── node: routers, machines ──── store (Badger)
//	   │  ▲                   ▲
//	   │  └ facts ─► sink ─► engine (embedded ClickHouse, a child process)
//	   └── http: health, metrics, lookups ask node
//
// The first exit stops all, and all are waited for.
type Service struct {
	config   Config
	log      *slog.Logger
	broker   *broker.Broker
	engine   *clickhouse.Kept
	conn     clickhouse.Conn
	dsn      string
	node     *pipeline.Node
	sink     *clickhouse.Sink
	migrated bool         // tables are up to date; runSink sees to it if not
	facts    *kafka.Group // of the sinks, when ClickHouse is everybody's; runSink sets it
	http     *httpServer
	keys     normalize.Keys
	onStore  atomic.Pointer[func(clickhouse.Stored)]
	stored   atomic.Pointer[clickhouse.Stored]
	starting atomic.Pointer[string] // what a start that goes on says of itself; nil: everything above is there
	told     bool                   // running.json is ours
	trouble  atomic.Int64           // of the sink, since the last block stored
	blocks   histogram.Recorder
}

// Running is what a service tells other processes of this machine, in running.json of its data directory.
type Running struct {
	PID            int      `json:"pid"`
	HTTP           string   `json:"http"`
	Brokers        []string `json:"brokers"`
	Prefix         string   `json:"prefix"`
	ClickHouse     string   `json:"clickhouse,omitempty"` // DSN without a password: embedded only
	ClickHouseHTTP string   `json:"clickhouse_http,omitempty"`
}

// brokerDir is where the embedded broker lives in the data directory.
const brokerDir = "broker"

// Catalogs are the texts a service may publish at its start.
type Catalogs struct {
	Publish []byte // becomes the active one; nil: keep what is active
	First   []byte // becomes the active one if none ever was and Publish is nil
}

// StartService brings up what is embedded, opens the node and migrates ClickHouse. The http address is taken first, before
// anything is made that would stay behind, and says how the start goes. Call Run, then Close.
func StartService(ctx context.Context, c Config, catalogs Catalogs, log *slog.Logger, progress io.Writer) (_ *Service, err error) {
	s := &Service{config: c, log: log}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	s.waitsFor("")
	if s.http, err = listen(c.HTTP, s); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if s.keys, err = loadKeys(c, log); err != nil {
		return nil, err
	}
	starts, startCtx := errgroup.WithContext(ctx)
	starts.Go(func() error { return s.startClickHouse(startCtx, progress) })
	starts.Go(func() error { return s.startNode(startCtx, catalogs) })
	if err := starts.Wait(); err != nil {
		return nil, err
	}
	if c.sinks() {
		config := clickhouse.DefaultConfig(s.node.Deployment())
		config.Stored = func(b clickhouse.Stored) {
			s.stored.Store(&b)
			s.trouble.Store(0)
			s.blocks.Observe(b.Elapsed)
			if s.facts != nil {
				s.facts.Commit(int(b.Block.Partition), b.Block.After.Next) // a hint: the sink goes on where ClickHouse says
			}
			if f := s.onStore.Load(); f != nil {
				(*f)(b)
			}
		}
		config.Trouble = func(err error) {
			s.trouble.Add(1)
			log.Warn("clickhouse sink", "error", err)
		}
		if s.sink, err = clickhouse.New(s.conn, config); err != nil {
			return nil, err
		}
		if s.migrated { // else, and if it fails otherwise, the sink sees to it when it runs
			if err := s.sink.Claim(ctx); errors.Is(err, clickhouse.ErrOtherDeployment) {
				return nil, err
			}
		}
	}
	s.node.Advertise(advertised(c, s.http.Addr()))
	s.starting.Store(nil)
	return s, s.announce()
}

// keyFile is the file of the key; empty: the environment has to hold it. What is embedded makes one in its directory.
func (c Config) keyFile() string {
	if c.KeyFile == "" && len(c.Kafka.Brokers) == 0 {
		return filepath.Join(c.DataDir, "key")
	}
	return c.KeyFile
}

// loadKeys takes the key from the environment or a file. An embedded service without one makes a file.
func loadKeys(c Config, log *slog.Logger) (normalize.Keys, error) {
	file := c.keyFile()
	keys, err := normalize.LoadKeys(os.Getenv(normalize.EnvKey), file)
	if !errors.Is(err, normalize.ErrNoKey) || c.KeyFile != "" || file == "" {
		return keys, err
	}
	if keys, err = normalize.Generate(file); err == nil {
		log.Info("no key was configured: made one, readable by its owner only; keep it as long as the data", "file", file)
	}
	return keys, err
}

func (s *Service) startNode(ctx context.Context, catalogs Catalogs) (err error) {
	config := s.config.Kafka
	if len(config.Brokers) == 0 {
		if s.broker, err = broker.Start(broker.Config{Dir: filepath.Join(s.config.DataDir, brokerDir)}); err != nil {
			return err
		}
		config.Brokers = []string{s.broker.Addr()}
	}
	snapshots, err := s.config.Snapshots.open()
	if err != nil {
		return err
	}
	s.node, err = pipeline.OpenNode(ctx, pipeline.Config{Snapshots: snapshots, Kafka: config, Prefix: s.config.Prefix,
		DataDir: filepath.Join(s.config.DataDir, "state"), Replication: s.config.Deployment.Replication,
		CacheBytes: int64(s.config.CacheMB) << 20, Catalog: catalogs.Publish, First: catalogs.First, Deployment: s.config.proposal(), Keys: s.keys, Log: s.log, Waiting: s.waitsFor,
		NoRouters: !s.config.has(roleRouter), NoMachines: !s.config.has(roleMachine)})
	return err
}

// Brokers are the addresses of Kafka, embedded or not.
func (s *Service) Brokers() []string { return s.node.Client().Brokers() }

func (s *Service) running() Running {
	r := Running{PID: os.Getpid(), HTTP: s.http.Addr(), Brokers: s.Brokers(), Prefix: s.config.Prefix}
	if s.engine != nil {
		r.ClickHouse, r.ClickHouseHTTP = s.engine.DSN(), s.engine.HTTPAddr()
	}
	return r
}

// announce writes running.json, by which commands of this machine find the service.
func (s *Service) announce() error {
	b, err := json.MarshalIndent(s.running(), "", "  ")
	if err != nil {
		return err
	}
	err = os.WriteFile(filepath.Join(s.config.DataDir, "running.json"), b, 0o600)
	s.told = err == nil
	return err
}

// Run works until ctx ends or something fails.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.node.Run(ctx) })
	group.Go(func() error { return s.http.Run(ctx) })
	group.Go(func() error { return boundHeap(ctx, s.config.CacheMB) })
	if s.sink != nil {
		group.Go(func() error { return s.runSink(ctx) })
	}
	if s.engine != nil {
		group.Go(func() error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.engine.Done():
				return fmt.Errorf("embedded ClickHouse: %w", s.engine.Err())
			}
		})
	}
	err := group.Wait()
	if ctxErr := context.Cause(ctx); errors.Is(err, context.Canceled) && errors.Is(ctxErr, context.Canceled) {
		return nil
	}
	return err
}

// Close ends everything that StartService began; outputs on their way get a moment to be acknowledged.
func (s *Service) Close() {
	if s.http != nil {
		s.http.Close()
	}
	if s.node != nil {
		if err := s.node.Drain(3 * time.Second); err != nil {
			s.log.Warn("outputs not acknowledged at the end; they are said again at the next start", "error", err)
		}
		s.node.Close()
	}
	if s.told {
		if err := os.Remove(filepath.Join(s.config.DataDir, "running.json")); err != nil {
			s.log.Warn("running.json", "error", err)
		}
	}
	if s.conn != nil {
		if err := s.conn.Close(); err != nil {
			s.log.Warn("clickhouse connection", "error", err)
		}
	}
	if s.engine != nil {
		if err := s.engine.Close(); err != nil {
			s.log.Warn("embedded clickhouse", "error", err)
		}
	}
	if s.broker != nil {
		s.broker.Close()
	}
}

// generateKey makes a key file.
func generateKey(file string) error {
	_, err := normalize.Generate(file)
	return err
}
