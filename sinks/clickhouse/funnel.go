package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// maxFunnelSteps is what windowFunnel takes.
const maxFunnelSteps = 32

// FunnelStep is one step of an ordered funnel.
type FunnelStep struct {
	Step     string  `json:"step"`
	Profiles uint64  `json:"profiles"` // that came this far
	Rate     float64 `json:"rate"`     // of those who took the first step; 0 if nobody did
}

// Funnel counts the profiles that took the steps (names of events) in order, other events in between
// allowed, all within window of a first step; steps at the same millisecond are in order. It reads
// events_now, so identities are today's, and the events of [from, to); the zero time means no bound.
// It follows ClickHouse's windowFunnel in its default mode: of several chains the longest counts.
// Between 1 and 32 steps, each once.
func Funnel(ctx context.Context, conn driver.Conn, steps []string, window time.Duration, from, to time.Time) (funnel []FunnelStep, err error) {
	query, args, err := funnelQuery(steps, window, from, to)
	if err != nil {
		return nil, fmt.Errorf("funnel: %w", err)
	}
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("funnel: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	funnel = make([]FunnelStep, len(steps))
	for i, s := range steps {
		funnel[i].Step = s
	}
	for rows.Next() {
		var level uint8
		var profiles uint64
		if err := rows.Scan(&level, &profiles); err != nil {
			return nil, fmt.Errorf("funnel: %w", err)
		}
		for i := range int(level) { // who came to a step took those before
			funnel[i].Profiles += profiles
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("funnel: %w", err)
	}
	for i := range funnel {
		if first := funnel[0].Profiles; first > 0 {
			funnel[i].Rate = float64(funnel[i].Profiles) / float64(first)
		}
	}
	return funnel, nil
}

// EventNames returns the names of all stored events, ascending: what a step of a funnel can be.
func EventNames(ctx context.Context, conn driver.Conn) (names []string, err error) {
	rows, err := conn.Query(ctx, "SELECT DISTINCT event FROM events_per_minute ORDER BY event")
	if err != nil {
		return nil, fmt.Errorf("names of events: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("names of events: %w", err)
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// funnelQuery builds the statement: the number of conditions is part of it, so it is made per call.
func funnelQuery(steps []string, window time.Duration, from, to time.Time) (query string, args []any, err error) {
	if len(steps) < 1 || len(steps) > maxFunnelSteps {
		return "", nil, fmt.Errorf("%d steps; want 1 to %d", len(steps), maxFunnelSteps)
	}
	if window < time.Millisecond {
		return "", nil, fmt.Errorf("window %s; want at least 1ms, for example 1h", window)
	}
	conditions := make([]string, len(steps))
	seen := map[string]bool{}
	for i, s := range steps {
		if s == "" || seen[s] {
			return "", nil, fmt.Errorf("step %d is %q; want names of events, each once", i+1, s)
		}
		seen[s] = true
		conditions[i] = "event = ?"
		args = append(args, s)
	}
	where := []string{"event IN (?)"}
	args = append(args, steps)
	if from.UnixMilli() < 0 {
		from = time.UnixMilli(0) // windowFunnel's times are not negative
	}
	where, args = append(where, "time >= fromUnixTimestamp64Milli(?)"), append(args, from.UnixMilli())
	if !to.IsZero() {
		where, args = append(where, "time < fromUnixTimestamp64Milli(?)"), append(args, to.UnixMilli())
	}
	query = fmt.Sprintf(`SELECT level, count() FROM (
		SELECT windowFunnel(%d)(toUInt64(toUnixTimestamp64Milli(time)), %s) AS level
		FROM events_now WHERE %s GROUP BY profile_id
	) GROUP BY level`, window.Milliseconds(), strings.Join(conditions, ", "), strings.Join(where, " AND "))
	return query, args, nil
}
