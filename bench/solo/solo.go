package solo

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"portrait/bench"
	"portrait/bench/meter"
	"portrait/bench/traffic"
	"portrait/pipeline"
	"portrait/pipeline/normalize"
	"portrait/profile/machine"
	"portrait/profile/store"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// Config is what to measure.
type Config struct {
	Tags     int // of the catalogue: 1, 12 or 300
	Keys     traffic.Keys
	Profiles int     // preloaded
	Merges   float64 // share of linking events
	Events   int     // per segment
	Segments int
	Warmup   int  // events before the first segment
	Encode   bool // the encoding of outputs counts, too, as on a partition's goroutine
	CacheMB  int  // MiB of profiles in memory; 0: as in production with one partition
	Seed     uint64
	Dir      string    // for the store; must not exist
	Profile  io.Writer // gets a CPU profile of all segments; nil: none
	// Progress gets a line now and then. Nil: silence.
	Progress func(format string, args ...any)
}

// verifyProfiles bounds the memory that full verification takes: about 0.5 KB each.
const verifyProfiles = 2_000_000

// rig is a machine with its log and its store.
type rig struct {
	config  Config
	dep     schemas.Deployment
	plan    *traffic.Plan
	model   *traffic.Model
	log     *logMaker
	m       *machine.Machine
	step    *pipeline.Partition // with Encode
	effects *machine.Effects    // without
	db      *store.DB
	part    *store.Partition
	offset  int64
	loop    [][]byte          // what the machine has sent to itself, not yet applied
	outputs []pipeline.Output // of the step, not yet taken
	seen    *traffic.Observed
	now     segment // what is being measured
}

// Run measures.
func Run(c Config) (*Result, error) {
	if c.Progress == nil {
		c.Progress = func(string, ...any) {}
	}
	if c.Segments < 1 || c.Events < 1 {
		return nil, fmt.Errorf("machine: %d segments of %d events; want at least one of each", c.Segments, c.Events)
	}
	r, err := newRig(c)
	if err != nil {
		return nil, err
	}
	defer r.db.Close()
	result, err := r.run()
	if err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	return result, nil
}

func newRig(c Config) (*rig, error) {
	r := &rig{config: c, dep: schemas.DefaultDeployment()}
	r.dep.ID, r.dep.EventsPartitions, r.dep.InboxPartitions = "bench-machine", 1, 1
	keys, err := normalize.NewKeys([]byte("the bench's machine keeps no secret of anybody"))
	if err != nil {
		return nil, err
	}
	r.dep.KeyID, r.dep.KeyCheck = keys.ID(), keys.KeyCheck()
	if r.model, err = traffic.NewModel(c.Tags); err != nil {
		return nil, err
	}
	// The log's clock runs at 100,000 events/s whatever the machine does: time is an input.
	start := time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)
	r.plan, err = traffic.New(traffic.Config{Seed: c.Seed, Run: "m" + fmt.Sprintf("%07d", c.Seed%10_000_000),
		Persons: c.Profiles, Preload: start.Add(-time.Minute), Merges: c.Merges, Keys: c.Keys})
	if err == nil {
		r.plan, err = r.plan.Then(0, traffic.Stretch{Rate: 100_000, Start: start})
	}
	if err != nil {
		return nil, err
	}
	if c.Profiles <= verifyProfiles {
		r.seen = traffic.NewObserved(r.plan, r.model)
	}
	if r.log, err = newLogMaker(&r.dep, keys, r.plan); err != nil {
		return nil, err
	}
	if r.db, err = store.Open(filepath.Join(c.Dir, "state"), store.DefaultOptions()); err != nil {
		return nil, err
	}
	if r.part, err = r.db.Acquire(0); err != nil {
		return nil, err
	}
	config := machine.Config{Deployment: &r.dep, ProfileKey: keys.ProfileKey(), CacheBytes: int64(c.CacheMB) << 20}
	if r.m, err = machine.Open(config, r.part, 0, nil); err != nil {
		return nil, err
	}
	if c.Encode {
		r.step = pipeline.NewPartition(config, pipeline.TopicNames("bench"), r.m)
	}
	r.effects = machine.NewEffects(1)
	return r, nil
}

