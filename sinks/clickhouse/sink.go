package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"portrait/schemas"
)

// ErrWentBack says that ClickHouse knows less than it did: it was restored or emptied under the sink.
var ErrWentBack = errors.New("stored position went back")

// Log is where facts come from; one sink reads one partition through it, from one goroutine. Its
// errors end Run, so it repeats what may succeed later (a broker that is away) by itself.
type Log interface {
	// Seek sets the partition and the offset of the record that Next returns first. An offset below
	// the start of the log or beyond its end is an error that names the remedy.
	Seek(ctx context.Context, partition int32, offset int64) error
	// Next returns the records that follow; it blocks until there are some. They may be overwritten by
	// the call after.
	Next(ctx context.Context) (Batch, error)
}

// Batch is what a log brings at once.
type Batch struct {
	Records []Record // at least one, in order of offset
	// Newest is the last record that the log is known to hold, maybe without its value; it may lie far behind Records. Not
	// knowing it (the zero Record) costs speed when there is much to catch up with, one that is not there costs freshness.
	Newest Record
}

// Stored tells of a block that has been stored.
type Stored struct {
	Block   *Block
	Elapsed time.Duration // from the first attempt to the last insert
}

// Config is what a Sink needs. The zero values of the last two mean: tell nobody.
type Config struct {
	Deployment *schemas.Deployment
	Rule       Rule
	// Timeout bounds one statement, and how old the last look at the position may be when one begins. Not
	// smaller: a busy server with slow disks takes seconds. Not larger: an insert that a sleeping sink wakes
	// up to must be dead before its token is forgotten, which takes 10,000 blocks, so most of an hour.
	Timeout time.Duration
	// RetryMin and RetryMax bound the pause before a failed block is tried again; it doubles.
	RetryMin, RetryMax time.Duration
	Stored             func(Stored)    // called after each block, on Run's goroutine
	Trouble            func(err error) // called before each pause, from any goroutine
}

// DefaultConfig returns the configuration for a deployment.
func DefaultConfig(dep *schemas.Deployment) Config {
	return Config{Deployment: dep, Rule: DefaultRule(), Timeout: 30 * time.Second,
		RetryMin: 100 * time.Millisecond, RetryMax: 5 * time.Second}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	if c.Deployment == nil {
		return errors.New("clickhouse sink: no deployment record")
	}
	if c.Timeout <= 0 || c.RetryMin <= 0 || c.RetryMax < c.RetryMin {
		return fmt.Errorf("clickhouse sink: timeout %s, pauses %s to %s: want positive ones in ascending order", c.Timeout, c.RetryMin, c.RetryMax)
	}
	return c.Rule.Validate()
}

// Sink stores the facts of partitions. Its methods may be called from several goroutines, one per
// partition; it shares only the connections.
type Sink struct {
	config Config
	server *server
}

// New returns a sink over a connection to a migrated database (Connect, Migrate). The pool must allow
// one connection per partition at least.
func New(conn driver.Conn, c Config) (*Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Stored == nil {
		c.Stored = func(Stored) {}
	}
	if c.Trouble == nil {
		c.Trouble = func(error) {}
	}
	return &Sink{c, &server{conn, c.Deployment, uint32(c.Deployment.Epoch), c.Timeout}}, nil
}

// Position returns how far a facts partition is stored; the zero Position with Next 0 if not begun.
func (s *Sink) Position(ctx context.Context, partition int32) (Position, error) {
	p, _, err := s.server.position(ctx, partition)
	return p, err
}

// Claim makes sure that the database is this deployment's, or makes it so if nobody has claimed it; ErrOtherDeployment if not. Run
// does it, too, so it is for those who would rather not begin than be stopped.
func (s *Sink) Claim(ctx context.Context) error {
	if err := s.server.claim(ctx); err != nil {
		return fmt.Errorf("clickhouse sink: %w", err)
	}
	return nil
}

