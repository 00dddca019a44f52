package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"portrait/bench"
	"portrait/bench/drive"
	"portrait/bench/traffic"
)

// benchTimers are the flags of `portrait bench timers`.
type benchTimers struct {
	benchTarget
	rate           float64
	after          time.Duration
	before, behind time.Duration // of the deadline that is measured
	rest           time.Duration // beyond after, until everybody is quiet
	cpuprofile     string
}

func benchTimersCommand() *cobra.Command {
	o := benchTimers{before: 10 * time.Second, behind: 35 * time.Second, rest: 15 * time.Second}
	var jsonFile, htmlFile string
	c := &cobra.Command{
		Use:   "timers",
		Short: "Many timers due at one instant, while events go on",
		Long: `Preload profiles that all get a tag at one and the same instant because time has passed, and send events at a
moderate rate from 10 s before until 35 s after: how late the tags come, and what it does to the tags that the events
cause. At the end every tag is compared with the plan.`,
		Example: "  portrait bench timers --profiles 1000000 --rate 5000 --html timers.html",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := o.measure(cmd.Context())
			if err != nil {
				return err
			}
			return publishReport(report, jsonFile, htmlFile)
		},
	}
	o.add(c)
	f := c.Flags()
	f.Float64Var(&o.rate, "rate", 5_000, "events per second meanwhile")
	f.DurationVar(&o.after, "after", 2*time.Minute, "from the preloaded events to the deadline, whole seconds; preloading must take less")
	f.StringVar(&o.cpuprofile, "cpuprofile", "", "write a CPU profile of the time around the deadline there")
	f.StringVar(&jsonFile, "json", "", "write the result there as JSON; - for stdout, and nothing else there")
	f.StringVar(&htmlFile, "html", "", "write a report with plots there")
	return c
}

func (o *benchTimers) measure(ctx context.Context) (*drive.Report, error) {
	if o.after < time.Second || o.after%time.Second != 0 {
		return nil, fmt.Errorf("timers: --after %v; want whole seconds", o.after)
	}
	o.model = traffic.TimersModel(o.after)
	o.tags = o.model.Tags()
	s, err := openSession(ctx, &o.benchTarget, "timers")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	// The rule says longer than; so the first instant at which it holds is a millisecond behind.
	due := s.preload.Add(o.after + time.Millisecond)
	warmup := time.Until(due.Add(-o.before))
	if warmup < time.Second {
		return nil, fmt.Errorf("timers: preloading %d profiles ended %.0f s before their deadline; raise --after", o.profiles, time.Until(due).Seconds())
	}
	s.driver.WatchWave(due)
	s.report.Settings.Rate, s.report.Settings.Warmup = o.rate, warmup.Seconds()
	s.report.Settings.Duration = (o.before + o.behind).Seconds()
	s.say("%d timers are due in %.0f s", o.profiles, time.Until(due).Seconds())
	var cpu bytes.Buffer
	stretch := drive.Stretch{Rate: o.rate, Warmup: warmup, Duration: o.before + o.behind, Windows: 1}
	if o.cpuprofile != "" { // else nobody pays for one
		stretch.Profile = &cpu
	}
	windows, err := s.driver.Run(ctx, stretch)
	if err != nil {
		return nil, err
	}
	if o.cpuprofile != "" {
		if err := os.WriteFile(o.cpuprofile, cpu.Bytes(), 0o644); err != nil {
			return nil, err
		}
	}
	s.report.AddWindows(windows)
	wave := s.driver.Wave()
	s.report.Wave = &wave
	s.report.Marks = []drive.Mark{{At: s.driver.Seconds(due), Text: "deadline"}}
	s.say("%d changes by timers, the last %.2f s after the deadline, p50 %.0f p99 %.0f ms", wave.Changes, wave.Last, wave.Latency.P50, wave.Latency.P99)
	// Whoever signed in meanwhile becomes quiet later: only then the truth is simple.
	rest := o.after + o.rest
	s.say("waiting %.0f s until everybody is quiet", rest.Seconds())
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(rest):
	}
	report, err := s.finish(ctx)
	if err != nil {
		return nil, err
	}
	report.Checks = append(report.Checks, bench.Check{Name: "the wave came", OK: wave.Changes > 0, Detail: fmt.Sprintf("%d changes by timers due then", wave.Changes)})
	report.Settle()
	return report, nil
}
