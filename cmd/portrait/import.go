package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"portrait/pipeline/importer"
	"portrait/schemas"
)

// defaultCatalog is the shipped catalogue that a new deployment gets.
const defaultCatalog = "private-domain"

type importOptions struct {
	mapping, data, config, catalog, until string
	fresh                                 bool
	clock                                 string
	dedupe                                int
	slice                                 time.Duration
}

// defaultSlice is long enough for a year of hours to pass in a minute or two, and short enough for a night in which a cart was
// left. minSlice is where nothing but waiting would be left.
const (
	defaultSlice = 6 * time.Hour
	minSlice     = time.Minute
)

func importCommand() *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   "import [--map FILE] INPUT…",
		Short: "Send files of events: JSONL, or CSV through a mapping",
		Long: `Send files of events to portrait.events. An input is native JSONL (one event, or an array of
events, a line), or CSV with --map; .gz and .zst are read directly. A line that cannot be used is
reported with its number and reason, and the rest goes on.

Without --new the events go to the running service of the data directory (or the brokers of
--config), like any other events: they must not be history, or absence tags would compare old
events with the wall clock. Of a file that is sent a second time only those events count as repeats whose ids
their profile still remembers, its latest 64 (dedupe_ids): what is older, or has no id, counts again.

With --new a fresh embedded deployment is made in --data, with what --config says of key, catalogue and
deployment (time_zone, phone_region, …), and the command ends when everything is stored. With --clock
event its time is that of the events, so a year of history passes in a minute, and it stays so: such a
deployment is for looking at. One that is to go live is imported with --clock wall, because on the clock of
the events time stands still between them, and absence tags wait.

The inputs of --clock event must be in order of time: a line dated years ahead moves the clock there, and
what follows it counts as late. Features and tags are exact at the end, and so is the history of tags, but
for absences shorter than --slice: history is sent in slices of so much time, and at the end of each the
clock catches up. A cart that was left for longer before it was paid was abandoned; one that was left for
less may not have been. Finer slices take longer, about 50 ms each. Machines work side by side, so a device
that two people shared in lines near each other may stay with the second one;
"deployment: {events_partitions: 1, inbox_partitions: 1}" in --config keeps to the order of the lines.`,
		Example: `  portrait import events.jsonl.zst
  portrait import --map orders.mapping.yaml orders.csv.gz
  portrait import --data history --new --clock event --map orders.mapping.yaml orders.csv`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, inputs []string) error { return runImport(cmd.Context(), o, inputs) },
	}
	f := c.Flags()
	f.StringVar(&o.mapping, "map", "", "mapping file (YAML): CSV columns to events")
	f.StringVar(&o.data, "data", "", "data directory")
	f.StringVar(&o.config, "config", "", "configuration file")
	f.StringVar(&o.catalog, "catalog", "", "with --new: catalogue, a shipped name or a file (default: that of --config, else "+defaultCatalog+")")
	f.BoolVar(&o.fresh, "new", false, "make a fresh embedded deployment in --data, and stop when all is stored")
	f.StringVar(&o.clock, "clock", "", "with --new: wall or event (default: that of --config, else wall)")
	f.StringVar(&o.until, "until", "", "with --clock event: advance the clock to this instant at the end (RFC 3339; default: the last event)")
	f.DurationVar(&o.slice, "slice", defaultSlice, "with --clock event: absences that last so long are in the history of tags; 0: send all in one go")
	f.IntVar(&o.dedupe, "dedupe-ids", 0, "with --new: event ids a profile remembers (default 64)")
	return c
}

func runImport(ctx context.Context, o importOptions, inputs []string) error {
	if o.slice != 0 && o.slice < minSlice {
		return fmt.Errorf("import: --slice %v; at least %v, or 0 to send all in one go", o.slice, minSlice)
	}
	m, sources, err := openInputs(o.mapping, inputs)
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range sources {
			s.Close()
		}
	}()
	if o.fresh {
		return importFresh(ctx, o, m, sources)
	}
	if o.clock != "" && o.clock != string(schemas.ClockWall) {
		return errors.New("import: --clock event needs --new: a running deployment has its clock already")
	}
	return importRunning(ctx, o, m, sources)
}

// openInputs returns the mapping, nil for JSONL, and the inputs opened with it.
func openInputs(mapping string, inputs []string) (m *importer.Mapping, sources []*importer.Source, err error) {
	if mapping != "" {
		text, err := os.ReadFile(mapping)
		if err != nil {
			return nil, nil, err
		}
		if m, err = importer.ParseMapping(text); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", mapping, err)
		}
	}
	for _, path := range inputs {
		s, err := importer.Open(path, m)
		if err != nil {
			for _, open := range sources {
				open.Close()
			}
			var misfit *importer.MappingError
			if errors.As(err, &misfit) { // its line is the mapping's, not the input's
				return nil, nil, fmt.Errorf("%s: %w", mapping, err)
			}
			return nil, nil, err
		}
		sources = append(sources, s)
	}
	return m, sources, nil
}