// Run stores the facts of one partition until ctx ends, the log has something that cannot be stored (an error that names it) or
// the database turns out to be another deployment's (ErrOtherDeployment). While ClickHouse is away it holds one block and tries
// again.
func (s *Sink) Run(ctx context.Context, partition int32, log Log) error {
	d := &drive{s, partition, newSurvivors(s.server, s.config.Trouble, s.config.RetryMax)}
	ctx, cancel := context.WithCancel(ctx)
	var side sync.WaitGroup
	side.Go(func() { d.survivors.run(ctx) })
	defer side.Wait()
	defer cancel()
	for {
		from, err := d.resume(ctx)
		if err != nil {
			return fmt.Errorf("clickhouse sink, facts partition %d: %w", partition, err)
		}
		d.survivors.changed() // who stored the last block may have died before it said so
		if err := log.Seek(ctx, partition, from.Next); err != nil {
			return fmt.Errorf("clickhouse sink: go to facts partition %d, offset %d: %w", partition, from.Next, err)
		}
		if err := d.follow(ctx, log, NewSteps(s.config.Deployment, partition, from, s.config.Rule)); err != nil {
			return fmt.Errorf("clickhouse sink: %w", err)
		}
	}
}

// drive is one run over one partition.
type drive struct {
	*Sink
	partition int32
	survivors *survivors
}

// resume returns where to go on, in a database that is ours. The first row of positions is written before any block, because it
// says by which rule the first one is cut.
func (d *drive) resume(ctx context.Context) (p Position, err error) {
	err = d.insist(ctx, func() error {
		if err := d.server.claim(ctx); err != nil {
			return err
		}
		var found bool
		if p, found, err = d.server.position(ctx, d.partition); err != nil || found {
			return err
		}
		if err := d.server.insert(ctx, FirstInsert(d.config.Deployment.Epoch, d.partition, d.config.Rule)); err != nil {
			return err
		}
		p, found, err = d.server.position(ctx, d.partition) // another sink may have been first, by its rule
		if err == nil && !found {
			err = errors.New("sink_positions is empty right after its first row was stored")
		}
		return err
	})
	return p, err
}

// follow reads and stores until another sink turns out to be ahead (nil) or there is an error.
func (d *drive) follow(ctx context.Context, log Log, steps *Steps) error {
	for {
		batch, err := log.Next(ctx)
		if err != nil {
			return fmt.Errorf("read facts partition %d from offset %d: %w", d.partition, steps.Next(), err)
		}
		steps.Reaches(batch.Newest)
		for _, r := range batch.Records {
			blocks, bad := steps.Add(r)
			for _, b := range blocks {
				if ahead, err := d.store(ctx, b); err != nil || ahead {
					return err
				}
			}
			if bad != nil {
				return bad
			}
		}
	}
}

// store inserts a block, unchanged as often as it takes. It returns true if another sink has stored
// it meanwhile: what follows in memory may then be cut by another rule, so the caller resumes.
func (d *drive) store(ctx context.Context, b *Block) (ahead bool, err error) {
	began := time.Now()
	err = d.insist(ctx, func() error {
		var err error
		ahead, err = d.storeOnce(ctx, b)
		return err
	})
	if err != nil || ahead {
		return ahead, err
	}
	if len(b.tables[tableMerges]) > 0 {
		d.survivors.changed()
	}
	d.config.Stored(Stored{b, time.Since(began)})
	return false, nil
}

func (d *drive) storeOnce(ctx context.Context, b *Block) (ahead bool, err error) {
	var looked time.Time
	for storing := b.Storing(d.config.Deployment.Epoch); ; {
		if time.Since(looked) > d.config.Timeout {
			looked = time.Now()
			at, _, err := d.server.position(ctx, d.partition)
			if err != nil {
				return false, fmt.Errorf("block %s: %w", b.Token, err)
			}
			if ahead, err := storing.Look(at); err != nil || ahead {
				return ahead, err
			}
		}
		if err := d.insertUntil(ctx, looked.Add(2*d.config.Timeout), storing.Insert()); err != nil {
			return false, fmt.Errorf("block %s: %w", b.Token, err)
		}
		if storing.Inserted() {
			return false, nil
		}
	}
}

// insertUntil inserts before a deadline, which counts from the look: a process that slept since then must not wake up to it.
func (d *drive) insertUntil(ctx context.Context, deadline time.Time, i Insert) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return d.server.insert(ctx, i)
}

// insist repeats f until it works, ctx ends, or the error is one that time does not cure.
func (d *drive) insist(ctx context.Context, f func() error) error {
	for pause := d.config.RetryMin; ; pause = min(2*pause, d.config.RetryMax) {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ErrWentBack) || errors.Is(err, ErrOtherDeployment) {
			return err
		}
		d.config.Trouble(fmt.Errorf("%w; trying again in %s", err, pause))
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}
