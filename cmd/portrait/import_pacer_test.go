package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestImportHistoryOfAbsences imports carts that were left for a while before they were paid. Each that was left for longer
// than the rule's half hour and than a slice was abandoned, in its own time; none that was left for less than half an hour was.
func TestImportHistoryOfAbsences(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	const carts = 120
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	add := func(at time.Time, event, customer string) {
		lines = append(lines, line{at, fmt.Sprintf(`{"event":%q,"time":%q,"identifiers":{"customer_id":%q},"properties":{"amount":9.5}}`,
			event, at.Format(time.RFC3339), customer)})
	}
	start := time.Date(2021, 4, 1, 8, 0, 0, 0, time.UTC)
	for i := range carts {
		at := start.Add(time.Duration(i) * 7 * time.Minute)
		add(at, "cart_added", fmt.Sprintf("long%03d", i))
		add(at.Add(100*time.Minute), "order_paid", fmt.Sprintf("long%03d", i))
		add(at, "cart_added", fmt.Sprintf("short%03d", i))
		add(at.Add(20*time.Minute), "order_paid", fmt.Sprintf("short%03d", i))
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(l.text + "\n")
	}
	data := filepath.Join(dir, "data")
	stdout, stderr := runPortrait(t, startLimit+2*time.Minute, "import", "--data", data, "--new", "--clock", "event", "--slice", "1h",
		writer(t, dir)("events.jsonl", text.String()))
	if want := fmt.Sprintf("%d lines sent, 0 left out", 4*carts); !strings.Contains(stdout, want) {
		t.Fatalf("stdout %q, stderr %q", stdout, stderr)
	}
	have := ask(t, data, `SELECT concat(change, ' ', toString(count()), ' ', toString(uniqExact(profile_id))) FROM portrait.tag_changes_now
		WHERE tag = 'cart_abandoned' GROUP BY change ORDER BY change`)
	if want := []string{fmt.Sprintf("entered %d %d", carts, carts), fmt.Sprintf("left %d %d", carts, carts)}; !slices.Equal(have, want) {
		t.Errorf("cart_abandoned: %q, want %q", have, want)
	}
}

func TestImportRefusesAShortSlice(t *testing.T) {
	err := runImport(t.Context(), importOptions{data: t.TempDir(), fresh: true, clock: "event", slice: 5 * time.Second}, []string{"events.jsonl"})
	if err == nil || !strings.Contains(err.Error(), "--slice 5s; at least 1m0s") {
		t.Errorf("error %v", err)
	}
}
