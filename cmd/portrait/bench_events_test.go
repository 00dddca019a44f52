package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portrait/bench/traffic"
)

// sampleText is a sample with all that is renamed in its own way: a shared phone, an email, a list, a number, junk, and an array.
const sampleText = `{"event":"product_viewed","event_id":"a-1","time":"2020-01-01T00:00:00Z","identifiers":{"device_id":"d1"},"properties":{"category":"skincare","amount":120.5}}
{"event":"signed_in","time":1577836800000,"identifiers":{"phone":"+8613912345678","device_id":["d1","d2"],"customer_id":42},"properties":{"city":"Shanghai"}}
[{"event":"order_paid","identifiers":{"phone":"139 1234 5679","email":"a.b@example.com"},"properties":{"amount":512}},{"event":"checked_in","identifiers":{"openid@wx1":"o1","anonymous_id":"null"},"source":"x"}]

{"event":"cart_added","identifiers":{"email":"c@example.com"},"channel":"web"}
`

// TestBenchEvents sends a sample round after round to a deployment with ClickHouse, and has every event accounted for.
func TestBenchEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("starts broker and ClickHouse: 20 s")
	}
	needEngine(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	dir := t.TempDir()
	file := filepath.Join(dir, "sample.jsonl")
	if err := os.WriteFile(file, []byte(sampleText), 0o600); err != nil {
		t.Fatal(err)
	}
	o := benchRun{kind: "run", rate: 500, duration: 2 * time.Second, warmup: time.Second, windows: 1}
	o.benchTarget = benchTarget{broker: "embedded", clickhouse: "embedded", events: file, catalog: "demo", data: filepath.Join(dir, "data")}
	r, err := o.measure(ctx, traffic.Burst{})
	good(t, "run", r, err, 5)
	if r.Windows[0].Planned != 1000 || r.Settings.Events != "sample.jsonl" || r.Settings.Tags < 1 {
		t.Errorf("window %+v, settings %+v", r.Windows[0], r.Settings)
	}
	drained, err := benchDrain(ctx, &benchTarget{broker: "embedded", clickhouse: "none", events: file, catalog: "12", data: filepath.Join(dir, "drained")}, 60_000, 1)
	good(t, "drain", drained, err, 4)
}

// TestBenchEventsRefused: what cannot be sent is named with its line before anything is started for long.
func TestBenchEventsRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "bad.jsonl")
	if err := os.WriteFile(file, []byte(sampleText+`{"event":"x","identifiers":{"device_id":"null"}}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := benchRun{kind: "run", rate: 100, duration: time.Second, windows: 1}
	o.benchTarget = benchTarget{broker: "embedded", clickhouse: "none", events: file, catalog: "12", data: filepath.Join(dir, "data")}
	if _, err := o.measure(t.Context(), traffic.Burst{}); err == nil || !strings.Contains(err.Error(), "line 6: no_identifier") || !strings.Contains(err.Error(), "correct or remove") {
		t.Errorf("%v", err)
	}
	o.events, o.catalog = "", "demo"
	if _, err := o.measure(t.Context(), traffic.Burst{}); err == nil || !strings.Contains(err.Error(), "--events FILE") {
		t.Errorf("%v", err)
	}
}
