package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"portrait/bench"
	"portrait/bench/drive"
	"portrait/bench/meter"
	"portrait/bench/plot"
	"portrait/bench/stages"
	"portrait/bench/traffic"
)

// benchRun are the flags of `portrait bench run`.
type benchRun struct {
	benchTarget
	rate       float64
	duration   time.Duration
	warmup     time.Duration
	windows    int
	burst      string
	fail       []string
	json, html string
	cpuprofile string
	kind       string
}

func benchRunCommand() *cobra.Command {
	o := benchRun{kind: "run"}
	c := &cobra.Command{
		Use:   "run",
		Short: "One rate in open loop: latency, CPU per event, lag, verified results",
		Long: `Start a deployment, preload profiles, and send events at one rate in open loop: each at its planned instant,
whatever the system does. Latency counts from that instant until the tag change is received. Windows of one
length follow each other; the median and the spread of them are told. At the end every event, profile and tag
is compared with the plan; a run that could not keep its plan is invalid. The exit code is 1 for either, and
if a condition of --fail holds.

Windows of five minutes and more in all are a soak: memory, goroutines (of other processes threads), open files
and the disk of the state must be flat over the last two thirds, or the run fails; the slopes are told.`,
		Example: `  portrait bench run
  portrait bench run --rate 50000 --clickhouse none --fail 'p99>500ms' --html report.html
  portrait bench run --rate 50000 --duration 30m --repeats 1 --html soak.html
  portrait bench run --broker apache --catalog 300 --merges 0.1 --burst 3:1s/10s
  portrait bench run --events sample.jsonl --catalog catalogue.yaml
  portrait bench run --attach --broker kafka:9092 --prefix portrait --clickhouse none --rate 2000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.command(cmd.Context()) },
	}
	o.addRun(c)
	o.addAttach(c)
	o.addEvents(c)
	f := c.Flags()
	f.IntVar(&o.windows, "repeats", 3, "windows, one behind the other")
	f.StringArrayVar(&o.fail, "fail", nil, "condition under which the run fails, for example 'p99>500ms'; may be repeated")
	f.StringVar(&o.cpuprofile, "cpuprofile", "", "write the CPU profile of the windows there")
	return c
}

// benchStagesCommand is a run whose point is the CPU profile.
func benchStagesCommand() *cobra.Command {
	o := benchRun{kind: "stages", windows: 1}
	c := &cobra.Command{
		Use:   "stages",
		Short: "CPU per event by stage, at one rate, with the CPU profile",
		Long: `Like bench run with one window: tell what each stage of the pipeline takes of the CPU per event, from a CPU
profile of the whole process (broker, generator and recorder are in it, as stages of their own). The profile is
written to --cpuprofile, for go tool pprof.`,
		Example: "  portrait bench stages --rate 50000 --clickhouse none --catalog 300",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.command(cmd.Context()) },
	}
	o.addRun(c)
	c.Flags().StringVar(&o.cpuprofile, "cpuprofile", "portrait-cpu.pprof", "write the CPU profile there")
	return c
}

func (o *benchRun) addRun(c *cobra.Command) {
	o.add(c)
	f := c.Flags()
	f.Float64Var(&o.rate, "rate", 20_000, "events per second")
	f.DurationVar(&o.duration, "duration", 30*time.Second, "length of a window")
	f.DurationVar(&o.warmup, "warmup", 10*time.Second, "time at the rate before the first window")
	f.StringVar(&o.burst, "burst", "", "bursts as FACTOR:LENGTH/PERIOD, for example 3:1s/10s; the mean rate stays")
	f.StringVar(&o.json, "json", "", "write the result there as JSON; - for stdout, and nothing else there")
	f.StringVar(&o.html, "html", "", "write a report with plots there")
}

func (o *benchRun) command(ctx context.Context) error {
	conditions, err := parseConditions(o.fail)
	if err != nil {
		return err
	}
	burst, err := traffic.ParseBurst(o.burst)
	if err != nil {
		return err
	}
	report, err := o.measure(ctx, burst)
	if err != nil {
		return err
	}
	report.Check(conditions)
	report.Settle()
	return publishReport(report, o.json, o.html)
}

// measure does one run.
func (o *benchRun) measure(ctx context.Context, burst traffic.Burst) (*drive.Report, error) {
	s, err := openSession(ctx, &o.benchTarget, o.kind)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	s.report.Settings.Rate, s.report.Settings.Burst = o.rate, o.burst
	s.report.Settings.Warmup, s.report.Settings.Duration = o.warmup.Seconds(), o.duration.Seconds()
	var cpu bytes.Buffer
	began := s.driver.Seconds(time.Now().Add(o.warmup))
	windows, err := s.driver.Run(ctx, drive.Stretch{Rate: o.rate, Burst: burst, Warmup: o.warmup, Duration: o.duration, Windows: o.windows, Profile: &cpu})
	if err != nil {
		return nil, err
	}
	s.report.Steady = drive.Steady(s.driver.Series(), began, began+float64(len(windows))*o.duration.Seconds())
	s.report.Failed = drive.Leaks(s.report.Steady)
	s.report.AddWindows(windows)
	var events int64
	for i := range windows {
		events += windows[i].HandedOver
	}
	if !o.attach { // else the profile holds nothing but the bench
		if err := s.stages(cpu.Bytes(), events); err != nil {
			return nil, err
		}
	}
	if o.cpuprofile != "" {
		if err := os.WriteFile(o.cpuprofile, cpu.Bytes(), 0o644); err != nil {
			return nil, err
		}
	}
	return s.finish(ctx)
}

// session is a deployment with a driver on it and a report to fill.
type session struct {
	*benchDeployment
	driver  *drive.Driver
	report  *drive.Report
	out     io.Writer
	began   time.Time
	preload time.Time // instant of the preloaded events
	name    string    // of the run, part of its identifiers
}

// openSession starts a deployment and preloads its profiles.
func openSession(ctx context.Context, o *benchTarget, kind string) (_ *session, err error) {
	s, err := connectSession(ctx, o, kind, startBench)
	if err != nil {
		return nil, err
	}
	if err := s.fill(ctx, o.profiles); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// fill preloads profiles.
func (s *session) fill(ctx context.Context, profiles int) error {
	took, err := s.driver.Preload(ctx)
	if err == nil && took > 0 {
		s.report.Preload = float64(profiles) / took.Seconds()
		s.say("%d profiles preloaded at %.0f events/s", profiles, s.report.Preload)
	}
	return err
}

// connectSession starts a deployment and puts a driver on it.
func connectSession(ctx context.Context, o *benchTarget, kind string,
	start func(context.Context, *benchTarget, io.Writer) (*benchDeployment, error)) (_ *session, err error) {
	s := &session{out: os.Stderr, began: time.Now()}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.benchDeployment, err = start(ctx, o, s.out); err != nil {
		return nil, err
	}
	shape := o.traffic()
	load, err := o.load(s.benchDeployment, shape)
	if err != nil {
		return nil, err
	}
	s.preload, s.name = shape.Preload, shape.Run
	if s.driver, err = drive.Open(ctx, s.drive, load); err != nil {
		return nil, err
	}
	s.report = &drive.Report{Kind: kind, At: time.Now().UTC(), Machine: meter.ThisMachine(), Revision: revision(),
		Settings: drive.Settings{Attached: o.attach, Broker: o.broker, ClickHouse: o.clickhouse, Tags: o.tags, Keys: o.keys, Profiles: o.profiles,
			Merges: o.merges, CacheMB: o.cache, Seed: o.seed}}
	if o.events != "" {
		s.report.Settings.Events, s.report.Settings.Catalog = filepath.Base(o.events), o.catalog
	}
	return s, nil
}

func (s *session) say(format string, args ...any) {
	fmt.Fprintf(s.out, "%5.0f s  "+format+"\n", append([]any{time.Since(s.began).Seconds()}, args...)...)
}

// stages divides the CPU profile.
func (s *session) stages(cpu []byte, events int64) error {
	b, err := stages.Divide(cpu, events)
	if err != nil {
		return err
	}
	s.report.Stages, s.report.Other = b.Stages, b.Other
	for _, stage := range b.Stages {
		if stage.Name == stages.Generator || stage.Name == stages.Recorder {
			s.report.Own += stage.MicroS
		}
	}
	return nil
}

// finish verifies and settles.
func (s *session) finish(ctx context.Context) (*drive.Report, error) {
	s.report.Series = s.driver.Series()
	s.say("waiting for everything to come out, then comparing it with the plan")
	var err error
	if s.report.Checks, err = s.driver.Verify(ctx); err != nil {
		return nil, err
	}
	if s.report.Settings.Attached {
		s.say("what this run leaves in the deployment: the profiles of identifiers that contain %q", s.name)
	}
	s.report.Settle()
	return s.report, nil
}

// Close stops driver and deployment.
func (s *session) Close() {
	if s.driver != nil {
		s.driver.Close()
	}
	if s.benchDeployment != nil {
		s.benchDeployment.Close()
	}
}

// publishReport writes the report where it is wanted, and ends with exit code 1 if it is not ok.
func publishReport(r *drive.Report, jsonFile, htmlFile string) error {
	if jsonFile != "-" {
		printReportText(os.Stdout, r)
	}
	if err := writeJSON(jsonFile, r); err != nil {
		return err
	}
	if htmlFile != "" {
		page, err := plot.HTML(r)
		if err == nil {
			err = os.WriteFile(htmlFile, page, 0o644)
		}
		if err != nil {
			return err
		}
	}
	if !r.OK {
		return errReported
	}
	return nil
}

func printReportText(w io.Writer, r *drive.Report) {
	s := &r.Settings
	fmt.Fprintf(w, "%s: broker %s, ClickHouse %s, %d tags, %s keys, %d profiles, %.0f %% of events link; %d cores\n",
		r.Kind, s.Broker, s.ClickHouse, s.Tags, s.Keys, s.Profiles, 100*s.Merges, r.Machine.Cores)
	for i := range r.Windows {
		if r.Windows[i].Samples > 0 {
			printWindow(w, fmt.Sprintf("window %d", i+1), &r.Windows[i])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.CPU)) {
		c := r.CPU[name]
		fmt.Fprintf(w, "  CPU of %-12s %7.2f µs/event (%.2f to %.2f)\n", name, c.Median, c.Min, c.Max)
	}
	if r.Own > 0 {
		fmt.Fprintf(w, "  of it generator and recorder %.2f µs/event\n", r.Own)
	}
	printStages(w, r.Stages)
	for _, t := range r.Trials {
		held := "held"
		if !t.Held {
			held = "not held: " + t.Why
		}
		printWindow(w, fmt.Sprintf("%.0f/s", t.Rate), &t.Window)
		fmt.Fprintf(w, "           %s\n", held)
	}
	if r.Sustained > 0 {
		fmt.Fprintf(w, "  sustainable rate %.0f events/s\n", r.Sustained)
	}
	if v := r.Wave; v != nil {
		fmt.Fprintf(w, "  %d changes by timers due at one instant: p50 %.0f p99 %.0f ms after it, the last %.2f s\n", v.Changes, v.Latency.P50, v.Latency.P99, v.Last)
	}
	printRestarts(w, r)
	for _, t := range r.Steady {
		fmt.Fprintf(w, "  %-26s %s\n", t.What, t.Why)
	}
	if d := r.DrainRate; d != nil {
		fmt.Fprintf(w, "  drained %.0f events/s (%.0f to %.0f)\n", d.Median, d.Min, d.Max)
	}
	printChecks(w, r.Checks)
	if r.Invalid != "" {
		fmt.Fprintln(w, "  INVALID:", r.Invalid)
	}
	for _, f := range r.Failed {
		fmt.Fprintln(w, "  FAILED:", f)
	}
}

func printWindow(w io.Writer, name string, x *drive.Window) {
	row := func(l bench.Latency) string {
		return fmt.Sprintf("p50 %.1f p99 %.1f p99.9 %.1f max %.1f ms", l.P50, l.P99, l.P999, l.Max)
	}
	fmt.Fprintf(w, "  %-9s %.0f events/s; event to tag %s; machine's hiccups %s; lag %d events\n",
		name, float64(x.HandedOver)/x.Seconds, row(x.Latency), row(x.Hiccups), x.LagAfter)
}
