package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"portrait/schemas"
)

func runCommand() *cobra.Command {
	var path, data string
	var roles []string
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the service: routers, machines and the ClickHouse sink",
		Long: `Run the service until SIGTERM. Without a configuration everything is embedded: broker,
ClickHouse and state live in the data directory, and the shipped private-domain catalogue is active.

Several processes with the same brokers, ClickHouse and key, each with a data directory of its own, are
one deployment and share its partitions. Each has all roles, or those that it is given.`,
		Example: "  portrait run\n  portrait run --config portrait.yaml\n  portrait run --config portrait.yaml --roles router,sink",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := LoadConfig(path)
			if err != nil {
				return err
			}
			if data != "" {
				config.DataDir = data
			}
			if cmd.Flags().Changed("roles") {
				config.Roles = roles
				if err := config.check(); err != nil {
					return fmt.Errorf("--roles: %w", err)
				}
			}
			return runService(cmd, config)
		},
	}
	c.Flags().StringVar(&path, "config", "", "configuration file (YAML)")
	c.Flags().StringVar(&data, "data", "", "data directory; overrides the configuration")
	c.Flags().StringSliceVar(&roles, "roles", nil, "router, machine, sink; overrides the configuration (default: all)")
	return c
}

func runService(cmd *cobra.Command, config Config) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	catalog, err := config.catalogToPublish()
	if err != nil {
		return err
	}
	first, err := schemas.ShippedCatalog(defaultCatalog)
	if err != nil {
		return err
	}
	s, err := StartService(cmd.Context(), config, Catalogs{Publish: catalog, First: first}, log, os.Stderr)
	var faults schemas.CatalogErrors
	switch {
	case errors.As(err, &faults) && config.Catalog != "":
		return inFile(config.Catalog, err)
	case err != nil:
		return err
	}
	defer s.Close()
	r := s.running()
	log.Info("running", "roles", config.shownRoles(), "http", "http://"+r.HTTP, "kafka", r.Brokers, "clickhouse", r.ClickHouse, "data", config.DataDir)
	if s.node.Deployment().Clock == schemas.ClockEvent {
		log.Warn("the clock of this deployment is that of its events, for ever: it stands still between them, so absence tags wait for "+
			"whatever comes next; for a service, import the history into another directory with --clock wall", "clock", schemas.ClockEvent)
	}
	return s.Run(cmd.Context())
}

// catalogToPublish reads the catalogue that the configuration names, nil if it names none, and looks for its faults
// before anything is made. What a deployment that is there already demands of it shows when that is open.
func (c Config) catalogToPublish() ([]byte, error) {
	if c.Catalog == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.Catalog)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	_, noBroker := os.Stat(filepath.Join(c.DataDir, brokerDir))
	if len(c.Kafka.Brokers) == 0 && errors.Is(noBroker, os.ErrNotExist) {
		dep := c.proposal()
		_, err = compileCatalog(text, 1, &dep)
	} else {
		_, err = schemas.ParseCatalog(text)
	}
	if err != nil {
		return nil, inFile(c.Catalog, err)
	}
	return text, nil
}
