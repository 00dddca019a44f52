package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"portrait/pipeline"
	"portrait/pipeline/snapshot"
)

// noPartition stands for all of them.
const noPartition = -1

func snapshotCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "snapshot",
		Example: "  portrait snapshot list\n  portrait snapshot verify --config portrait.yaml",
		Short:   "List, verify and restore copies of the state",
		Long: `Look at the snapshots that running nodes make (snapshots in the configuration), and restore a data
directory from them. A running node restores by itself whatever it needs; the command is for looking, and for
bringing a state to a machine before a node runs there.`,
	}
	c.AddCommand(snapshotListCommand(), snapshotVerifyCommand(), snapshotRestoreCommand())
	return c
}

// snapshotFlags are what the commands have in common.
type snapshotFlags struct {
	target    targetFlags
	partition int
	json      bool
}

func (f *snapshotFlags) add(c *cobra.Command) {
	f.target.add(c)
	c.Flags().IntVar(&f.partition, "partition", noPartition, "of the inbox (default: all)")
}

// shelves opens the snapshots of the configuration, of every deployment under its prefix.
func (f *snapshotFlags) shelves(ctx context.Context) (t *target, shelves map[string]*snapshot.Store, err error) {
	if t, err = f.target.find(); err != nil {
		return nil, nil, err
	}
	c := &t.config.Snapshots
	if !c.on() {
		return nil, nil, errors.New("the configuration names no snapshots; name a directory or an object store under snapshots, and the configuration with --config")
	}
	bucket, err := c.bucket()
	if err != nil {
		return nil, nil, err
	}
	key, err := snapshot.LoadKey(os.Getenv(snapshot.EnvKey), c.KeyFile)
	if err != nil {
		return nil, nil, err
	}
	deployments, err := snapshot.Deployments(ctx, bucket, t.config.Prefix)
	if err != nil {
		return nil, nil, err
	}
	shelves = map[string]*snapshot.Store{}
	for _, d := range deployments {
		shelves[d] = snapshot.NewStore(bucket, t.config.Prefix+"/"+d, key, filepath.Join(os.TempDir(), "portrait-snapshots"))
	}
	return t, shelves, nil
}

// listed is a snapshot as `list --json` and `verify --json` show it.
type listed struct {
	Deployment string `json:"deployment"`
	Name       string `json:"name"`
	Partition  int    `json:"partition"`
	Kind       string `json:"kind"`
	From       int64  `json:"from"`
	To         int64  `json:"to"`
	Logic      int    `json:"logic_version"`
	Bytes      int64  `json:"bytes"`
	Reachable  bool   `json:"reachable"` // on the way to the newest state of its partition
	Created    string `json:"created,omitempty"`
	Damage     string `json:"damage,omitempty"`
}

// all lists the snapshots of all deployments.
func (f *snapshotFlags) all(ctx context.Context, shelves map[string]*snapshot.Store) (rows []listed, infos []snapshot.Info, err error) {
	for d, s := range shelves {
		list, err := s.List(ctx, f.partition)
		if err != nil {
			return nil, nil, err
		}
		needed := map[string]bool{}
		byPartition := map[int][]snapshot.Info{}
		for _, i := range list {
			byPartition[i.Partition] = append(byPartition[i.Partition], i)
		}
		for _, part := range byPartition {
			for _, i := range snapshot.Best(part, 0) {
				needed[i.Name] = true
			}
		}
		for _, i := range list {
			rows = append(rows, listed{Deployment: d, Name: i.Name, Partition: i.Partition, Kind: i.Kind.String(), From: i.From, To: i.To,
				Logic: i.Logic, Bytes: i.Size, Reachable: needed[i.Name]})
			infos = append(infos, i)
		}
	}
	return rows, infos, nil
}

