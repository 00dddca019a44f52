package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"portrait/bench/peers"
	"portrait/bench/traffic"
)

// benchPeer are the flags of `portrait bench peer`.
type benchPeer struct {
	peers.Config
	keys  string
	only  []string
	short bool
	data  string
	json  string
}

// The parts of a comparison that --only chooses from.
const (
	partDrain   = "drain"
	partLatency = "latency"
)

func benchPeerCommand() *cobra.Command {
	var o benchPeer
	c := &cobra.Command{
		Use:   "peer",
		Short: "Portrait beside the same job on Kafka Streams, on one Apache Kafka",
		Long: `Start Apache Kafka, and let portrait run and the peer (bench/peers/kafka-streams, built by Maven when it is needed) take
turns on it: a backlog to work off, from one topic for both, and an open load at several rates, each with the peer's best
settings for it. It tells events per second, CPU per event of each process, latencies from an event's planned instant, and
Portrait's figures divided by the peer's of the same round. Every tag change of both is compared with what the plan of the
traffic says; the exit code is 1 if any differs, or if the generator did not keep its plan. It takes 20 minutes, or
three with --short. Needs a JDK (17 or newer) and Maven.`,
		Example: "  portrait bench peer\n  portrait bench peer --only drain --drain 3000000 --json peer.json\n  portrait bench peer --short",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.short {
				o.shorten(cmd)
			}
			return o.command(cmd.Context())
		},
	}
	f := c.Flags()
	f.IntVar(&o.Rounds, "rounds", 3, "rounds; every second one in the opposite order")
	f.Float64SliceVar(&o.Rates, "rates", []float64{10_000, 20_000, 40_000}, "events per second of the open load, ascending")
	f.IntVar(&o.Drain, "drain", 1_000_000, "events of the backlog that are timed; half as many before them are not")
	f.DurationVar(&o.Rest, "rest", 12*time.Second, "time after a drain in which what was put off is done; Portrait's documents wait up to 10s")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "length of a window at each rate")
	f.DurationVar(&o.Warmup, "warmup", 5*time.Second, "time at each rate before its window")
	f.IntVar(&o.Warm, "warmup-events", 300_000, "events sent before the first rate, as fast as they are taken")
	f.IntVar(&o.Profiles, "profiles", 100_000, "profiles preloaded")
	f.StringVar(&o.keys, "keys", "zipf", "who acts: zipf (exponent 0.99) or uniform")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the plan")
	f.StringSliceVar(&o.only, "only", nil, "drain or latency (default: both)")
	f.BoolVar(&o.short, "short", false, "one round, one rate, a small backlog: three minutes; what is given stays as it is given")
	f.StringVar(&o.data, "data", "", "directory of data and logs, kept (default: a temporary one)")
	f.StringVar(&o.json, "json", "", "write the result there as JSON; - for stdout, and nothing else there")
	return c
}

// shorten changes what was not given.
func (o *benchPeer) shorten(cmd *cobra.Command) {
	given := cmd.Flags().Changed
	if !given("rounds") {
		o.Rounds = 1
	}
	if !given("rates") {
		o.Rates = []float64{10_000}
	}
	if !given("drain") {
		o.Drain = 200_000
	}
	if !given("duration") {
		o.Duration = 5 * time.Second
	}
	if !given("warmup-events") {
		o.Warm = 100_000
	}
	if !given("profiles") {
		o.Profiles = 20_000
	}
}

func (o *benchPeer) command(ctx context.Context) (err error) {
	for _, part := range o.only {
		if part != partDrain && part != partLatency {
			return fmt.Errorf("--only %s: want %s or %s", part, partDrain, partLatency)
		}
	}
	if len(o.only) > 0 && !slices.Contains(o.only, partDrain) {
		o.Drain = 0
	}
	if len(o.only) > 0 && !slices.Contains(o.only, partLatency) {
		o.Rates = nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o.Command, o.Out, o.Keys, o.Dir = []string{self}, os.Stderr, traffic.Keys(o.keys), o.data
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "portrait-peer-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.Dir)
	} else if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	report, err := peers.Run(ctx, o.Config)
	if err != nil {
		return err
	}
	report.Revision = revision()
	if o.json != "-" {
		report.Print(os.Stdout)
	}
	if err := writeJSON(o.json, report); err != nil {
		return err
	}
	if !report.OK {
		return errReported
	}
	return nil
}
