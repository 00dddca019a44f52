package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// Config is the configuration file of `portrait run`. What is absent is embedded, or has its default.
// deploy/portrait.example.yaml explains every key. Printing it shows no password.
type Config struct {
	DataDir    string           `yaml:"data_dir"`   // state, and what is embedded; default: the user's data directory
	Roles      []string         `yaml:"roles"`      // of this process: router, machine, sink; absent: all
	Prefix     string           `yaml:"prefix"`     // of topics and consumer groups; default portrait
	Kafka      kafka.Config     `yaml:"kafka"`      // brokers absent: the embedded broker
	ClickHouse ClickHouseConfig `yaml:"clickhouse"` // dsn absent: the embedded engine
	HTTP       string           `yaml:"http"`       // listen address of health, metrics and lookups; default 127.0.0.1:8280
	Advertise  string           `yaml:"advertise"`  // HOST:PORT at which other nodes' clients reach http; default: http as it is
	Catalog    string           `yaml:"catalog"`    // file of the catalogue to publish at the start; absent: the shipped private-domain one, once
	KeyFile    string           `yaml:"key_file"`   // file of the key, unless PORTRAIT_KEY holds it
	CacheMB    int              `yaml:"cache_mb"`   // MiB of profiles in memory, for all partitions of this process; default 1024
	Snapshots  SnapshotsConfig  `yaml:"snapshots"`  // absent: none
	Deployment DeploymentConfig `yaml:"deployment"` // used once, when the deployment is founded
}

// ClickHouseConfig says where facts go.
type ClickHouseConfig struct {
	DSN      string `yaml:"dsn"`       // clickhouse://user:password@host:port/database
	TCPPort  int    `yaml:"tcp_port"`  // of the embedded engine; 0: any free one
	HTTPPort int    `yaml:"http_port"` // likewise
	Off      bool   `yaml:"off"`       // no sink: facts wait in the topic
}

// DeploymentConfig is the part of the deployment record that an operator decides, once.
type DeploymentConfig struct {
	ID               string        `yaml:"id"`
	EventsPartitions int           `yaml:"events_partitions"`
	InboxPartitions  int           `yaml:"inbox_partitions"`
	FactsPartitions  int           `yaml:"facts_partitions"`
	Replication      int           `yaml:"replication"`
	PhoneRegion      string        `yaml:"phone_region"`
	TimeZone         string        `yaml:"time_zone"`
	Clock            schemas.Clock `yaml:"clock"`
	DedupeIDs        int           `yaml:"dedupe_ids"`
	DocIntervalMS    int64         `yaml:"doc_interval_ms"`
	SensitiveProps   []string      `yaml:"sensitive_properties"`
}

// LoadConfig reads a configuration file, or the defaults if path is empty. Secrets of the environment
// (PORTRAIT_KAFKA_PASSWORD, PORTRAIT_CLICKHOUSE_PASSWORD; PORTRAIT_KEY is read where the key is) stand
// above those of the file; nothing else comes from the environment. The error lists every fault, an
// unknown key among them, as "FILE: line L, column C: what; remedy".
func LoadConfig(path string) (Config, error) { return loadConfig(path, os.Getenv) }

func loadConfig(path string, env func(string) string) (Config, error) {
	c, _, err := loadPlaces(path, env)
	return c, err
}

// loadPlaces also says where each key stands.
func loadPlaces(path string, env func(string) string) (Config, configPlaces, error) {
	if path == "" {
		c, err := Config{}.complete(env)
		return c, nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, nil, fmt.Errorf("configuration: %w", err)
	}
	c, places, err := parseConfig(text)
	if err != nil {
		return Config{}, nil, inFile(path, err)
	}
	if c, err = c.complete(env); err != nil {
		return Config{}, nil, inFile(path, places.locate(err))
	}
	return c, places, nil
}

// withDefaults fills in what is absent, and checks what is there. The error is configErrors.
func (c Config) withDefaults() (Config, error) { return c.complete(os.Getenv) }

func (c Config) complete(env func(string) string) (Config, error) {
	if c.DataDir == "" {
		base := os.Getenv("XDG_DATA_HOME")
		if base == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return c, fmt.Errorf("data_dir: none configured, and %w", err)
			}
			base = filepath.Join(home, ".local", "share")
		}
		c.DataDir = filepath.Join(base, "portrait")
	}
	if c.Prefix == "" {
		c.Prefix = "portrait"
	}
	if c.HTTP == "" {
		c.HTTP = "127.0.0.1:8280"
	}
	c.takeSecrets(env)
	c.Snapshots.takeSecret(env)
	return c, c.check()
}

// proposal is the deployment record to found if there is none.
func (c Config) proposal() schemas.Deployment {
	d := schemas.DefaultDeployment()
	d.ID = c.Deployment.ID
	if d.ID == "" {
		d.ID = uuid.NewString()
	}
	override(&d.EventsPartitions, c.Deployment.EventsPartitions)
	override(&d.InboxPartitions, c.Deployment.InboxPartitions)
	override(&d.FactsPartitions, c.Deployment.FactsPartitions)
	override(&d.PhoneRegion, c.Deployment.PhoneRegion)
	override(&d.TimeZone, c.Deployment.TimeZone)
	override(&d.Clock, c.Deployment.Clock)
	override(&d.DedupeIDs, c.Deployment.DedupeIDs)
	override(&d.DocInterval, c.Deployment.DocIntervalMS)
	if c.Deployment.SensitiveProps != nil {
		d.SensitiveProps = c.Deployment.SensitiveProps
	}
	return d
}

func override[T comparable](to *T, from T) {
	var zero T
	if from != zero {
		*to = from
	}
}
