package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

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
	deployment := DeploymentConfig{Clock: schemas.ClockEvent, DedupeIDs: retail.DedupeIDs, TimeZone: "UTC"}
	h := history{config: Config{DataDir: dir, Deployment: deployment}, catalog: catalog,
		until: retail.ReferenceTime, slice: 24 * time.Hour, out: os.Stderr, quiet: o.json}
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
		err = result.WriteText(os.Stdout)
	}
	if err == nil && !result.OK {
		err = errReported
	}
	return err
}