func snapshotListCommand() *cobra.Command {
	var f snapshotFlags
	c := &cobra.Command{
		Use: "list", Short: "List the snapshots", Args: cobra.NoArgs,
		Long:    "List the snapshots of every inbox partition: what they hold and how far they lead.",
		Example: "  portrait snapshot list --config portrait.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, shelves, err := f.shelves(cmd.Context())
			if err != nil {
				return err
			}
			rows, _, err := f.all(cmd.Context(), shelves)
			if err != nil {
				return err
			}
			return showSnapshots(cmd, rows, f.json)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.json, "json", false, "as JSON")
	return c
}

func showSnapshots(cmd *cobra.Command, rows []listed, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEPLOYMENT\tPARTITION\tKIND\tFROM\tTO\tLOGIC\tBYTES\tNEEDED\tSTATE")
	for _, r := range rows {
		state := r.Created
		if r.Damage != "" {
			state = r.Damage
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\t%d\t%d\t%v\t%s\n", r.Deployment, r.Partition, r.Kind, r.From, r.To, r.Logic, r.Bytes, r.Reachable, state)
	}
	return w.Flush()
}

func snapshotVerifyCommand() *cobra.Command {
	var f snapshotFlags
	c := &cobra.Command{
		Use: "verify", Short: "Read every snapshot from beginning to end", Args: cobra.NoArgs,
		Example: "  portrait snapshot verify --config portrait.yaml",
		Long: `Read every snapshot from beginning to end, with all checksums and, if it is sealed, with the key. The exit
code is 1 if one is damaged; restoring passes over it for the one before.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, shelves, err := f.shelves(cmd.Context())
			if err != nil {
				return err
			}
			rows, infos, err := f.all(cmd.Context(), shelves)
			if err != nil {
				return err
			}
			damaged := 0
			for k := range rows {
				copied, err := shelves[rows[k].Deployment].Fetch(cmd.Context(), infos[k])
				if errors.Is(err, snapshot.ErrCorrupt) {
					rows[k].Damage = err.Error()
					damaged++
					continue
				}
				if err != nil {
					return err
				}
				rows[k].Created = time.UnixMilli(copied.Header.Created).UTC().Format(time.RFC3339)
				copied.Close()
			}
			if err := showSnapshots(cmd, rows, f.json); err != nil {
				return err
			}
			if damaged > 0 {
				return fmt.Errorf("%d of %d snapshots are damaged", damaged, len(rows))
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.json, "json", false, "as JSON")
	return c
}

func snapshotRestoreCommand() *cobra.Command {
	var f snapshotFlags
	var deployment string
	c := &cobra.Command{
		Use: "restore", Short: "Restore the state of a data directory", Args: cobra.NoArgs,
		Example: "  portrait snapshot restore --config portrait.yaml",
		Long: `Bring the state in the data directory as far as snapshots lead. No service may run on it. What is there
already and leads as far stays; damaged snapshots are named and passed over for the ones before.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, shelves, err := f.shelves(cmd.Context())
			if err != nil {
				return err
			}
			if deployment == "" && len(shelves) == 1 {
				for d := range shelves {
					deployment = d
				}
			}
			if shelves[deployment] == nil {
				return fmt.Errorf("there are snapshots of %d deployments, none of them %q; name one with --deployment (see portrait snapshot list)", len(shelves), deployment)
			}
			restored, err := pipeline.RestoreStopped(cmd.Context(), filepath.Join(t.config.DataDir, "state"), shelves[deployment], f.partition,
				func(i snapshot.Info, err error) { fmt.Fprintf(cmd.ErrOrStderr(), "passed over: %v\n", err) })
			for _, r := range restored {
				fmt.Fprintf(cmd.OutOrStdout(), "partition %d: from %d to %d with %d snapshots\n", r.Partition, r.From, r.To, r.Snapshots)
			}
			if err == nil && len(restored) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing to restore: no snapshot leads further than what is there")
			}
			return err
		},
	}
	f.add(c)
	c.Flags().StringVar(&deployment, "deployment", "", "ID-eEPOCH of the deployment, if there are snapshots of several")
	return c
}
