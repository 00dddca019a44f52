package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portrait/bench/drive"
	"portrait/bench/traffic"
	"portrait/pipeline"
	"portrait/pipeline/normalize"
	"portrait/schemas"
	"portrait/sinks/clickhouse"
)

// addEvents adds the flag by which a command sends a sample.
func (o *benchTarget) addEvents(c *cobra.Command) {
	c.Flags().StringVar(&o.events, "events", "", "send a sample of your own round after round: JSONL as portrait import takes it (.gz and .zst, too)")
}

// addAttach adds the flags by which a command drives a deployment that runs already.
func (o *benchTarget) addAttach(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&o.attach, "attach", false, "drive a deployment that runs already: found by --data or --config like other commands do, or named by --broker")
	f.StringVar(&o.prefix, "prefix", "", "with --attach: prefix of its topics (default: that of the configuration)")
	f.StringVar(&o.config, "config", "", "with --attach: configuration file (YAML) of the service, for TLS, passwords and addresses")
}

// attachTo finds a deployment that runs already. Nothing is made there but events of persons whose identifiers name
// this run, and what follows from them.
func (d *benchDeployment) attachTo(ctx context.Context, o *benchTarget) error {
	t, err := o.attached()
	if err != nil {
		return err
	}
	a, err := t.admin(ctx)
	if err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	defer a.Close()
	record := a.Deployment()
	if record.Clock != schemas.ClockWall {
		return fmt.Errorf("attach: the deployment's clock is %q; latency can be measured on the wall clock only", record.Clock)
	}
	zone, err := time.LoadLocation(record.TimeZone)
	if err != nil {
		return fmt.Errorf("attach: time zone of the deployment: %w", err)
	}
	if o.events == "" {
		d.model = d.model.InZone(zone)
		if err := fits(d.model, o.tags, a.Catalog()); err != nil {
			return err
		}
	}
	if err := d.decodeAs(t, record); err != nil {
		return err
	}
	d.drive = drive.Deployment{Kafka: a.Client().Config(), Topics: a.Topics(), Events: record.EventsPartitions, Inbox: record.InboxPartitions,
		Facts: record.FactsPartitions, Shared: true, DocInterval: time.Duration(record.DocInterval) * time.Millisecond,
		Processes: map[string]int{"bench": os.Getpid()}}
	dsn := t.config.ClickHouse.DSN
	if t.running != nil {
		d.drive.Processes["portrait"] = t.running.PID
		if dsn == "" {
			dsn = t.running.ClickHouse
		}
	}
	switch o.clickhouse {
	case "embedded": // the default: whatever is known of it
	case "none":
		dsn = ""
	default:
		dsn = o.clickhouse
	}
	if dsn == "" {
		o.clickhouse = "none"
		return nil
	}
	return d.ask(ctx, dsn)
}

// decodeAs prepares a dry run of the deployment's decoder: with its key if that is at hand, else with another one, of which
// only hashes depend.
func (d *benchDeployment) decodeAs(t *target, record *schemas.Deployment) (err error) {
	d.record = record
	if d.keys, err = t.keys(); err == nil && d.keys.Verify(record.KeyID, record.KeyCheck) == nil {
		return nil
	}
	other := *record
	if d.keys, err = normalize.NewKeys(make([]byte, normalize.KeyBytes)); err != nil {
		return err
	}
	other.KeyID, other.KeyCheck = d.keys.ID(), d.keys.KeyCheck()
	d.record = &other
	return nil
}

// ask lets the driver ask a ClickHouse, which is changed by nobody here.
func (d *benchDeployment) ask(ctx context.Context, dsn string) error {
	conn, err := clickhouse.ConnectReadOnly(ctx, dsn)
	if err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	d.undo = append(d.undo, func() { _ = conn.Close() }) // nothing of ours is in it
	d.drive.Query = func(ctx context.Context, sql string) ([][]string, error) { return clickhouse.Texts(ctx, conn, sql) }
	if _, err := d.drive.Query(ctx, "SELECT count() FROM events WHERE 0"); err != nil {
		return fmt.Errorf("attach: ClickHouse does not have the deployment's tables: %w; name their database in the DSN, or give --clickhouse none", err)
	}
	return nil
}

// attached is the deployment that the flags name.
func (o *benchTarget) attached() (*target, error) {
	t, err := (&targetFlags{data: o.data, config: o.config}).find()
	if err != nil {
		return nil, err
	}
	switch o.broker {
	case "embedded": // the default: the service's own
	case "apache":
		return nil, fmt.Errorf("attach: --broker apache starts one; give HOST:PORT of the deployment's")
	default: // it may be another host's deployment than the one that runs here
		t.config.Kafka.Brokers = strings.Split(o.broker, ",")
		t.running = nil
	}
	if o.prefix != "" {
		t.config.Prefix = o.prefix
	}
	return t, nil
}

// fits reports what a deployment's catalogue lacks of the bench's, and how to get it.
func fits(model *traffic.Model, tags int, active pipeline.PublishedCatalog) error {
	publish := fmt.Sprintf("`portrait bench catalog --catalog %d > FILE` and `portrait catalog publish FILE` (which replaces the active catalogue: "+
		"add the bench's features and tags to a copy of yours where yours must go on), or measure with --events", tags)
	if active.Version == 0 {
		return fmt.Errorf("attach: the deployment has no catalogue; publish the bench's: %s", publish)
	}
	missing, err := drive.Missing(model, active.Text)
	if err != nil || len(missing) == 0 {
		return err
	}
	const shown = 5
	more := ""
	if len(missing) > shown {
		more = fmt.Sprintf(" and %d more", len(missing)-shown)
		missing = missing[:shown]
	}
	return fmt.Errorf("attach: the deployment's catalogue is not enough to know what must come out: %s%s; publish it: %s", strings.Join(missing, "; "), more, publish)
}

// benchCatalogCommand prints what must be published before a deployment can be attached to.
func benchCatalogCommand() *cobra.Command {
	var tags int
	c := &cobra.Command{
		Use:   "catalog",
		Short: "Print a catalogue of the bench, to publish it",
		Long: `Print the catalogue of 1, 12 or 300 tags that the bench commands compute results for. A deployment that is to be
measured with --attach must have it; more than it may be there, too.`,
		Example: "  portrait bench catalog --catalog 12 > bench-12.yaml\n  portrait catalog publish bench-12.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := traffic.NewModel(tags)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(m.YAML())
			return err
		},
	}
	c.Flags().IntVar(&tags, "catalog", 12, "tags of the catalogue: 1, 12 or 300")
	return c
}
