package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"portrait/bench/meter"
	kafkastreams "portrait/bench/peers/kafka-streams"
	"portrait/bench/traffic"
	"portrait/pipeline"
	"portrait/pipeline/broker"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/schemas"
)

// Config says what to measure.
type Config struct {
	Command  []string // of portrait itself, without a subcommand
	Dir      string   // of data and logs; empty at the start
	Cache    string   // of what is built; empty: portrait/ in the user's cache directory
	Rounds   int
	Drain    int           // events of a backlog that are timed; half as many before them are not; 0: no drains
	Rest     time.Duration // after the last tag change of a drain: what is put off is done then, and counted
	Rates    []float64     // events per second, ascending; none: no latencies
	Warm     int           // events sent as fast as they are taken before the first rate
	Warmup   time.Duration // at each rate, before its window
	Duration time.Duration // of a window
	Profiles int           // preloaded
	Keys     traffic.Keys
	Seed     uint64
	Out      io.Writer // what is going on, line by line
}

// catalogTags is the catalogue that the peer's code knows.
const catalogTags = 12

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	switch {
	case c.Rounds < 1:
		return fmt.Errorf("peer: %d rounds; want at least 1", c.Rounds)
	case c.Drain < 0 || c.Drain == 0 && len(c.Rates) == 0:
		return fmt.Errorf("peer: a backlog of %d events and no rates; want one of both", c.Drain)
	case c.Drain > 0 && c.Drain < 1000:
		return fmt.Errorf("peer: a backlog of %d events; want at least 1000, or 0 for none", c.Drain)
	case !slices.IsSorted(c.Rates) || len(c.Rates) > 0 && c.Rates[0] <= 0:
		return fmt.Errorf("peer: rates %v; want events per second, ascending: what falls behind at one would spoil the next", c.Rates)
	case len(c.Rates) > 0 && (c.Duration <= 0 || c.Warmup < 0 || c.Warm < 0):
		return fmt.Errorf("peer: a window of %v after %d events and %v; want some time", c.Duration, c.Warm, c.Warmup)
	}
	plan := traffic.Config{Run: "00000000", Persons: c.Profiles, Keys: c.Keys}
	return plan.Validate()
}

// world is what a comparison has as long as it runs.
type world struct {
	Config
	model    *traffic.Model
	classes  string // of the peer
	broker   *broker.Apache
	addr     string
	client   *kafka.Client // for topics
	report   *Report
	began    time.Time
	sessions int
}

// Run starts Apache Kafka, lets the applications take turns on it, and returns what was seen. An error means that there
// is no result; a result that is not OK says why itself.
func Run(ctx context.Context, c Config) (_ *Report, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	w := &world{Config: c, began: time.Now(), report: &Report{Kind: "peer", At: time.Now().UTC(), Machine: meter.ThisMachine(),
		Settings: Settings{Tags: catalogTags, Keys: string(c.Keys), Profiles: c.Profiles, Rounds: c.Rounds, Drain: c.Drain, Rates: c.Rates,
			Warm: c.Warm, Warmup: c.Warmup.Seconds(), Duration: c.Duration.Seconds(), Seed: c.Seed}}}
	if w.model, err = traffic.NewModel(catalogTags); err != nil {
		return nil, err
	}
	w.say("building the peer, unless it was built before")
	if w.classes, err = kafkastreams.Build(ctx, c.Cache); err != nil {
		return nil, err
	}
	w.say("starting Apache Kafka on loopback")
	if w.broker, err = broker.StartApache(ctx, broker.ApacheConfig{Dir: filepath.Join(c.Dir, "kafka"), CacheDir: c.Cache}); err != nil {
		return nil, err
	}
	defer w.broker.Close()
	w.addr = w.broker.Addr()
	if w.client, err = kafka.NewClient(kafka.Config{Brokers: []string{w.addr}}); err != nil {
		return nil, err
	}
	defer w.client.Close()
	if _, err = normalize.Generate(filepath.Join(c.Dir, "key")); err != nil {
		return nil, err
	}
	for round := range c.Rounds {
		if c.Drain > 0 {
			if err := w.drainRound(ctx, round+1); err != nil {
				return nil, fmt.Errorf("drain, round %d: %w", round+1, err)
			}
		}
	}
	if len(c.Rates) > 0 { // or the first would be asked of a broker that still compiles itself
		if err := w.warmBroker(ctx); err != nil {
			return nil, fmt.Errorf("warm-up of the broker: %w", err)
		}
	}
	for round := range c.Rounds {
		if len(c.Rates) > 0 {
			if err := w.liveRound(ctx, round+1); err != nil {
				return nil, fmt.Errorf("round %d: %w", round+1, err)
			}
		}
	}
	w.report.Settle()
	return w.report, nil
}

