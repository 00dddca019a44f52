package main

import "github.com/spf13/cobra"

// benchCommand groups what measures and tries a deployment; each command of it is a file of its own,
// bench_NAME.go, and what they do lies in the packages of bench.
func benchCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure and torture a deployment of this machine",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(
		benchCompareCommand(),
		benchDrainCommand(),
		benchMachineCommand(),
		benchRunCommand(),
		benchSearchCommand(),
		benchStagesCommand(),
		benchTimersCommand(),
		brokerCommand(),
		tortureCommand(),
	)
	return c
}
