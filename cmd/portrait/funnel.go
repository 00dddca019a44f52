package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"portrait/sinks/clickhouse"
)

func funnelCommand() *cobra.Command {
	var at targetFlags
	var window, from, to string
	var asJSON bool
	c := &cobra.Command{
		Use:   "funnel STEP… --window 1h",
		Short: "Count the people who took steps in order",
		Long: `Count the profiles that did the events STEP… in this order, other events in between allowed, all within
--window of the first one. Identity is today's: what somebody did on two devices before logging in counts as
one person. Of several attempts of a person the longest counts.

A duration is 30m, 24h or 7d. An instant is RFC 3339, a date (midnight in the deployment's time zone), or a
duration: so long ago.`,
		Example: `  portrait funnel product_viewed cart_added order_paid --window 1h
  portrait funnel signed_up order_paid --window 7d --from 2026-10-01 --to 2026-11-01
  portrait funnel product_viewed cart_added order_paid --window 30m --from 24h --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, steps []string) error {
			w, err := parseDuration(window)
			if err != nil {
				return fmt.Errorf("--window: %w", err)
			}
			t, err := at.find()
			if err != nil {
				return err
			}
			begin, end, err := t.period(cmd.Context(), from, to, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			r, err := t.reader(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			conn, err := r.connect(cmd.Context())
			if err != nil {
				return errors.Join(err, r.Close())
			}
			funnel, err := clickhouse.Funnel(cmd.Context(), conn, steps, w, begin, end)
			var names []string
			if err == nil && funnel[len(funnel)-1].Profiles == 0 { // nobody came through: a name may be misspelt
				names, err = clickhouse.EventNames(cmd.Context(), conn)
			}
			if err := errors.Join(err, conn.Close(), r.Close()); err != nil {
				return err
			}
			for _, s := range funnel {
				if s.Profiles == 0 {
					hintUnknown(cmd.ErrOrStderr(), "event is stored with the name", s.Step, names)
				}
			}
			return printFunnel(funnel, asJSON, cmd.OutOrStdout())
		},
	}
	at.add(c)
	f := c.Flags()
	f.StringVar(&window, "window", "1h", "time from the first step to the last")
	f.StringVar(&from, "from", "", "events from this instant or date on (default: all)")
	f.StringVar(&to, "to", "", "events before this instant or date (default: all)")
	f.BoolVar(&asJSON, "json", false, "print a JSON array of steps")
	return c
}

// funnelRow is one step as printed.
type funnelRow struct {
	clickhouse.FunnelStep
	OfPrevious float64 `json:"of_previous"` // of those who took the step before; of the first step its Rate
}

func funnelRows(funnel []clickhouse.FunnelStep) []funnelRow {
	rows := make([]funnelRow, len(funnel))
	for i, s := range funnel {
		rows[i] = funnelRow{FunnelStep: s, OfPrevious: s.Rate}
		if i > 0 {
			rows[i].OfPrevious = 0
			if before := funnel[i-1].Profiles; before > 0 {
				rows[i].OfPrevious = float64(s.Profiles) / float64(before)
			}
		}
	}
	return rows
}

func printFunnel(funnel []clickhouse.FunnelStep, asJSON bool, out io.Writer) error {
	rows := funnelRows(funnel)
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	}
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "profiles\tof first\tof previous\t   step\n")
	for _, r := range rows {
		fmt.Fprintf(w, "%d\t%.1f %%\t%.1f %%\t   %s\n", r.Profiles, 100*r.Rate, 100*r.OfPrevious, r.Step)
	}
	return w.Flush()
}

// parseDuration reads Go's durations and whole days, "7d".
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err == nil && n > 0 && n <= 36_500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%q is no duration; write 30m, 24h or 7d", s)
}

// period reads the instants between which a command looks; the empty text is the zero time, no bound. Dates are days of
// the deployment, as they are everywhere else; without a date nobody is asked for its time zone.
func (t *target) period(ctx context.Context, from, to string, note io.Writer) (begin, end time.Time, err error) {
	zone := time.UTC
	if isDate(from) || isDate(to) {
		if zone, err = t.timeZone(ctx, note); err != nil {
			return begin, end, err
		}
	}
	now := time.Now()
	if begin, err = parseInstant(from, now, zone); err != nil {
		return begin, end, fmt.Errorf("--from: %w", err)
	}
	if end, err = parseInstant(to, now, zone); err != nil {
		return begin, end, fmt.Errorf("--to: %w", err)
	}
	if !end.IsZero() && !begin.Before(end) {
		err = fmt.Errorf("--from %s is not before --to %s", begin.Format(time.RFC3339), end.Format(time.RFC3339))
	}
	return begin, end, err
}

// timeZone is the one in which the deployment counts days.
func (t *target) timeZone(ctx context.Context, note io.Writer) (*time.Location, error) {
	dep, err := t.recordOrProposal(ctx, note)
	if err != nil {
		return nil, fmt.Errorf("time zone of the deployment, for a date without a time: %w", err)
	}
	return time.LoadLocation(dep.TimeZone)
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// parseInstant reads an instant; the empty text is the zero time, a date midnight in zone.
func parseInstant(s string, now time.Time, zone *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	if d, err := parseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no instant; write 2026-11-01, 2026-11-01T08:00:00+08:00, or 24h for a day ago", s)
}