// run preloads, warms up, measures segment by segment, and verifies.
func (r *rig) run() (*Result, error) {
	if err := r.begin(); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := r.events(r.config.Profiles); err != nil {
		return nil, fmt.Errorf("preload: %w", err)
	}
	r.config.Progress("%d profiles preloaded in %.1f s", r.config.Profiles, time.Since(began).Seconds())
	if err := r.events(r.config.Warmup); err != nil {
		return nil, fmt.Errorf("warm-up: %w", err)
	}
	result := &Result{Machine: meter.ThisMachine(), Settings: settings(&r.config), PreloadSeconds: time.Since(began).Seconds()}
	if r.config.Profile != nil {
		if err := pprof.StartCPUProfile(r.config.Profile); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile() // a second one does nothing
	}
	for range r.config.Segments {
		s, err := r.segment()
		if err != nil {
			return nil, err
		}
		result.Segments = append(result.Segments, s)
		r.config.Progress("%.0f ns/event in the machine, %.0f ns/event of CPU, %.0f B/event", s.ApplyNS, s.CPUNS, s.Bytes)
	}
	if r.config.Profile != nil {
		pprof.StopCPUProfile()
	}
	if err := r.finish(result); err != nil {
		return nil, err
	}
	result.settle()
	return result, nil
}

// begin applies the records that a log begins with.
func (r *rig) begin() error {
	return r.apply([][]byte{r.log.control(wire.Control{Kind: wire.CtlDeployment}),
		r.log.control(wire.Control{Kind: wire.CtlCatalog, Version: 1, Parts: 1, Body: r.model.YAML()}),
		r.log.control(wire.Control{Kind: wire.CtlActivate, Version: 1})})
}

// checkpoint commits what has changed.
func (r *rig) checkpoint() error {
	return r.commit(r.m.Cut())
}

// events applies the next n events of the plan, unmeasured.
func (r *rig) events(n int) error {
	for n > 0 {
		before := r.log.next
		records, _, err := r.log.fetch(n)
		if err != nil {
			return err
		}
		n -= int(r.log.next - before)
		if err := r.apply(records); err != nil {
			return err
		}
	}
	return nil
}

// finish lets time pass until every document is published, and compares.
func (r *rig) finish(result *Result) error {
	at := r.plan.At(r.log.next)
	for range 4 {
		at = at.Add(time.Duration(r.dep.DocInterval)*time.Millisecond + time.Second)
		if err := r.apply([][]byte{r.log.tick(at)}); err != nil {
			return err
		}
		for len(r.loop) > 0 {
			if err := r.apply(nil); err != nil {
				return err
			}
		}
	}
	if err := r.checkpoint(); err != nil {
		return err
	}
	sent := r.log.next + int64(r.config.Profiles)
	result.Counters = r.m.Counters
	result.Checks = []bench.Check{{Name: "events counted once", OK: r.m.Counters.Events == sent && r.m.Counters.Duplicates == 0,
		Detail: fmt.Sprintf("%d counted of %d, %d duplicates", r.m.Counters.Events, sent, r.m.Counters.Duplicates)}}
	if r.seen != nil {
		result.Checks = append(result.Checks, r.seen.Verify(r.plan, r.model, r.log.next, at.UnixMilli())...)
	}
	var err error
	if err = r.db.Close(); err != nil {
		return err
	}
	if result.Disk, err = meter.Disk(r.config.Dir); err != nil {
		return err
	}
	result.DiskPerProfile = float64(result.Disk) / float64(r.config.Profiles)
	result.RSS, err = meter.RSS(os.Getpid())
	return err
}
