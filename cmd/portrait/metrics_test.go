package main

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"
)

func testMetrics(t *testing.T, d *deployment) {
	resp, err := http.Get("http://" + d.service.http.Addr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", resp.Status, text)
	}
	for name, least := range map[string]float64{
		`portrait_stage_seconds_count{stage="route"}`:                        1,
		`portrait_stage_seconds_count{stage="step"}`:                         4,
		`portrait_stage_seconds_count{stage="tag"}`:                          3,
		`portrait_stage_seconds_count{stage="produce"}`:                      5,
		`portrait_stage_seconds_count{stage="sink"}`:                         1,
		`portrait_stage_seconds_sum{stage="tag"}`:                            1e-6,
		`portrait_stage_seconds_bucket{stage="tag",le="+Inf"}`:               3,
		`portrait_events_repaired_total{partition="0",rule="invalid_phone"}`: 2,
		`portrait_events_rejected_total{partition="0",reason="not_json"}`:    1,
		`portrait_tag_changes_total{change="entered",tag="buyer"}`:           1,
		`portrait_troubles_total`:                                            0,
		`portrait_produce_requests_total`:                                    5,
	} {
		m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(text)
		if m == nil {
			t.Errorf("no %s in:\n%s", name, text)
			return
		}
		if v, err := strconv.ParseFloat(string(m[1]), 64); err != nil || v < least {
			t.Errorf("%s is %s, want at least %v", name, m[1], least)
		}
	}
}
