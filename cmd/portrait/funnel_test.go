package main

import (
	"bytes"
	"encoding/json"
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
		"backwards":     {[]string{"--from", "2026-01-02", "--to", "2026-01-01"}, "not before"},
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

func TestParseInstant(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-11-01":                time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-01T08:00:00+08:00": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"36h":                       time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
		"2d":                        time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC),
	} {
		if got, err := parseInstant(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"now", "-1h", "0d", "1.5d", "2026-13-01"} {
		if got, err := parseInstant(text, now); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
