package solo

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"time"

	"portrait/bench"
	"portrait/bench/meter"
	"portrait/bench/traffic"
	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/profile"
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
	Cache    int  // nodes in memory; 0: as in production
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

// cutEntries is as in production: package pipeline, machine_driver.go.
const cutEntries = 5_000

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
	r.plan, err = traffic.New(traffic.Config{Seed: c.Seed, Run: "m" + fmt.Sprintf("%07d", c.Seed%10_000_000), Rate: 100_000, Start: start,
		Persons: c.Profiles, Preload: start.Add(-time.Minute), Merges: c.Merges, Keys: c.Keys})
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
	config := machine.Config{Deployment: &r.dep, ProfileKey: keys.ProfileKey(), CacheNodes: c.Cache}
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
	first := [][]byte{r.log.control(wire.Control{Kind: wire.CtlDeployment}),
		r.log.control(wire.Control{Kind: wire.CtlCatalog, Version: 1, Parts: 1, Body: r.model.YAML()}),
		r.log.control(wire.Control{Kind: wire.CtlActivate, Version: 1})}
	if err := r.apply(first); err != nil {
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

// segment measures the next events: the log first, then nothing but the machine.
func (r *rig) segment() (segment, error) {
	var fetches [][][]byte
	for left := r.config.Events; left > 0; left -= fetchRecords {
		records, _, err := r.log.fetch(left)
		if err != nil {
			return segment{}, err
		}
		fetches = append(fetches, records)
	}
	runtime.GC() // the log's garbage is not the machine's
	r.now = segment{}
	before := r.m.Counters
	for _, records := range fetches {
		if err := r.measured(records); err != nil {
			return segment{}, err
		}
	}
	return r.now.finish(before, r.m.Counters), nil
}

// measured is apply with the clocks on; what the bench itself does with outputs is left out.
func (r *rig) measured(records [][]byte) error {
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	c0, err := meter.CPU()
	if err != nil {
		return err
	}
	t0 := time.Now()
	if err := r.once(records); err != nil {
		return err
	}
	r.now.apply += time.Since(t0)
	if r.m.Uncut() >= cutEntries {
		t1 := time.Now()
		checkpoint, number := r.m.Cut()
		t2 := time.Now()
		c1, err := meter.CPU()
		if err != nil {
			return err
		}
		r.now.cut += t2.Sub(t1)
		r.now.cpu += c1 - c0
		if err := r.commit(&checkpoint, number); err != nil {
			return err
		}
		if c0, err = meter.CPU(); err != nil {
			return err
		}
		r.now.commit += time.Since(t2)
		r.now.commitCPU += c0 - c1
	}
	c1, err := meter.CPU()
	if err != nil {
		return err
	}
	r.now.cpu += c1 - c0
	runtime.ReadMemStats(&m1)
	r.now.bytes += m1.TotalAlloc - m0.TotalAlloc
	r.now.allocs += m1.Mallocs - m0.Mallocs
	return r.take()
}

// apply is measured without clocks.
func (r *rig) apply(records [][]byte) error {
	if err := r.once(records); err != nil {
		return err
	}
	if r.m.Uncut() >= cutEntries {
		checkpoint, number := r.m.Cut()
		if err := r.commit(&checkpoint, number); err != nil {
			return err
		}
	}
	return r.take()
}

// once applies what the machine has sent to itself and the records behind it.
func (r *rig) once(records [][]byte) error {
	records = append(r.loop, records...)
	r.loop = nil
	list := batch(records, r.offset)
	r.offset += int64(len(list))
	if r.step != nil {
		return r.encoded(list)
	}
	for i := range list {
		if err := r.m.Apply(list[i].Offset, list[i].Value, r.effects); err != nil {
			return err
		}
	}
	return nil
}

// encoded applies through the partition's step, which encodes what comes out.
func (r *rig) encoded(list []kafka.Record) error {
	out, ticket, err := r.step.Step(list)
	if err != nil {
		return err
	}
	r.step.Acked(ticket, len(out))
	r.outputs = out
	return nil
}

func (r *rig) commit(c *profile.Checkpoint, number int64) error {
	if err := r.part.Commit(c); err != nil {
		return err
	}
	r.m.Committed(number)
	return nil
}

// see hands an output to whom it is for: the log, or the verification.
func (r *rig) see(out *pipeline.Output) error {
	switch {
	case out.Topic == "bench.inbox":
		r.loop = append(r.loop, out.Record.Value)
	case out.Topic == "bench.tags":
		r.now.changes++
		if r.seen != nil {
			return r.seen.Change(out.Record.Value)
		}
	case out.Topic == "bench.profiles" && r.seen != nil:
		version, err := strconv.ParseUint(string(out.Record.Headers[0].Value), 10, 64)
		if err != nil {
			return err
		}
		return r.seen.Document(out.Record.Key, out.Record.Value, version)
	}
	return nil
}

// take empties the effects: messages go back into the log, changes and documents to the verification.
func (r *rig) take() error {
	for i := range r.outputs {
		if err := r.see(&r.outputs[i]); err != nil {
			return err
		}
	}
	r.outputs = nil
	f := r.effects
	for list, seq := f.Messages[0], f.FirstSeq[0]; len(list) > 0; {
		n := min(len(list), schemas.ItemsPerRecord)
		r.loop = append(r.loop, encode(&wire.InboxRecord{Deployment: r.dep.Hash(), Source: wire.FromMachine, Catalog: f.Catalog, Seq: seq, Messages: list[:n]}))
		list, seq = list[n:], seq+uint64(n)
	}
	if r.seen != nil {
		for i := range f.Tags {
			if err := r.seen.Change(f.Tags[i].Value); err != nil {
				return err
			}
		}
		for i := range f.Docs {
			if err := r.seen.Document([]byte(f.Docs[i].Key), f.Docs[i].Value, f.Docs[i].Version); err != nil {
				return err
			}
		}
	}
	r.now.facts += len(f.Facts)
	r.now.changes += len(f.Tags)
	f.Reset()
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
	checkpoint, number := r.m.Cut()
	if err := r.commit(&checkpoint, number); err != nil {
		return err
	}
	sent := r.log.next + int64(r.config.Profiles)
	result.Counters = r.m.Counters
	result.Checks = []bench.Check{{Name: "events counted once", OK: r.m.Counters.Events == sent && r.m.Counters.Duplicates == 0,
		Detail: fmt.Sprintf("%d counted of %d, %d duplicates", r.m.Counters.Events, sent, r.m.Counters.Duplicates)}}
	if r.seen != nil {
		result.Checks = append(result.Checks, r.seen.Verify(r.model, r.log.next, at.UnixMilli())...)
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
