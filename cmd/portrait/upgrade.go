package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"portrait/schemas"
)

func upgradeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "upgrade",
		Long:    "Bring a running deployment from one version of the logic to another, through a barrier in every inbox.",
		Example: "  portrait upgrade barrier --config portrait.yaml",
		Short:   "Change a running deployment to another version of the logic",
	}
	c.AddCommand(upgradeBarrierCommand())
	return c
}

func upgradeBarrierCommand() *cobra.Command {
	var at targetFlags
	c := &cobra.Command{
		Use:     "barrier",
		Example: "  portrait upgrade barrier --config portrait.yaml",
		Short:   "Let nodes of this binary's logic version take over",
		Long: fmt.Sprintf(`Write a barrier to this binary's version of the logic (%d) into every inbox. Nodes of the version before
checkpoint exactly there, copy that state into the snapshot store and stop applying; nodes of this version,
which wait until now, go on from there, partition by partition. A partition never runs under two versions.

The nodes must keep snapshots where all of them see them. Order of an upgrade: start nodes of the new version
(they wait), run this, then stop the old ones. Going back is an upgrade to a version above.`, schemas.LogicVersion),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := at.find()
			if err != nil {
				return err
			}
			if !t.config.Snapshots.on() {
				return errors.New("the configuration names no snapshots: the state at the barrier would reach nobody; " +
					"configure snapshots on all nodes, and name that configuration with --config")
			}
			a, err := t.admin(cmd.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			version, err := a.WriteBarriers(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "barriers to logic version %d stand in all %d inboxes\n", version, a.Deployment().InboxPartitions)
			return nil
		},
	}
	at.add(c)
	return c
}
