package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"portrait/bench/drive"
	"portrait/bench/traffic"
	"portrait/pipeline/broker"
	"portrait/pipeline/normalize"
	"portrait/schemas"
	"portrait/sinks/clickhouse"
)

// benchTarget are the flags that say what is measured: a deployment of its own, started for the run, or one that runs
// already, and the shape of its traffic.
type benchTarget struct {
	attach     bool // one that runs already; prefix and config say where
	prefix     string
	config     string
	broker     string
	clickhouse string
	data       string
	catalog    string // 1, 12 or 300; with events also a shipped name or a file; "": so many tags
	tags       int
	events     string // file of events to send instead of computed ones
	keys       string
	profiles   int
	merges     float64
	cache      int
	seed       uint64
	model      *traffic.Model // instead of the catalogue of so many tags; nil: that one
	text       []byte         // catalogue of one's own, with events
}

// resolve finds the catalogue that the flags name.
func (o *benchTarget) resolve() (err error) {
	if o.events != "" {
		o.profiles, o.merges = 0, 0 // the sample brings its own people
	}
	if o.catalog == "" || o.model != nil {
		return nil
	}
	if o.tags, err = strconv.Atoi(o.catalog); err == nil {
		return nil
	}
	if o.events == "" {
		return fmt.Errorf("bench: --catalog %s; what must come out can be computed for the catalogues of 1, 12 and 300 tags only; another one goes with --events FILE", o.catalog)
	}
	if o.text, err = catalogText(o.catalog); err != nil {
		return err
	}
	c, err := schemas.ParseCatalog(o.text)
	if err != nil {
		return inFile(o.catalog, err)
	}
	o.tags = len(c.Tags)
	return nil
}

func (o *benchTarget) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.broker, "broker", "embedded", "embedded, apache (started for this run), or HOST:PORT of a Kafka broker")
	f.StringVar(&o.clickhouse, "clickhouse", "embedded", "embedded, none, or the DSN of a server")
	f.StringVar(&o.data, "data", "", "directory for the run's data, which must be empty or new, and stays (default: a temporary one)")
	f.StringVar(&o.catalog, "catalog", "12", "tags of the catalogue: 1, 12 or 300; with --events also a shipped name (demo, …) or a FILE")
	f.StringVar(&o.keys, "keys", "zipf", "who acts: zipf (exponent 0.99) or uniform")
	f.IntVar(&o.profiles, "profiles", 100_000, "profiles preloaded")
	f.Float64Var(&o.merges, "merges", 0, "share of events that link a device, for example 0.1; 0: customers only")
	f.IntVar(&o.cache, "cache", 0, "MiB of profiles in memory (default: as in production)")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the plan")
}

// traffic is the shape of the plan; its run's number makes event ids and identifiers differ from other runs'.
func (o *benchTarget) traffic() traffic.Config {
	run := fmt.Sprintf("%08s", strconv.FormatInt(time.Now().UnixMilli(), 36))
	return traffic.Config{Seed: o.seed, Run: run[len(run)-8:], Persons: o.profiles, Preload: time.Now().Truncate(time.Millisecond),
		Merges: o.merges, Keys: traffic.Keys(o.keys)}
}

// load is what is sent to a deployment.
func (o *benchTarget) load(d *benchDeployment, shape traffic.Config) (*drive.Load, error) {
	if o.events == "" {
		return drive.NewLoad(shape, d.model, o.attach)
	}
	dry, err := drive.NewDryRun(d.record, d.keys)
	if err != nil {
		return nil, err
	}
	return drive.ReadSample(o.events, shape.Run, dry)
}

// benchDeployment is a service started to be measured, in this process.
type benchDeployment struct {
	service *Service
	model   *traffic.Model
	drive   drive.Deployment
	config  Config
	record  *schemas.Deployment
	keys    normalize.Keys // of the deployment; those of one that was attached to are anybody's
	undo    []func()
	ended   chan error // what Run returned
	stop    context.CancelFunc
}

