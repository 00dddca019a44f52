package main

import (
	"fmt"
	"log/slog"
	"os"

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
	var catalog []byte
	if config.Catalog != "" {
		text, err := os.ReadFile(config.Catalog)
		if err != nil {
			return fmt.Errorf("catalogue: %w", err)
		}
		catalog = text
	}
	first, err := schemas.ShippedCatalog(defaultCatalog)
	if err != nil {
		return err
	}
	s, err := StartService(cmd.Context(), config, Catalogs{Publish: catalog, First: first}, log, os.Stderr)
	if err != nil {
		return err
	}
	defer s.Close()
	r := s.running()
	log.Info("running", "roles", config.shownRoles(), "http", "http://"+r.HTTP, "kafka", r.Brokers, "clickhouse", r.ClickHouse, "data", config.DataDir)
	return s.Run(cmd.Context())
}
