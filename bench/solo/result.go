package solo

import (
	"slices"
	"time"

	"portrait/bench"
	"portrait/bench/meter"
	"portrait/bench/traffic"
	"portrait/profile/machine"
)

// Settings say what was measured.
type Settings struct {
	Tags     int          `json:"tags"`
	Keys     traffic.Keys `json:"keys"`
	Profiles int          `json:"profiles"`
	Merges   float64      `json:"merges"`
	Events   int          `json:"events_per_segment"`
	Encode   bool         `json:"encode"`
	CacheMB  int          `json:"cache_mb"`
	Seed     uint64       `json:"seed"`
}

func settings(c *Config) Settings {
	return Settings{Tags: c.Tags, Keys: c.Keys, Profiles: c.Profiles, Merges: c.Merges, Events: c.Events, Encode: c.Encode, CacheMB: c.CacheMB, Seed: c.Seed}
}

// segment is one stretch of events. Everything is per event.
type segment struct {
	ApplyNS     float64 `json:"apply_ns"`  // of the goroutine that applies
	CutNS       float64 `json:"cut_ns"`    // likewise, for serialising checkpoints
	CommitNS    float64 `json:"commit_ns"` // wall time of writing them
	CPUNS       float64 `json:"cpu_ns"`    // of the process during apply and cut
	CommitCPUNS float64 `json:"commit_cpu_ns"`
	Bytes       float64 `json:"bytes"` // allocated
	Allocs      float64 `json:"allocs"`
	Facts       float64 `json:"facts"`
	Changes     float64 `json:"tag_changes"`
	Docs        float64 `json:"documents"`
	Cold        float64 `json:"cold_reads"`
	Forwards    float64 `json:"forwards"`
	Merges      float64 `json:"merges"`
	Count       int64   `json:"events"`

	apply, cut, commit, cpu, commitCPU time.Duration
	bytes, allocs                      uint64
	facts, changes                     int
}

// finish divides by the events that were counted.
func (s segment) finish(before, after machine.Counters) segment {
	s.Count = after.Events - before.Events
	n := float64(max(1, s.Count))
	s.ApplyNS, s.CutNS, s.CommitNS = float64(s.apply)/n, float64(s.cut)/n, float64(s.commit)/n
	s.CPUNS, s.CommitCPUNS = float64(s.cpu)/n, float64(s.commitCPU)/n
	s.Bytes, s.Allocs, s.Facts = float64(s.bytes)/n, float64(s.allocs)/n, float64(s.facts)/n
	s.Changes = float64(s.changes) / n
	s.Docs = float64(after.Documents-before.Documents) / n
	s.Cold = float64(after.ColdReads-before.ColdReads) / n
	s.Forwards, s.Merges = float64(after.Forwards-before.Forwards)/n, float64(after.Merges-before.Merges)/n
	return s
}

// Result is what `portrait bench machine --json` prints.
type Result struct {
	Kind           string           `json:"kind"` // machine
	Machine        meter.Machine    `json:"machine"`
	Revision       string           `json:"revision"`
	Settings       Settings         `json:"settings"`
	ApplyNS        bench.Spread     `json:"apply_ns"` // per event, of the goroutine that applies
	CPUNS          bench.Spread     `json:"cpu_ns"`   // per event, of the process during apply and cut
	CommitCPUNS    bench.Spread     `json:"commit_cpu_ns"`
	PerCore        bench.Spread     `json:"events_per_core_second"` // 10^9 / cpu_ns
	Bytes          bench.Spread     `json:"bytes_per_event"`
	Disk           int64            `json:"disk_bytes"`
	DiskPerProfile float64          `json:"disk_bytes_per_profile"`
	RSS            int64            `json:"rss_bytes"`
	PreloadSeconds float64          `json:"preload_seconds"`
	Segments       []segment        `json:"segments"`
	Counters       machine.Counters `json:"counters"`
	Stages         []bench.Stage    `json:"stages,omitempty"` // with a CPU profile
	Checks         []bench.Check    `json:"checks"`
	OK             bool             `json:"ok"`
}

func (r *Result) settle() {
	r.Kind = "machine"
	pick := func(f func(*segment) float64) bench.Spread {
		var list []float64
		for i := range r.Segments {
			list = append(list, f(&r.Segments[i]))
		}
		return bench.SpreadOf(list)
	}
	r.ApplyNS = pick(func(s *segment) float64 { return s.ApplyNS })
	r.CPUNS = pick(func(s *segment) float64 { return s.CPUNS })
	r.CommitCPUNS = pick(func(s *segment) float64 { return s.CommitCPUNS })
	r.PerCore = pick(func(s *segment) float64 { return 1e9 / s.CPUNS })
	r.Bytes = pick(func(s *segment) float64 { return s.Bytes })
	r.OK = !slices.ContainsFunc(r.Checks, func(c bench.Check) bool { return !c.OK })
}
