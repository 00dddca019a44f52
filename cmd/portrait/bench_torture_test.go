package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"portrait/bench/torture"
)

// Torture as a user starts it, for half a minute: a node, the broker and ClickHouse are killed once each, every check holds, and
// stdout is one JSON object.
func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute of real processes: not with -short")
	}
	needEngine(t)
	t.Parallel()
	out, said := runPortrait(t, 8*time.Minute, "bench", "torture", "--nodes", "2", "--kills", "3", "--duration", "30s", "--rate", "300",
		"--seed", "29", "--json")
	var v torture.Verdict
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("stdout is no JSON object: %v\n%s", err, out)
	}
	if !v.OK || v.EventsSent != 9000 || v.Kills != 3 || len(v.Recovery) != 3 || len(v.Checks) < 10 {
		t.Errorf("verdict %s", out)
	}
	if strings.Count(said, "planned") != 3 || !strings.Contains(said, "seed 29") {
		t.Errorf("the schedule is not printed:\n%s", said)
	}
}
