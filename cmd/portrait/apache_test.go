package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"portrait/bench"
)

// needKafka skips a test where Java or Maven is missing, unless PORTRAIT_REQUIRE names kafka.
func needKafka(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); errors.Is(err, exec.ErrNotFound) && !strings.Contains(os.Getenv("PORTRAIT_REQUIRE"), "kafka") {
			t.Skipf("no Apache Kafka here: %v", err)
		}
	}
}

// The demo as a user starts it, on Apache Kafka: every check holds, and stdout is one JSON object.
func TestDemoOnApache(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache Kafka: not with -short")
	}
	needEngine(t)
	needKafka(t)
	t.Parallel()
	out, _ := runPortrait(t, 4*time.Minute, "demo", "--broker", "apache", "--duration", "12s", "--rate", "500", "--json")
	var report bench.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("stdout is no JSON object: %v\n%s", err, out)
	}
	if !report.OK || report.EventsSent != 6000 || len(report.Checks) == 0 {
		t.Errorf("report %s", out)
	}
}