// fitsDeployment says whether a mapping, nil for JSONL, is one for the deployment.
func fitsDeployment(path string, m *importer.Mapping, dep *schemas.Deployment) error {
	if m == nil {
		return nil
	}
	if err := m.CheckTypes(dep); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// importRunning sends to a deployment that is there.
func importRunning(ctx context.Context, o importOptions, m *importer.Mapping, sources []*importer.Source) error {
	t, err := (&targetFlags{data: o.data, config: o.config}).find()
	if err != nil {
		return err
	}
	a, err := t.admin(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := fitsDeployment(o.mapping, m, a.Deployment()); err != nil {
		return err
	}
	j := &importJob{client: a.Client(), topic: a.Topics().Events, partitions: a.Deployment().EventsPartitions, out: os.Stderr}
	if err := j.run(ctx, sources...); err != nil {
		return err
	}
	fmt.Printf("%d lines sent, %d left out\n", j.Lines, j.Bad)
	return nil
}

// importFresh makes a deployment, fills it and stops it.
func importFresh(ctx context.Context, o importOptions, m *importer.Mapping, sources []*importer.Source) error {
	if o.data == "" {
		return errors.New("import: --new needs --data DIR, a directory that does not exist yet or is empty")
	}
	if entries, err := os.ReadDir(o.data); err == nil && len(entries) > 0 {
		return fmt.Errorf("import: %s is not empty; --new makes a fresh deployment, so name another directory", o.data)
	}
	config, err := freshConfig(o)
	if err != nil {
		return err
	}
	proposal := config.proposal()
	if err := fitsDeployment(o.mapping, m, &proposal); err != nil {
		return err
	}
	catalog := cmp.Or(o.catalog, config.Catalog, defaultCatalog)
	text, err := catalogText(catalog)
	if err != nil {
		return err
	}
	if _, err := compileCatalog(text, 1, &proposal); err != nil { // before the directory is one that is not empty
		return inFile(catalog, err)
	}
	h := history{config: config, catalog: text, slice: o.slice, out: os.Stderr}
	if o.until != "" {
		if h.until, err = time.Parse(time.RFC3339, o.until); err != nil {
			return fmt.Errorf("import: --until: %w", err)
		}
	}
	var fate fates
	j, err := h.run(ctx, sources, func(ctx context.Context, s *Service) (err error) {
		fate, err = s.fates(ctx)
		return err
	})
	if err != nil && ctx.Err() != nil { // a signal: what it met on the way is no news
		return fmt.Errorf("import: interrupted %s; what is in %s is incomplete: delete it and begin again", j.reached(), o.data)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d lines sent, %d left out; everything is stored in %s: %s\nlook at it with: portrait sql --data %s 'SELECT * FROM accounting'\n",
		j.Lines, j.Bad, o.data, fate, o.data)
	if fate.rejected != "0" {
		fmt.Printf("why events were rejected: portrait sql --data %s 'SELECT reason, detail, count() FROM rejections GROUP BY ALL'\n", o.data)
	}
	return nil
}

// freshConfig is the configuration of a deployment that --new makes: that of --config, for its key and for what is
// decided once (time_zone, phone_region, …), with the flags above it. What it names outside is refused.
func freshConfig(o importOptions) (Config, error) {
	config, err := LoadConfig(o.config)
	if err != nil {
		return Config{}, err
	}
	outside := ""
	switch {
	case len(config.Kafka.Brokers) > 0:
		outside = "kafka.brokers"
	case config.ClickHouse.DSN != "":
		outside = "clickhouse.dsn"
	case config.ClickHouse.Off:
		outside = "clickhouse.off"
	}
	if outside != "" {
		return Config{}, fmt.Errorf("%s: import --new makes a deployment with everything embedded, which %s contradicts; "+
			"leave it out, or start that deployment with `portrait run` and import without --new", o.config, outside)
	}
	config.DataDir, config.Roles = o.data, nil
	override(&config.Deployment.Clock, schemas.Clock(o.clock))
	override(&config.Deployment.DedupeIDs, o.dedupe)
	return config, nil
}

// catalogText reads a catalogue: a shipped name, or a file.
func catalogText(name string) ([]byte, error) {
	if text, err := schemas.ShippedCatalog(name); err == nil {
		return text, nil
	}
	text, err := os.ReadFile(filepath.Clean(name))
	if err != nil {
		return nil, fmt.Errorf("catalogue %q is neither shipped nor a file: %w", name, err)
	}
	return text, nil
}
