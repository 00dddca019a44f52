package main

import "github.com/spf13/cobra"

// benchCommand groups what measures and tries a deployment; each command of it is a file of its own,
// bench_NAME.go, and what they do lies in the packages of bench.
func benchCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure and torture a deployment of this machine",
		Long: `Measure a deployment of this machine under an open load, find the rate it sustains, and torture it with kills
and pauses; each command checks what came out, and its exit code is 1 if anything is wrong.`,
		Example: "  portrait bench run --rate 5000 --duration 60s\n  portrait bench torture --kills 15 --duration 3m",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(
		benchCatalogCommand(),
		benchCompareCommand(),
		benchDrainCommand(),
		benchMachineCommand(),
		benchPeerCommand(),
		benchRestartCommand(),
		benchRunCommand(),
		benchSearchCommand(),
		benchStagesCommand(),
		benchTimersCommand(),
		brokerCommand(),
		tortureCommand(),
	)
	return c
}
