package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"portrait/bench/peers"
	"portrait/bench/traffic"
)

// TestBenchPeer lets Portrait and the peer work off one backlog and answer a small load on Apache Kafka. The figures depend on the
// machine; that both say the same, change by change, does not.
func TestBenchPeer(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache Kafka and seven applications, one after the other: two minutes")
	}
	needKafka(t)
	if _, err := exec.LookPath("javac"); err != nil && !strings.Contains(os.Getenv("PORTRAIT_REQUIRE"), "kafka") {
		t.Skipf("the peer cannot be compiled here: %v", err)
	}
	t.Setenv(actVariable, actAttached)
	r, err := peers.Run(t.Context(), peers.Config{Command: []string{ownBinary(t)}, Dir: t.TempDir(), Rounds: 1, Drain: 4000, Rest: time.Second, Rates: []float64{500},
		Warm: 1000, Warmup: time.Second, Duration: 2 * time.Second, Profiles: 500, Keys: traffic.Zipf, Seed: 11, Out: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Checks) != 7 {
		t.Errorf("%d comparisons; want one for each of 3 drains and 4 loads", len(r.Checks))
	}
	for _, c := range r.Checks {
		if !c.OK {
			t.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	for _, d := range r.Drains {
		if d.Memory == 0 || d.Rest < d.CPU {
			t.Errorf("drain %+v", d)
		}
	}
	for _, l := range r.Lives {
		if l.Samples == 0 || l.Unanswered != 0 || l.Latency.P99 < l.Latency.P50 || l.CPU <= 0 {
			t.Errorf("%+v", l)
		}
	}
	if len(r.Drain) != 3 || len(r.Latency) != 4 || r.Latency[1].P99Ratio == nil {
		t.Errorf("%d and %d summaries", len(r.Drain), len(r.Latency))
	}
}

// TestBenchPeerShort holds --short to what was not given.
func TestBenchPeerShort(t *testing.T) {
	c := benchPeerCommand()
	if err := c.ParseFlags([]string{"--short", "--drain", "7000"}); err != nil {
		t.Fatal(err)
	}
	o := benchPeer{Config: peers.Config{Rounds: 3, Drain: 7000, Rates: []float64{1, 2}}}
	o.shorten(c)
	if o.Rounds != 1 || o.Drain != 7000 || len(o.Rates) != 1 {
		t.Errorf("%+v", o.Config)
	}
	o.only = []string{"drains"}
	if err := o.command(t.Context()); err == nil {
		t.Error("--only drains was taken")
	}
}
