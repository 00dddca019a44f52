package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"portrait/bench"
	"portrait/bench/drive"
)

func benchSearchCommand() *cobra.Command {
	var o benchTarget
	var s drive.Search
	var jsonFile, htmlFile string
	c := &cobra.Command{
		Use:   "search",
		Short: "The highest rate that is held, confirmed three times",
		Long: `Find the highest rate that the deployment holds for a minute after a warm-up: at least 99 % of the plan handed
over, less than a second of traffic behind at the end and not falling behind, p99 within the limit. Rates are
explored by short trials; the one found is confirmed by three long ones in a row, else lowered. At the end all
results are compared with the plan; without that there is no rate. The JSON has it as sustainable_rate.`,
		Example: `  portrait bench search --clickhouse none --json search.json
  portrait bench search --broker apache --catalog 300`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := benchSearch(cmd.Context(), &o, s)
			if err != nil {
				return err
			}
			return publishReport(report, jsonFile, htmlFile)
		},
	}
	o.add(c)
	o.addAttach(c)
	o.addEvents(c)
	f := c.Flags()
	f.Float64Var(&s.From, "from", 20_000, "the first rate tried, events per second")
	f.Float64Var(&s.Most, "most", 500_000, "the highest rate tried")
	f.DurationVar(&s.Short, "explore", 8*time.Second, "length of an exploring trial")
	f.DurationVar(&s.Long, "duration", time.Minute, "length of a confirming trial")
	f.DurationVar(&s.Warmup, "warmup", 5*time.Second, "time at the rate before each trial")
	f.IntVar(&s.Confirm, "confirm", 3, "confirming trials, in a row")
	f.DurationVar(&s.Budget, "budget", 7*time.Minute, "time for all trials")
	f.Float64Var(&s.P99, "p99", 500, "highest p99 of event to tag change, ms")
	f.Float64Var(&s.Precision, "precision", 0.05, "how near to the limit to come, as a part of it")
	f.StringVar(&jsonFile, "json", "", "write the result there as JSON; - for stdout, and nothing else there")
	f.StringVar(&htmlFile, "html", "", "write a report with plots there")
	return c
}

func benchSearch(ctx context.Context, o *benchTarget, search drive.Search) (*drive.Report, error) {
	s, err := openSession(ctx, o, "search")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	search.Say = s.say
	search.Try = func(ctx context.Context, rate float64, window time.Duration) (drive.Window, error) {
		windows, err := s.driver.Run(ctx, drive.Stretch{Rate: rate, Warmup: search.Warmup, Duration: window, Windows: 1, Behind: search.Hopeless(window)})
		if err != nil {
			return drive.Window{}, err
		}
		return windows[0], s.driver.Drain(ctx, 3*time.Minute) // the next trial begins with nothing behind
	}
	rate, trials, err := search.Run(ctx)
	if err != nil {
		return nil, err
	}
	s.report.Trials = trials
	for i := range trials {
		if trials[i].Confirm && trials[i].Rate == rate {
			s.report.AddWindows([]drive.Window{trials[i].Window})
		}
	}
	s.report.Settings.Warmup, s.report.Settings.Duration = search.Warmup.Seconds(), search.Long.Seconds()
	if rate == 0 {
		s.report.Invalid = "no rate was held within the budget"
	}
	report, err := s.finish(ctx)
	if err == nil && report.OK {
		report.Sustained = rate
	}
	return report, err
}

