package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"portrait/bench/retail"
	"portrait/pipeline/importer"
	"portrait/schemas"
	"portrait/sinks/clickhouse"
)

// runRetail imports a year of a real shop with the event clock and compares it with published figures.
func runRetail(ctx context.Context, o demoOptions) error {
	dir := o.data
	if dir == "" {
		temporary, err := os.MkdirTemp("", "portrait-retail-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		dir = temporary
	}
	catalog, err := schemas.ShippedCatalog("online-retail")
	if err != nil {
		return err
	}
	source, err := retail.Open()
	if err != nil {
		return err
	}
	defer source.Close()
	h := history{data: dir, catalog: catalog, clock: schemas.ClockEvent, dedupe: retail.DedupeIDs, zone: "UTC",
		until: retail.ReferenceTime, out: os.Stderr, quiet: o.json}
	var result *retail.Result
	_, err = h.run(ctx, []*importer.Source{source}, func(ctx context.Context, s *Service) (err error) {
		result, err = retail.Evaluate(ctx, func(ctx context.Context, sql string) ([][]string, error) { return clickhouse.Texts(ctx, s.conn, sql) })
		return err
	})
	if err != nil {
		return err
	}
	result.EventsPerSecond = float64(result.Lines) / h.Elapsed.Seconds()
	if o.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(result)
	} else {
		printRetail(result)
	}
	if err == nil && !result.OK {
		err = errReported
	}
	return err
}

func printRetail(r *retail.Result) {
	fmt.Printf("%d lines at %.0f events/s: %d stored, %d duplicates, %d rejected\nrule A: %d lines of %d customers\n",
		r.Lines, r.EventsPerSecond, r.Stored, r.Duplicates, r.Rejected, r.RuleALines, r.Customers)
	var names []string
	for name := range r.Segments {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return int(r.Segments[b] - r.Segments[a]) })
	fmt.Println("\nlargest RFM segments (recency, frequency, monetary; 4 is best)")
	for _, name := range names[:min(5, len(names))] {
		fmt.Printf("  %s %6d customers\n", name, r.Segments[name])
	}
	fmt.Println("\nmonthly cohorts: customers active 0, 1, 2 … months after their first purchase")
	for i, row := range r.Cohorts {
		text := make([]string, len(row))
		for k, n := range row {
			text[k] = fmt.Sprintf("%4d", n)
		}
		fmt.Printf("  %2d  %s\n", i+1, strings.Join(text, " "))
	}
	fmt.Println()
	for _, c := range r.Checks {
		mark := "ok  "
		if !c.OK {
			mark = "FAIL"
		}
		fmt.Printf("  %s %-18s %s\n", mark, c.Name, c.Detail)
	}
}
