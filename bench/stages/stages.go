package stages

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"portrait/bench"
)

// RoleLabel is the profiler label of goroutines of the bench itself.
const RoleLabel = "role"

// The roles.
const (
	Generator = "generator"
	Recorder  = "recorder"
)

// As runs f in a goroutine labelled with a role; goroutines that f starts inherit it.
func As(ctx context.Context, role string, f func(context.Context)) {
	pprof.Do(ctx, pprof.Labels(RoleLabel, role), f)
}

// rule gives samples to a stage: those with a function that contains one of the texts.
type rule struct {
	stage     string
	functions []string
}

// rules in order of precedence.
var rules = []rule{
	{"gc", []string{"runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcStart", "runtime.markroot"}},
	{"broker", []string{"franz-go/pkg/kfake"}},
	{"documents", []string{"machine.(*Machine).document", "machine.(*Machine).describe"}},
	{"tag changes", []string{"machine.(*Machine).change", "machine.(*Machine).publish"}},
	{"cold reads", []string{"machine.(*Machine).lookup"}},
	{"tags", []string{"machine.(*Machine).evaluate", "portrait/profile/tag."}},
	{"checkpoint", []string{"machine.(*Machine).Cut", "portrait/profile/store", "dgraph-io/badger", "dgraph-io/ristretto", "machine.(*cache).evict"}},
	{"identity", []string{"portrait/profile/identity", "machine.(*Machine).profileID", "machine.(*host)"}},
	{"features", []string{"portrait/profile/feature"}},
	{"timers", []string{"machine.(*timers)", "machine.(*Machine).fire", "machine.(*Machine).register"}},
	{"facts", []string{"pipeline.(*encoder).facts", "machine.(*Machine).fact"}},
	{"encode", []string{"pipeline.(*encoder)", "pipeline.(*slab)", "pipeline.(*Node).produceInbox"}},
	{"inbox decode", []string{"wire.DecodeInbox", "wire.(*Memory)"}},
	{"machine", []string{"portrait/profile/machine"}},
	{"route", []string{"router.(*Router).item", "portrait/pipeline/normalize", "pipeline.InboxOutput"}}, // the decoder calls item for each event
	{"decode", []string{"schemas.(*EventDecoder)"}},
	{"route", []string{"portrait/pipeline/router."}},
	{"sink", []string{"portrait/sinks/clickhouse", "ClickHouse/clickhouse-go", "ClickHouse/ch-go"}},
	{"fetch", []string{"kafka.(*Fetcher)", "kafka.decodeBatches", "kafka.(*fetchRe"}},
	{"produce", []string{"kafka.(*outlet)", "kafka.(*Producer)", "kafka.encodeBatch"}},
	{"connections", []string{"segmentio/kafka-go", "portrait/pipeline/kafka"}},
	{"bench", []string{"portrait/bench/"}},
	{"pipeline", []string{"portrait/pipeline.", "portrait/cmd", "main."}},
	{"scheduler", []string{"runtime.schedule", "runtime.(*timers)", "runtime.findRunnable", "runtime.mcall", "runtime.park_m", "runtime.goexit0", "runtime.sysmon", "runtime.mstart", "runtime.netpoll"}},
}

// Breakdown is a profile by stage.
type Breakdown struct {
	Stages []bench.Stage // most expensive first
	Other  []string      // functions of samples that no rule knows, the heaviest first
	Total  time.Duration // CPU in the profile
}

// Divide reads a CPU profile and divides its time among the stages; events is by how many to divide for
// the cost of one.
func Divide(cpuProfile []byte, events int64) (*Breakdown, error) {
	p, err := profile.Parse(bytes.NewReader(cpuProfile))
	if err != nil {
		return nil, fmt.Errorf("CPU profile: %w", err)
	}
	value := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "cpu" && t.Unit == "nanoseconds" })
	if value < 0 {
		return nil, fmt.Errorf("CPU profile: no sample type cpu/nanoseconds")
	}
	byStage, other := map[string]int64{}, map[string]int64{}
	b := &Breakdown{}
	for _, s := range p.Sample {
		name := stageOf(s)
		byStage[name] += s.Value[value]
		b.Total += time.Duration(s.Value[value])
		if name == otherStage {
			other[leaf(s)] += s.Value[value]
		}
	}
	for name, ns := range byStage {
		b.Stages = append(b.Stages, bench.Stage{Name: name, Share: float64(ns) / float64(max(1, b.Total)), MicroS: float64(ns) / 1000 / float64(max(1, events))})
	}
	slices.SortFunc(b.Stages, func(x, y bench.Stage) int { return cmp.Or(cmp.Compare(y.Share, x.Share), cmp.Compare(x.Name, y.Name)) })
	for name := range other {
		b.Other = append(b.Other, name)
	}
	slices.SortFunc(b.Other, func(x, y string) int { return cmp.Or(cmp.Compare(other[y], other[x]), cmp.Compare(x, y)) })
	b.Other = b.Other[:min(len(b.Other), 8)]
	return b, nil
}

const otherStage = "other"

func stageOf(s *profile.Sample) string {
	if roles := s.Label[RoleLabel]; len(roles) > 0 {
		return roles[0]
	}
	for _, r := range rules {
		for _, l := range s.Location {
			for _, line := range l.Line {
				if line.Function == nil {
					continue
				}
				for _, f := range r.functions {
					if strings.Contains(line.Function.Name, f) {
						return r.stage
					}
				}
			}
		}
	}
	return otherStage
}

func leaf(s *profile.Sample) string {
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil {
				return line.Function.Name
			}
		}
	}
	return "?"
}