func (w *world) say(format string, args ...any) {
	fmt.Fprintf(w.Out, "%5.0f s  "+format+"\n", append([]any{time.Since(w.began).Seconds()}, args...)...)
}

// turn is the order of a round: every second one is the other way round.
func turn(list []variant, round int) []variant {
	list = slices.Clone(list)
	if round%2 == 0 {
		slices.Reverse(list)
	}
	return list
}

// prefix names a session's topics, group and directory.
func (w *world) prefix() string {
	w.sessions++
	return "s" + strconv.Itoa(w.sessions)
}

// plan is a new run's, with its persons preloaded now.
func (w *world) plan() (*traffic.Plan, error) {
	run := fmt.Sprintf("%08s", strconv.FormatInt(time.Now().UnixMilli(), 36))
	return traffic.New(traffic.Config{Seed: w.Seed, Run: run[len(run)-8:], Persons: w.Profiles, Preload: time.Now().Truncate(time.Millisecond), Keys: w.Keys})
}

// app prepares an application of its own under a prefix; input is the topic of events, which for Portrait must be the prefix's.
func (w *world) app(ctx context.Context, v variant, t tune, prefix, input string) (app, error) {
	dir := filepath.Join(w.Dir, prefix)
	if v.name == Portrait {
		return newService(w.Command, dir, prefix, w.addr, w.model.YAML())
	}
	if err := w.topics(ctx, prefix, input); err != nil {
		return nil, err
	}
	return newStreams(w.classes, dir, w.addr, prefix+".streams", input, pipeline.TopicNames(prefix).Tags, v, t)
}

// topics makes the tag topic of a prefix, and its topic of events if that is the input, as Portrait makes its own.
func (w *world) topics(ctx context.Context, prefix, input string) error {
	names, dep := pipeline.TopicNames(prefix), schemas.DefaultDeployment()
	dep.EventsPartitions, dep.InboxPartitions = partitions, partitions
	specs := slices.DeleteFunc(names.Specs(&dep, 1), func(s kafka.TopicSpec) bool { return s.Name != names.Tags && s.Name != input })
	return kafka.EnsureTopics(ctx, w.client, specs)
}

// forget deletes what a session left on the broker and on the disk.
func (w *world) forget(ctx context.Context, prefix string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(w.addr))
	if err != nil {
		return err
	}
	defer client.Close()
	all, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("topics of session %s: %w", prefix, err)
	}
	request := kmsg.NewDeleteTopicsRequest()
	request.TimeoutMillis = 15_000
	for _, t := range all.Topics {
		if t.Topic != nil && strings.HasPrefix(*t.Topic, prefix+".") {
			one := kmsg.NewDeleteTopicsRequestTopic()
			one.Topic = t.Topic
			request.Topics, request.TopicNames = append(request.Topics, one), append(request.TopicNames, *t.Topic)
		}
	}
	if len(request.Topics) > 0 {
		if _, err := request.RequestWith(ctx, client); err != nil {
			return fmt.Errorf("delete the topics of session %s: %w", prefix, err)
		}
	}
	return os.RemoveAll(filepath.Join(w.Dir, prefix))
}

// usage is what was used until an instant.
type usage struct {
	at          time.Time
	app, broker time.Duration
}

func (w *world) usage(a app) (u usage, err error) {
	u.at = time.Now()
	var err2 error
	u.app, err = meter.CPUOf(a.pid())
	u.broker, err2 = meter.CPUOf(w.broker.PID())
	return u, errors.Join(err, err2)
}

// perEvent is CPU in µs per event.
func perEvent(from, to time.Duration, events int64) float64 {
	return float64((to - from).Microseconds()) / float64(max(1, events))
}
