package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"portrait/sinks/clickhouse"
)

func testFunnel(t *testing.T, d *deployment) {
	steps := []string{"funnel", "product_viewed", "cart_added", "order_paid"}
	out, err := d.ask(t, append(steps, "--window", "1h")...)
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, "table", out, "3    100.0 %       100.0 %   product_viewed", "1     33.3 %       100.0 %   order_paid")
	if out, err = d.ask(t, append(steps, "--window", "1h", "--json")...); err != nil {
		t.Fatal(err)
	}
	var rows []funnelRow
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || rows[0].Profiles != 3 || rows[1].Profiles != 1 || rows[2].OfPrevious != 1 {
		t.Errorf("rows %+v", rows)
	}
	_, hint, err := runCommandLine(t, "", "funnel", "product_viewed", "order_pid", "--data", d.dir)
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, "hint", hint, `no event is stored with the name "order_pid"; there are `, "order_paid")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"tight window":   {[]string{"--window", "500ms"}, "0      0.0 %         0.0 %   cart_added"},
		"before all":     {[]string{"--to", "2020-01-01"}, "0      0.0 %         0.0 %   product_viewed"},
		"the last hour":  {[]string{"--from", "1h"}, "3    100.0 %       100.0 %   product_viewed"},
		"days as window": {[]string{"--window", "7d"}, "1     33.3 %       100.0 %   order_paid"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := d.ask(t, append(steps, c.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			mustContain(t, "table", out, c.want)
		})
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no window":     {[]string{"--window", "soon"}, "--window"},
		"no instant":    {[]string{"--from", "yesterday"}, "--from"},
		"backwards":     {[]string{"--from", "2026-01-02", "--to", "2026-01-01"}, "--from 2026-01-02T00:00:00+08:00 is not before --to 2026-01-01T00:00:00+08:00"},
		"step repeated": {[]string{"cart_added"}, "each once"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.ask(t, append(steps, c.args...)...)
			mustFail(t, err, 1, c.want)
		})
	}
}

func TestFunnelOfNobody(t *testing.T) {
	var out bytes.Buffer
	if err := printFunnel([]clickhouse.FunnelStep{{Step: "a"}, {Step: "b"}}, false, &out); err != nil {
		t.Fatal(err)
	}
	mustContain(t, "table", out.String(), "0      0.0 %         0.0 %   a", "0      0.0 %         0.0 %   b")
}

// TestDatesOfConfiguration: who has ClickHouse alone, without brokers or state, has the zone that his configuration names.
func TestDatesOfConfiguration(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "portrait.yaml")
	text := "data_dir: " + dir + "\nclickhouse: {dsn: \"clickhouse://127.0.0.1:1/portrait\"}\ndeployment: {time_zone: Europe/Berlin}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, note, err := runCommandLine(t, "", "funnel", "a", "--config", config, "--from", "2026-07-02", "--to", "2026-07-01T22:00:00Z")
	mustFail(t, err, 1, "--from 2026-07-02T00:00:00+02:00 is not before")
	mustContain(t, "note", note, "taken from the configuration")
}

func TestParseInstant(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-11-01":                time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC),
		"2026-11-01T08:00:00+08:00": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"36h":                       time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
		"2d":                        time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC),
	} {
		if got, err := parseInstant(text, now, shanghai); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"now", "-1h", "0d", "1.5d", "2026-13-01"} {
		if got, err := parseInstant(text, now, shanghai); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
