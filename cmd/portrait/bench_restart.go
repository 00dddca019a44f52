package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"portrait/bench"
	"portrait/bench/drive"
	"portrait/bench/fleet"
	"portrait/bench/meter"
	"portrait/bench/traffic"
)

// benchRestart are the flags of `portrait bench restart`.
type benchRestart struct {
	benchTarget
	rolling       bool
	nodes         int
	partitions    int
	rate          float64
	repeats       int
	before, after time.Duration // of the load around a kill
	phase         time.Duration
	fail          []string
	json, html    string
}

func benchRestartCommand() *cobra.Command {
	o := benchRestart{before: 5 * time.Second}
	c := &cobra.Command{
		Use:   "restart",
		Short: "A node after kill -9, or several that restart in turn, under load",
		Long: `Start real portrait run processes and a broker of their own, preload profiles, and send events at a steady rate.

Without --rolling one node is killed (kill -9) and started at once, --repeats times: the time from the start of the
process to the first tag change that an event sent after the kill causes, to that of every partition, and to the
steps in between, with what the node said meanwhile.

With --rolling each of several nodes is restarted gracefully in turn, then one joins and one leaves: in how many seconds p99
was above 500 ms, how long events of the partitions that moved waited at most, and the p99 of those that did not.

At the end all results are compared with the plan. ClickHouse is not a part of it.`,
		Example: `  portrait bench restart --profiles 1000000 --repeats 3 --fail 'first_tag>5s'
  portrait bench restart --rolling --nodes 3 --rate 2000 --html rolling.html --fail 'slow>10s' --fail 'first_tag>10s' --fail 'others_p99>500ms'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.command(cmd) },
	}
	f := c.Flags()
	f.BoolVar(&o.rolling, "rolling", false, "restart several nodes in turn, then one joins and one leaves")
	f.StringVar(&o.broker, "broker", "embedded", "embedded (a process of its own), apache (started for this run), or HOST:PORT of a Kafka broker")
	f.StringVar(&o.data, "data", "", "directory for the run's data and logs, which must be empty or new, and stays (default: a temporary one)")
	f.IntVar(&o.tags, "catalog", 12, "tags of the catalogue: 1, 12 or 300")
	f.StringVar(&o.keys, "keys", "zipf", "who acts: zipf (exponent 0.99) or uniform")
	f.IntVar(&o.profiles, "profiles", 1_000_000, "profiles preloaded; 50,000 with --rolling unless given")
	f.IntVar(&o.cache, "cache", 0, "MiB of profiles in memory (default: as in production)")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the plan")
	f.IntVar(&o.nodes, "nodes", 1, "processes; 3 with --rolling unless given")
	f.IntVar(&o.partitions, "partitions", 4, "inbox partitions; 8 with --rolling unless given")
	f.Float64Var(&o.rate, "rate", 500, "events per second meanwhile; 2,000 with --rolling unless given")
	f.IntVar(&o.repeats, "repeats", 3, "kills")
	f.DurationVar(&o.after, "after", 20*time.Second, "load after a kill")
	f.DurationVar(&o.phase, "phase", 20*time.Second, "with --rolling: from one node to the next")
	f.StringArrayVar(&o.fail, "fail", nil, "condition under which the run fails, for example 'first_tag>5s'; may be repeated")
	f.StringVar(&o.json, "json", "", "write the result there as JSON; - for stdout, and nothing else there")
	f.StringVar(&o.html, "html", "", "write a report with plots there")
	return c
}

func (o *benchRestart) command(cmd *cobra.Command) error {
	if o.rolling { // what is sensible differs
		for flag, set := range map[string]func(){"profiles": func() { o.profiles = 50_000 }, "nodes": func() { o.nodes = 3 },
			"partitions": func() { o.partitions = 8 }, "rate": func() { o.rate = 2000 }} {
			if !cmd.Flags().Changed(flag) {
				set()
			}
		}
	}
	conditions, err := parseConditions(o.fail)
	if err != nil {
		return err
	}
	report, err := o.measure(cmd.Context())
	if err != nil {
		return err
	}
	report.Check(conditions)
	report.Settle()
	return publishReport(report, o.json, o.html)
}

func parseConditions(list []string) (conditions []drive.Condition, err error) {
	for _, text := range list {
		c, err := drive.ParseCondition(text)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, c)
	}
	return conditions, nil
}

// validate reports the first setting that cannot work.
func (o *benchRestart) validate() error {
	switch {
	case o.rolling && o.nodes < 2:
		return fmt.Errorf("bench restart: --rolling with %d nodes; want at least 2, or nobody takes over", o.nodes)
	case !o.rolling && o.nodes != 1:
		return fmt.Errorf("bench restart: %d nodes; a kill is measured on one, several go with --rolling", o.nodes)
	case o.partitions < o.nodes+1:
		return fmt.Errorf("bench restart: %d partitions for %d nodes; want one for each, and for the one that joins", o.partitions, o.nodes)
	case o.repeats < 1 || o.phase < 5*time.Second || o.after < time.Second:
		return fmt.Errorf("bench restart: --repeats %d, --phase %v, --after %v; want at least 1, 5s and 1s", o.repeats, o.phase, o.after)
	}
	return nil
}

// measure starts everything, measures, verifies, and ends everything.
func (o *benchRestart) measure(ctx context.Context) (*drive.Report, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	model, err := traffic.NewModel(o.tags)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &session{out: os.Stderr, began: time.Now(), benchDeployment: &benchDeployment{model: model}}
	defer s.Close()
	dir, err := s.directory(o.data)
	if err != nil {
		return nil, err
	}
	cluster, err := fleet.NewCluster(ctx, fleet.Config{Command: []string{self}, Dir: dir, Broker: o.broker, Model: model, Partitions: o.partitions,
		Snapshots: o.rolling, CacheMB: o.cache, Out: s.out})
	if err != nil {
		return nil, err
	}
	s.undo = append(s.undo, cluster.Close)
	for i := range o.nodes {
		if _, err := cluster.Add(ctx, fmt.Sprintf("node-%d", i+1)); err != nil {
			return nil, err
		}
	}
	s.benchDeployment.drive = cluster.Deployment()
	s.benchDeployment.drive.Disk = map[string]string{"node-1": filepath.Join(dir, "node-1"), "broker": filepath.Join(dir, "broker")}
	if err := o.open(ctx, s); err != nil {
		return nil, err
	}
	if o.rolling {
		err = cluster.Rolling(ctx, s.driver, fleet.Rolling{Rate: o.rate, Phase: o.phase, Say: s.say}, s.report)
	} else {
		err = cluster.Restart(ctx, s.driver, cluster.Nodes()[0], fleet.Kill{Rate: o.rate, Before: o.before, After: o.after, Repeats: o.repeats, Say: s.say}, s.report)
		var first []float64
		for _, r := range s.report.Restarts {
			first = append(first, r.FirstTag)
		}
		spread := bench.SpreadOf(first)
		s.report.FirstTag = &spread
	}
	if err != nil {
		return nil, err
	}
	return s.finish(ctx)
}

// open puts a driver on the cluster, and preloads.
func (o *benchRestart) open(ctx context.Context, s *session) (err error) {
	load, err := drive.NewLoad(o.traffic(), s.model, false)
	if err != nil {
		return err
	}
	if s.driver, err = drive.Open(ctx, s.benchDeployment.drive, load); err != nil {
		return err
	}
	s.report = &drive.Report{Kind: "restart", At: time.Now().UTC(), Machine: meter.ThisMachine(), Revision: revision(),
		Settings: drive.Settings{Broker: o.broker, ClickHouse: "none", Tags: s.model.Tags(), Keys: o.keys, Profiles: o.profiles, CacheMB: o.cache, Seed: o.seed,
			Rate: o.rate, Nodes: o.nodes, Partitions: o.partitions}}
	if o.rolling {
		s.report.Kind = "restart --rolling"
	}
	return s.fill(ctx, o.profiles)
}

func printRestarts(w io.Writer, r *drive.Report) {
	for i, x := range r.Restarts {
		fmt.Fprintf(w, "  kill -9 %d: first tag %.2f s after the start, in every partition %.2f; announced %.2f, partitions open %.2f, caught up %.2f, ready %.2f s\n",
			i+1, x.FirstTag, x.Partitions, x.Announced, x.Owned, x.CaughtUp, x.Ready)
	}
	for _, p := range r.Phases {
		fmt.Fprintf(w, "  %-16s away %5.1f s; moved %v: first tag %.2f s, p99 %.0f ms; elsewhere p99 %.0f ms; %d s above %d ms\n",
			p.Name, p.Away, p.Moved, p.FirstTag, p.MovedP99, p.OthersP99, p.Slow, drive.SlowMS)
	}
	if r.FirstTag != nil {
		fmt.Fprintf(w, "  first tag: median %.2f s (%.2f to %.2f)\n", r.FirstTag.Median, r.FirstTag.Min, r.FirstTag.Max)
	}
	if r.Slow != nil {
		fmt.Fprintf(w, "  %.0f s of the plan with p99 above %d ms, in all\n", r.Slow.Median, drive.SlowMS)
	}
}
