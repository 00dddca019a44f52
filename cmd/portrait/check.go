package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"portrait/pipeline/importer"
	"portrait/pipeline/normalize"
)

// fileKind is what a file may be.
type fileKind string

const (
	kindConfig  fileKind = "configuration"
	kindCatalog fileKind = "catalogue"
	kindMapping fileKind = "mapping"
)

// ownKeys are keys that only one kind of file has at its top.
var ownKeys = map[fileKind][]string{
	kindConfig:  {"data_dir", "prefix", "kafka", "clickhouse", "http", "advertise", "roles", "catalog", "key_file", "cache_mb", "snapshots", "deployment"},
	kindCatalog: {"name", "aliases", "features", "tags"},
	kindMapping: {"delimiter", "columns", "event", "event_id", "channel", "time", "properties"},
}

func checkCommand() *cobra.Command {
	var config, as string
	var noFiles bool
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a configuration, a catalogue or a mapping file",
		Long: `Check a file before it is used: a configuration of portrait run, a catalogue of features and tags, or a
mapping of CSV columns for portrait import; which of them it is shows in its keys. Every fault is named with
line, column and remedy; the exit code is 1 then.

The files that a configuration names (key_file, catalog, certificates) are read, as portrait run reads them at its
start. --no-files leaves them alone: they are on another machine. Passwords may be in the service's environment only, and
a server is not asked.

A catalogue is compiled: rules are type-checked, and the size that a profile can reach is compared with the
deployment's limit. The identifiers of a mapping are held against the types that the deployment has. With --config
both are checked for the deployment that this configuration would found.`,
		Example: "  portrait check portrait.yaml\n  portrait check catalogue.yaml --config portrait.yaml\n  portrait check orders.mapping.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			kind := fileKind(as)
			if as == "" {
				if kind = recognise(text); kind == "" {
					return fmt.Errorf("%s: its keys are those of no configuration, catalogue or mapping; say which with --as", args[0])
				}
			}
			c, err := LoadConfig(config)
			if err != nil {
				return err
			}
			summary, err := checkFile(kind, args[0], text, &c, !noFiles)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[0], summary)
			return nil
		},
	}
	c.Flags().StringVar(&config, "config", "", "configuration whose deployment a catalogue or mapping is checked for")
	c.Flags().BoolVar(&noFiles, "no-files", false, "do not look at the files that a configuration names")
	c.Flags().StringVar(&as, "as", "", "configuration, catalogue or mapping (default: what its keys say)")
	return c
}

// topKey is a key at the left margin. Looking for lines finds them in a file that is not YAML yet, too.
var topKey = regexp.MustCompile(`(?m)^["']?([A-Za-z_]+)["']?[ \t]*:`)

// recognise returns the kind that most keys at the top belong to; empty if none does, or two do equally.
func recognise(text []byte) fileKind {
	counts := map[fileKind]int{}
	for _, m := range topKey.FindAllSubmatch(text, 1000) {
		for kind, keys := range ownKeys {
			if slices.Contains(keys, string(m[1])) {
				counts[kind]++
			}
		}
	}
	best, most := fileKind(""), 0
	for _, kind := range []fileKind{kindConfig, kindCatalog, kindMapping} {
		switch n := counts[kind]; {
		case n > most:
			best, most = kind, n
		case n == most:
			best = ""
		}
	}
	return best
}

// checkFile returns a line about a file that is all right. A catalogue or mapping is checked for the deployment that
// config would found.
func checkFile(kind fileKind, path string, text []byte, config *Config, files bool) (string, error) {
	switch kind {
	case kindConfig:
		return checkConfig(path, files)
	case kindCatalog:
		dep := config.proposal()
		compiled, err := compileCatalog(text, 1, &dep)
		if err != nil {
			return "", inFile(path, err)
		}
		return "catalogue " + compiled.Name + ": " + catalogSummary(compiled, &dep), nil
	case kindMapping:
		m, err := importer.ParseMapping(text)
		if err != nil {
			return "", inFile(path, err)
		}
		dep := config.proposal()
		if err := m.CheckTypes(&dep); err != nil {
			return "", inFile(path, err)
		}
		return "mapping: " + m.Summary() + "; whether they exist shows when a file is opened", nil
	}
	return "", fmt.Errorf("--as %q; want configuration, catalogue or mapping", kind)
}

// notSet stands for the broker's password where a file is checked: it is often known to the service only.
const notSet = "not set"

func withoutPassword(name string) string {
	if v := os.Getenv(name); v != "" || name != envKafkaPassword && name != envS3Secret {
		return v
	}
	return notSet
}

// checkConfig looks at a configuration, and at the files that it names unless they are on another machine.
func checkConfig(path string, files bool) (string, error) {
	c, places, err := loadPlaces(path, withoutPassword)
	if err != nil {
		return "", err
	}
	summary := configSummary(&c)
	if !files {
		return summary + "; the files that it names were not looked at", nil
	}
	if err := c.checkFiles(); err != nil {
		return "", inFile(path, places.locate(err))
	}
	if c.Catalog == "" {
		return summary, nil
	}
	text, err := os.ReadFile(c.Catalog)
	if err != nil {
		return "", err
	}
	below, err := checkFile(kindCatalog, c.Catalog, text, &c, files)
	return summary + "; " + below, err
}

// configSummary says in a line what a configuration sets up.
func configSummary(c *Config) string {
	kafka, clickhouse := "the embedded broker", "the embedded engine"
	if len(c.Kafka.Brokers) > 0 {
		kafka = strings.Join(c.Kafka.Brokers, ",")
		if c.Kafka.TLS.Enabled {
			kafka += " (TLS)"
		}
		if c.Kafka.SASL.Mechanism != "" {
			kafka += " (" + c.Kafka.SASL.Mechanism + ")"
			if c.Kafka.SASL.Password == notSet {
				kafka += " with the password that " + envKafkaPassword + " will hold"
			}
		}
	}
	if len(c.Kafka.Brokers) > 0 && c.KeyFile == "" && os.Getenv(normalize.EnvKey) == "" {
		kafka += " with the key that " + normalize.EnvKey + " will hold"
	}
	if c.ClickHouse.DSN != "" {
		clickhouse = "the configured server"
	}
	if c.ClickHouse.Off {
		clickhouse = "nowhere"
	}
	d := c.proposal()
	return fmt.Sprintf("configuration: topics %s.* on %s, facts to %s, http %s; if founded by it: %d events, %d inbox and %d facts partitions, %s clock, zone %s",
		c.Prefix, kafka, clickhouse, c.HTTP, d.EventsPartitions, d.InboxPartitions, d.FactsPartitions, d.Clock, d.TimeZone)
}
