package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"portrait/bench"
	"portrait/pipeline/broker"
	"portrait/schemas"
)

// demoOptions are the flags of `portrait demo`.
type demoOptions struct {
	duration time.Duration
	rate     int
	json     bool
	data     string
	broker   string
	seed     uint64
	dataset  string
}

func demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "A live shop through the whole pipeline, checked against its ledger",
		Long: `Start everything embedded, let a generated private-domain shop send events, and watch tags
enter and leave. At the end every event, person, feature, tag and funnel step is compared with what
the generator wrote into its ledger; the exit code is 1 if anything differs.`,
		Example: `  portrait demo
  portrait demo --duration 60s --json
  portrait demo --rate 20000 --json
  portrait demo --broker apache --json
  portrait demo --dataset online-retail`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch o.dataset {
			case "":
				return runDemo(cmd.Context(), o)
			case "online-retail":
				return runRetail(cmd.Context(), o)
			}
			return fmt.Errorf("demo: no data set %q; there is online-retail", o.dataset)
		},
	}
	f := c.Flags()
	f.DurationVar(&o.duration, "duration", 60*time.Second, "how long the shop is open")
	f.IntVar(&o.rate, "rate", 2000, "events per second")
	f.BoolVar(&o.json, "json", false, "print one JSON object with the result on stdout, nothing else")
	f.StringVar(&o.data, "data", "", "data directory to use and keep (default: a temporary one)")
	f.StringVar(&o.broker, "broker", "embedded", "embedded, apache (started for this run), or HOST:PORT of a Kafka broker")
	f.StringVar(&o.dataset, "dataset", "", "online-retail: import a year of a real shop instead, and compare with published figures")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the shop")
	return c
}

func runDemo(ctx context.Context, o demoOptions) error {
	if o.duration < time.Second || o.rate < 1 {
		return fmt.Errorf("demo: want --duration of at least 1s and --rate of at least 1")
	}
	var out io.Writer = os.Stderr
	d := &demo{o: o, out: out, log: slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	report, err := d.run(ctx)
	if err != nil {
		return err
	}
	if err := printReport(report, o.json); err != nil {
		return err
	}
	if !report.OK {
		return errReported
	}
	return nil
}

// printReport writes the result: one JSON object, or a table for people.
func printReport(r *bench.Report, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	fmt.Printf("\n%d events sent, %d stored, %d duplicates and %d rejected as planned; %d people in %d profiles; %d tag changes\n",
		r.EventsSent, r.EventsStored, r.Duplicates, r.Rejected, r.People, r.Profiles, r.TagChanges)
	row := func(name string, l bench.Latency) {
		fmt.Printf("  %-34s p50 %7.1f   p99 %7.1f   p99.9 %7.1f   max %7.1f ms\n", name, l.P50, l.P99, l.P999, l.Max)
	}
	row("event to tag change", r.LatencyMS)
	row("event to tag change by merge", r.MergeLatencyMS)
	row("deadline to tag change", r.TimerLatencyMS)
	row("event to ClickHouse", r.FreshnessMS)
	for _, c := range r.Checks {
		mark := "ok  "
		if !c.OK {
			mark = "FAIL"
		}
		fmt.Printf("  %s %-26s %s\n", mark, c.Name, c.Detail)
	}
	if r.OK {
		fmt.Println("everything is as the ledger says")
	} else {
		fmt.Println("NOT as the ledger says")
	}
	return nil
}

// demoService starts a service for a demo: its own directory, the demo's catalogue, free ports.
func (d *demo) start(ctx context.Context) (cleanup func(), err error) {
	dir := d.o.data
	var undo []func()
	cleanup = func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "portrait-demo-"); err != nil {
			return cleanup, err
		}
		undo = append(undo, func() { os.RemoveAll(dir) })
	}
	config, err := Config{DataDir: dir, HTTP: "127.0.0.1:0"}.withDefaults()
	if err != nil {
		return cleanup, err
	}
	switch d.o.broker {
	case "embedded":
	case "apache":
		fmt.Fprintln(d.out, "starting Apache Kafka on loopback …")
		apache, err := broker.StartApache(ctx, broker.ApacheConfig{Dir: filepath.Join(dir, "kafka")})
		if err != nil {
			return cleanup, err
		}
		undo = append(undo, apache.Close)
		config.Kafka.Brokers = []string{apache.Addr()}
	default:
		// Somebody's brokers: never their deployment's topics. With --data the run can be repeated.
		config.Kafka.Brokers = []string{d.o.broker}
		config.Prefix = "portrait-demo"
		if d.o.data == "" {
			config.Prefix += "-" + strconv.FormatInt(time.Now().Unix(), 36)
		}
		fmt.Fprintf(d.out, "topics of this demo begin with %s. and stay; delete them when you are done\n", config.Prefix)
	}
	if len(config.Kafka.Brokers) > 0 {
		// A demo may make its key like an embedded service: it lives and dies with its directory.
		config.KeyFile = filepath.Join(dir, "key")
		if err := ensureKey(config.KeyFile); err != nil {
			return cleanup, err
		}
	}
	catalog, err := schemas.ShippedCatalog("demo")
	if err != nil {
		return cleanup, err
	}
	d.service, err = StartService(ctx, config, Catalogs{Publish: catalog}, d.log, d.out)
	if err != nil {
		return cleanup, err
	}
	undo = append(undo, d.service.Close)
	return cleanup, nil
}

// ensureKey makes a key file unless there is one.
func ensureKey(file string) error {
	if _, err := os.Stat(file); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return generateKey(file)
}
