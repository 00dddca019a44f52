package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"portrait/bench/fleet"
	"portrait/pipeline/normalize"
	"portrait/schemas"
)

// Config of one run.
type Config struct {
	Command  []string      // how to start portrait: the binary, and what stands before its arguments
	Dir      string        // data and logs of all parts, empty or absent
	Broker   string        // embedded, or apache
	Nodes    int           // at least one
	Faults   int           //
	Duration time.Duration // of the load
	Rate     int           // records per second
	Seed     uint64        // of the schedule and of the shop
	Out      io.Writer     // progress, a line each
}

// Brokers that Config.Broker may name.
const (
	Embedded = "embedded"
	Apache   = "apache"
)

// Validate reports the first setting that cannot work, and the remedy.
func (c *Config) Validate() error {
	switch {
	case len(c.Command) == 0 || c.Dir == "" || c.Out == nil:
		return errors.New("torture: command, directory and output must be given")
	case c.Broker != Embedded && c.Broker != Apache:
		return fmt.Errorf("torture: broker %q; want %s or %s", c.Broker, Embedded, Apache)
	case c.Nodes < 1 || c.Nodes > 12:
		return fmt.Errorf("torture: %d nodes; want 1 to 12", c.Nodes)
	case c.Duration < 20*time.Second:
		return fmt.Errorf("torture: a load of %v; want at least 20s", c.Duration)
	case c.Rate < 1:
		return fmt.Errorf("torture: %d records per second; want at least 1", c.Rate)
	case c.Faults < 0 || float64(c.Faults) > c.Duration.Seconds()/4:
		return fmt.Errorf("torture: %d faults in %v; want at most one in 4 s, or nothing is ever whole", c.Faults, c.Duration)
	}
	return nil
}

// docInterval is how often a profile's document is published when only features moved.
const docInterval = 3 * time.Second

// torturer is one run.
type torturer struct {
	*Config
	parts  map[string]*victim // by name; complete before the first fault
	broker *victim            // of parts
	addr   string             // of the broker
	engine *engine            // ClickHouse
	key    string             // file

	mu      sync.Mutex // guards parts while they are made, what follows, and the writing of progress
	began   time.Time
	notes   []string      // what nobody asked for: parts that ended by themselves, that did not end well, that did not start
	refused int           // starts of nodes that ended because the broker was away
	still   time.Duration // that this process itself did not run
}

// Run brings everything up, breaks it under load, and judges what is left. An error says that the run itself failed; what the
// run showed is in the verdict.
func Run(ctx context.Context, c Config) (*Verdict, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t := &torturer{Config: &c, parts: map[string]*victim{}, began: time.Now()}
	ctx, cancel := context.WithCancel(ctx)
	defer t.close()
	defer cancel()
	if err := t.setUp(ctx); err != nil {
		return nil, err
	}
	return t.drive(ctx)
}

// setUp starts the parts: the broker and ClickHouse first, then the nodes, all at once.
func (t *torturer) setUp(ctx context.Context) error {
	if err := os.MkdirAll(t.Dir, 0o700); err != nil {
		return err
	}
	if err := t.startBroker(ctx); err != nil {
		return err
	}
	var err error
	if t.engine, err = newEngine(t.Config); err != nil {
		return err
	}
	if err := t.add(ctx, string(ClickHouse), ClickHouse, t.engine); err != nil {
		return err
	}
	t.key = filepath.Join(t.Dir, "key")
	if _, err := normalize.Generate(t.key); err != nil {
		return err
	}
	catalog := filepath.Join(t.Dir, "catalog.yaml")
	text, err := schemas.ShippedCatalog("demo")
	if err == nil {
		err = os.WriteFile(catalog, text, 0o600)
	}
	if err != nil {
		return err
	}
	starts, startCtx := errgroup.WithContext(ctx)
	for i := range t.Nodes {
		roles := rolesOf(i, t.Nodes)
		n, err := newNode(t.Config, nodeName(i), roles, t.addr, t.engine.kept.DSN(), t.key, catalog)
		if err != nil {
			return err
		}
		t.say("%s: %s", nodeName(i), roles)
		starts.Go(func() error { return t.add(startCtx, nodeName(i), Node, n) })
	}
	return starts.Wait()
}

func (t *torturer) startBroker(ctx context.Context) error {
	if t.Broker == Apache {
		port, err := fleet.FreePort()
		if err != nil {
			return err
		}
		t.addr = fmt.Sprintf("127.0.0.1:%d", port)
		return t.add(ctx, string(Broker), Broker, &apache{dir: filepath.Join(t.Dir, "kafka"), port: port})
	}
	b, err := newEmbedded(t.Config)
	if err != nil {
		return err
	}
	t.addr = b.Addr
	return t.add(ctx, string(Broker), Broker, b)
}

// add starts a part, and from then on watches that it does not end by itself.
func (t *torturer) add(ctx context.Context, name string, class Class, p part) error {
	v := &victim{name: name, class: class, part: p, torturer: t, turn: make(chan struct{}, 1)}
	t.mu.Lock()
	t.parts[name] = v
	if class == Broker {
		t.broker = v
	}
	t.mu.Unlock()
	defer v.take()()
	if err := v.up(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// close ends all parts, nodes first.
func (t *torturer) close() {
	for _, class := range []Class{Node, ClickHouse, Broker} {
		for _, v := range t.parts {
			if v.class == class {
				v.end()
			}
		}
	}
}

// say writes a line of progress.
func (t *torturer) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.Out, "%6.1f s  %s\n", time.Since(t.began).Seconds(), fmt.Sprintf(format, args...))
}

// stood notes that this process itself stood still.
func (t *torturer) stood(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.still += d
}

// note keeps what nobody asked for: it fails the run.
func (t *torturer) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	t.say("! %s", text)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, text)
}