// startBench starts a deployment and waits until every partition is owned. Close it.
func startBench(ctx context.Context, o *benchTarget, out io.Writer) (*benchDeployment, error) {
	d, err := prepareBench(ctx, o, out)
	if err != nil {
		return nil, err
	}
	if err := d.run(ctx); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// prepareBench brings up broker, topics and ClickHouse: events can be sent, and nothing reads them before run.
func prepareBench(ctx context.Context, o *benchTarget, out io.Writer) (_ *benchDeployment, err error) {
	d := &benchDeployment{}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	if err := o.resolve(); err != nil {
		return nil, err
	}
	if d.model = o.model; d.model == nil && o.text == nil {
		if d.model, err = traffic.NewModel(o.tags); err != nil {
			return nil, err
		}
	}
	if o.attach {
		return d, d.attachTo(ctx, o)
	}
	dir, err := d.directory(o.data)
	if err != nil {
		return nil, err
	}
	d.config = Config{DataDir: dir, HTTP: "127.0.0.1:0", CacheMB: o.cache}
	switch o.clickhouse {
	case "embedded":
	case "none":
		d.config.ClickHouse.Off = true
	default:
		d.config.ClickHouse.DSN = o.clickhouse
	}
	d.drive.Processes = map[string]int{"portrait": os.Getpid()}
	d.drive.Disk = map[string]string{"state": filepath.Join(dir, "state")}
	if err := d.startBroker(ctx, o.broker, out); err != nil {
		return nil, err
	}
	return d, d.startService(ctx, o.text, out)
}

// directory returns where the run's data go.
func (d *benchDeployment) directory(data string) (string, error) {
	if data == "" {
		dir, err := os.MkdirTemp("", "portrait-bench-")
		if err == nil {
			d.undo = append(d.undo, func() { os.RemoveAll(dir) })
		}
		return dir, err
	}
	entries, err := os.ReadDir(data)
	if err == nil && len(entries) > 0 {
		return "", fmt.Errorf("bench: %s is not empty; a measurement begins with nothing", data)
	}
	if errors.Is(err, os.ErrNotExist) {
		err = os.MkdirAll(data, 0o700)
	}
	return data, err
}

// startBroker starts what is not the user's.
func (d *benchDeployment) startBroker(ctx context.Context, which string, out io.Writer) error {
	switch which {
	case "embedded":
		d.drive.Disk["broker"] = filepath.Join(d.config.DataDir, "broker")
		return nil
	case "apache":
		fmt.Fprintln(out, "starting Apache Kafka on loopback …")
		dir := filepath.Join(d.config.DataDir, "kafka")
		apache, err := broker.StartApache(ctx, broker.ApacheConfig{Dir: dir})
		if err != nil {
			return err
		}
		d.undo = append(d.undo, apache.Close)
		d.config.Kafka.Brokers = []string{apache.Addr()}
		d.drive.Processes["kafka"], d.drive.Disk["broker"] = apache.PID(), dir
	default: // somebody's brokers: never their deployment's topics
		d.config.Kafka.Brokers = []string{which}
		d.config.Prefix = "portrait-bench-" + strconv.FormatInt(time.Now().Unix(), 36)
		fmt.Fprintf(out, "topics of this run begin with %s. and stay; delete them when you are done\n", d.config.Prefix)
	}
	d.config.KeyFile = filepath.Join(d.config.DataDir, "key")
	return ensureKey(d.config.KeyFile)
}

func (d *benchDeployment) startService(ctx context.Context, text []byte, out io.Writer) (err error) {
	if d.config, err = d.config.withDefaults(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if text == nil {
		text = d.model.YAML()
	}
	if d.service, err = StartService(ctx, d.config, Catalogs{Publish: text}, log, out); err != nil {
		return err
	}
	d.undo = append(d.undo, d.service.Close)
	node := d.service.node
	d.drive.Kafka, d.drive.Topics = node.Client().Config(), node.Topics()
	d.drive.Events, d.drive.Inbox, d.drive.Facts = node.Deployment().EventsPartitions, node.Deployment().InboxPartitions, node.Deployment().FactsPartitions
	d.record, d.keys = node.Deployment(), d.service.keys
	d.drive.Counted = d.counted
	if d.service.engine != nil {
		d.drive.Processes["clickhouse"] = d.service.engine.Current().PID()
		d.drive.Disk["clickhouse"] = filepath.Join(d.config.DataDir, "clickhouse")
	}
	if d.service.sink != nil {
		d.drive.Behind = func() time.Duration {
			b := d.service.stored.Load()
			if b == nil {
				return 0
			}
			return time.Since(time.UnixMilli(b.Block.After.LogTime))
		}
		d.drive.Query = func(ctx context.Context, sql string) ([][]string, error) {
			return clickhouse.Texts(ctx, d.service.conn, sql)
		}
	}
	return nil
}

// run lets the service work, and returns when it owns every partition. One that was attached to runs already.
func (d *benchDeployment) run(ctx context.Context) error {
	if d.service == nil {
		return nil
	}
	running, cancel := context.WithCancel(ctx)
	d.stop, d.ended = cancel, make(chan error, 1)
	go func() { d.ended <- d.service.Run(running) }()
	node := d.service.node
	for d.service.unready() != "" || len(node.Status().Routers) < d.drive.Events || len(node.Status().Machines) < d.drive.Inbox {
		select {
		case err := <-d.ended:
			d.ended <- nil
			return errors.Join(errors.New("the service ended before it was ready"), err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// counted is how many events the machines have counted or found to be repeats.
func (d *benchDeployment) counted() int64 {
	var n int64
	for _, m := range d.service.node.Status().Machines {
		n += m.Counters.Events + m.Counters.Duplicates
	}
	return n
}

// Close stops the service and removes what was made.
func (d *benchDeployment) Close() {
	if d.stop != nil {
		d.stop()
		if err := <-d.ended; err != nil {
			d.service.log.Warn("the service ended", "error", err)
		}
	}
	for i := len(d.undo) - 1; i >= 0; i-- {
		d.undo[i]()
	}
	d.undo = nil
}
