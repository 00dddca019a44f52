package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"portrait/bench/torture"
	"portrait/pipeline/broker"
)

func tortureCommand() *cobra.Command {
	var c torture.Config
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "torture",
		Short: "Kill, freeze and restart real processes under load, and ask the ledger",
		Long: `Run a deployment of real processes (nodes that share the roles, a broker, ClickHouse) under a steady
load, and at random moments kill -9 one, freeze it for longer than the session timeout, or restart it.
At the end everything that was published and stored is compared with the ledger of what was sent; the
exit code is 1 if anything is lost, doubled or wrong, or if a process ended that nobody ended.`,
		Example: `  portrait bench torture --kills 15 --duration 3m
  portrait bench torture --broker apache --kills 50 --duration 10m --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("seed") {
				c.Seed = uint64(time.Now().UnixNano())
			}
			return runTorture(cmd.Context(), c, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Broker, "broker", torture.Embedded, "embedded (in a process of its own), or apache")
	f.IntVar(&c.Nodes, "nodes", 3, "portrait run processes")
	f.IntVar(&c.Faults, "kills", 50, "faults in all: kill -9 mostly, freezes and restarts")
	f.DurationVar(&c.Duration, "duration", 10*time.Minute, "how long the load lasts")
	f.IntVar(&c.Rate, "rate", 2000, "records per second")
	f.Uint64Var(&c.Seed, "seed", 0, "seed of schedule and load (default: from the clock; it is printed)")
	f.StringVar(&c.Dir, "data", "", "directory of data and logs, kept (default: a temporary one, kept if the verdict is not ok)")
	f.BoolVar(&asJSON, "json", false, "print the verdict as one JSON object on stdout, nothing else")
	return cmd
}

func runTorture(ctx context.Context, c torture.Config, asJSON bool) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c.Command, c.Out = []string{self}, os.Stderr
	temporary := c.Dir == ""
	if temporary {
		if c.Dir, err = os.MkdirTemp("", "portrait-torture-"); err != nil {
			return err
		}
	}
	verdict, err := torture.Run(ctx, c)
	if temporary && err == nil && verdict.OK {
		err = os.RemoveAll(c.Dir)
	} else {
		fmt.Fprintln(os.Stderr, "data and logs are in", c.Dir)
	}
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(verdict); err != nil {
			return err
		}
	} else {
		fmt.Print("\n", verdict)
	}
	if !verdict.OK {
		return errReported
	}
	return nil
}

// brokerCommand is the embedded broker in a process of its own, which torture can kill.
func brokerCommand() *cobra.Command {
	var c broker.Config
	cmd := &cobra.Command{
		Use:    "broker",
		Short:  "Run the embedded broker alone, until SIGTERM",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := broker.Start(c)
			if err != nil {
				return err
			}
			defer b.Close()
			fmt.Println(b.Addr())
			<-cmd.Context().Done()
			return nil
		},
	}
	cmd.Flags().StringVar(&c.Dir, "dir", "", "data; empty: in memory only")
	cmd.Flags().IntVar(&c.Port, "port", 0, "on 127.0.0.1; 0: the one of the time before, or any free one")
	return cmd
}
