package solo

import (
	"bytes"
	"path/filepath"
	"testing"

	"portrait/bench/stages"
	"portrait/bench/traffic"
)

// TestRun measures little of every shape, and has all of it verified; the figures are only looked at for
// being there.
func TestRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
	}{
		{"one tag", Config{Tags: 1, Keys: traffic.Uniform, Profiles: 500}},
		{"twelve tags, encoded", Config{Tags: 12, Keys: traffic.Zipf, Profiles: 500, Encode: true}},
		{"merges, state larger than the cache", Config{Tags: 12, Keys: traffic.Uniform, Profiles: 2000, Merges: 0.1, CacheMB: 1}},
		{"merges, encoded", Config{Tags: 12, Keys: traffic.Zipf, Profiles: 500, Merges: 0.1, Encode: true}},
		{"300 tags", Config{Tags: 300, Keys: traffic.Zipf, Profiles: 200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Events, c.config.Segments, c.config.Warmup, c.config.Seed = 3000, 3, 1000, 7
			c.config.Dir = filepath.Join(t.TempDir(), "m")
			r, err := Run(c.config)
			if err != nil {
				t.Fatal(err)
			}
			for _, check := range r.Checks {
				if !check.OK {
					t.Errorf("%s: %s", check.Name, check.Detail)
				}
			}
			if !r.OK || len(r.Checks) != 5 || len(r.Segments) != 3 {
				t.Errorf("ok %v, %d checks, %d segments", r.OK, len(r.Checks), len(r.Segments))
			}
			s := r.Segments[0]
			if s.Count < 2700 || s.ApplyNS <= 0 || r.CPUNS.Median <= 0 || r.PerCore.N != 3 || r.Disk == 0 {
				t.Errorf("segment %+v, disk %d", s, r.Disk)
			}
			if c.config.Merges > 0 && (r.Counters.Merges == 0 || r.Counters.Forwards == 0) {
				t.Errorf("nothing merged: %+v", r.Counters)
			}
			if c.config.CacheMB > 0 && s.Cold == 0 {
				t.Error("no cold read, though the cache is small")
			}
		})
	}
	if _, err := Run(Config{Tags: 2, Keys: traffic.Uniform, Profiles: 10, Events: 1, Segments: 1, Dir: t.TempDir()}); err == nil {
		t.Error("a catalogue of two tags was measured")
	}
}

// TestProfile divides a real CPU profile.
func TestProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("profiles for a second")
	}
	var cpu bytes.Buffer
	_, err := Run(Config{Tags: 300, Keys: traffic.Zipf, Profiles: 500, Events: 10_000, Segments: 3, Dir: t.TempDir(), Profile: &cpu})
	if err != nil {
		t.Fatal(err)
	}
	b, err := stages.Divide(cpu.Bytes(), 30_000)
	if err != nil {
		t.Fatal(err)
	}
	share := map[string]float64{}
	sum := 0.0
	for _, s := range b.Stages {
		share[s.Name] = s.Share
		sum += s.Share
	}
	if share["features"] == 0 || share["tags"] == 0 || sum < 0.999 || sum > 1.001 || share["other"] > 0.2 {
		t.Errorf("stages %v (sum %.3f), other: %v", share, sum, b.Other)
	}
}