func benchDrainCommand() *cobra.Command {
	var o benchTarget
	var events, repeats int
	var jsonFile string
	c := &cobra.Command{
		Use:   "drain",
		Short: "How fast a backlog is worked off",
		Long: `Write a backlog while nothing reads it, then let the service work, and tell how many events a second it
counts until nothing is left. The profiles' first events are a part of the backlog that is not timed. Each repeat
is a deployment of its own; all results are compared with the plan.

With --attach the deployment reads while the backlog is written, as fast as its brokers take it; it is timed all the same,
and the run is invalid if the deployment kept up with the writing, because then that was measured.`,
		Example: "  portrait bench drain --broker apache --clickhouse none --backlog 3000000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n, err := strconv.Atoi(o.events); err == nil {
				events, o.events = n, ""
			}
			report, err := benchDrain(cmd.Context(), &o, events, repeats)
			if err != nil {
				return err
			}
			return publishReport(report, jsonFile, "")
		},
	}
	o.add(c)
	o.addAttach(c)
	f := c.Flags()
	f.IntVar(&events, "backlog", 2_000_000, "events of the backlog, beside the profiles' first ones")
	f.StringVar(&o.events, "events", "", "send a sample of your own round after round: a JSONL file; a number is taken for --backlog")
	f.IntVar(&repeats, "repeats", 3, "deployments to drain")
	f.StringVar(&jsonFile, "json", "", "write the result there as JSON; - for stdout, and nothing else there")
	return c
}

func benchDrain(ctx context.Context, o *benchTarget, events, repeats int) (*drive.Report, error) {
	if repeats > 1 && !o.attach && o.clickhouse != "embedded" && o.clickhouse != "none" {
		return nil, errors.New("bench: each repeat is a deployment, which needs a ClickHouse database of its own: take --repeats 1, or --clickhouse embedded")
	}
	var sum *drive.Report
	var rates []float64
	for k := range repeats {
		one := *o
		if o.data != "" && repeats > 1 && !o.attach {
			one.data = o.data + "-" + string(rune('1'+k))
		}
		report, rate, err := drainOnce(ctx, &one, events)
		if err != nil {
			return nil, err
		}
		rates = append(rates, rate)
		if sum == nil {
			sum = report
		} else {
			windows := report.Windows
			sum.Checks = append(sum.Checks, report.Checks...)
			sum.AddWindows(windows)
		}
	}
	spread := bench.SpreadOf(rates)
	sum.DrainRate = &spread
	sum.Settle()
	return sum, nil
}

// drainOnce fills a deployment and drains it.
func drainOnce(ctx context.Context, o *benchTarget, events int) (*drive.Report, float64, error) {
	s, err := connectSession(ctx, o, "drain", prepareBench)
	if err != nil {
		return nil, 0, err
	}
	defer s.Close()
	if o.attach {
		return s.drainAttached(ctx, events)
	}
	if err := s.driver.Backlog(ctx, events); err != nil {
		return nil, 0, err
	}
	s.say("%d events wait", s.driver.Acked())
	if err := s.run(ctx); err != nil {
		return nil, 0, err
	}
	return s.drained(ctx, o.profiles, events)
}

// drainAttached writes a backlog to a deployment that reads it meanwhile.
func (s *session) drainAttached(ctx context.Context, events int) (*drive.Report, float64, error) {
	if _, err := s.driver.Preload(ctx); err != nil {
		return nil, 0, err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	sent := make(chan error, 1)
	var waiting int64
	go func() {
		err := s.driver.Backlog(ctx, events)
		waiting = s.driver.Lag()
		if err != nil {
			fail(fmt.Errorf("backlog: %w", err))
		}
		sent <- err
	}()
	report, rate, err := s.drained(ctx, s.report.Settings.Profiles, events)
	if failed := <-sent; err == nil {
		err = failed
	}
	if err == nil && waiting < int64(events)/4 {
		report.Invalid = fmt.Sprintf("when the backlog was written, %d of %d events were left: the writing was measured, not the deployment", waiting, events)
		report.Settle()
	}
	return report, rate, err
}

// drained times a backlog.
func (s *session) drained(ctx context.Context, profiles, events int) (*drive.Report, float64, error) {
	window, err := s.driver.Drained(ctx, int64(profiles), int64(events))
	if err != nil {
		return nil, 0, err
	}
	rate := float64(window.HandedOver) / window.Seconds
	s.say("drained %d events in %.1f s: %.0f events/s", window.HandedOver, window.Seconds, rate)
	s.report.AddWindows([]drive.Window{window})
	report, err := s.finish(ctx)
	return report, rate, err
}
