package retail

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// purchase is a line of customer 12347, one of several in its month.
const purchase = `(SELECT event_id FROM portrait.events WHERE JSONExtractString(properties, 'customer') = '12347' ORDER BY time, event_id LIMIT 1)`

// TestPublishedFigures fills a real ClickHouse with the whole data set, sees every check pass, and then
// damages one thing at a time and sees those checks fail that look at it, and no other.
func TestPublishedFigures(t *testing.T) {
	w := openWarehouse(t)
	result, err := Evaluate(t.Context(), w.query)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range result.Checks {
		if !c.OK {
			t.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	if !result.OK || len(result.Segments) < 20 || result.Stored+result.Duplicates != result.Lines {
		t.Errorf("whole data: %+v", result)
	}
	if t.Failed() {
		return // nothing to damage
	}
	var text strings.Builder
	if err := result.WriteText(&text); err != nil {
		t.Error(err)
	}
	best, first := fmt.Sprintf("444 %5d\n", result.Segments["444"]), fmt.Sprintf("2010-12 %4d ", result.Cohorts[0][0])
	for _, want := range []string{best, first, "12347     " + result.live["12347"].rounded(), "ok   cohorts"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	for _, c := range damages(w.worst(t)) {
		t.Run(c.name, func(t *testing.T) {
			w.see(t, c.view, c.sql)
			defer w.see(t, c.view, whole[c.view])
			result, err := Evaluate(t.Context(), w.damaged)
			if err != nil {
				t.Fatal(err)
			}
			var failed []string
			for _, c := range result.Checks {
				if !c.OK {
					failed = append(failed, c.Name)
					t.Logf("%s: %s", c.Name, c.Detail)
				}
			}
			if !slices.Equal(failed, c.fails) {
				t.Errorf("failed: %q, want %q", failed, c.fails)
			}
			if result.OK {
				t.Error("the result is ok all the same")
			}
		})
	}
}

// worst returns a customer of segment 111.
func (w *warehouse) worst(t *testing.T) string {
	t.Helper()
	sql, err := statement("rfm")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := w.query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	k := slices.IndexFunc(rows, func(row []string) bool { return slices.Equal(row[4:], []string{"1", "1", "1"}) })
	if k < 0 {
		t.Fatal("no customer of segment 111")
	}
	return rows[k][0]
}

type damage struct {
	name, view, sql string
	fails           []string // in the order of the checks
}

func damages(worst string) []damage {
	priced := func(which string) string {
		return `SELECT * REPLACE (if(` + which + `, replaceRegexpOne(properties, '"amount":[0-9.]+', '"amount":9999'), properties) AS properties) FROM portrait.events`
	}
	line := `event_id = ` + purchase
	lineOfWorst := fmt.Sprintf(`event_id = (SELECT min(event_id) FROM portrait.events WHERE JSONExtractString(properties, 'customer') = '%s' AND event = 'order_line_paid')`, worst)
	featured := func(customer, from, to string) string {
		return fmt.Sprintf(`SELECT * REPLACE (if(has(identifiers, 'customer_id:%s'), replaceRegexpOne(features, '%s', '%s'), features) AS features) FROM portrait.profiles_now`, customer, from, to)
	}
	return []damage{
		{"one price changed", "events", priced(line), []string{CheckSamples, CheckLiveMonetary}},
		{"one line removed", "events", `SELECT * FROM portrait.events WHERE NOT ` + line,
			[]string{CheckAccounting, CheckRuleA, CheckSamples, CheckLiveFrequency, CheckLiveMonetary}},
		{"one line twice", "events", `SELECT * FROM portrait.events UNION ALL SELECT * FROM portrait.events WHERE ` + line,
			[]string{CheckAccounting, CheckRuleA, CheckSamples, CheckLiveFrequency, CheckLiveMonetary}},
		{"one duplicate lost", "duplicates", `SELECT * FROM portrait.duplicates WHERE events_offset != (SELECT max(events_offset) FROM portrait.duplicates)`,
			[]string{CheckAccounting, CheckDuplicates}},
		{"one line rejected too", "rejections", `SELECT toInt32(0) AS events_partition, toInt64(7) AS events_offset, toInt32(0) AS events_index`,
			[]string{CheckAccounting, CheckRejected}},
		{"one customer a month later", "events",
			`SELECT * REPLACE (if(JSONExtractString(properties, 'customer') = '12346', addMonths(time, 1), time) AS time) FROM portrait.events`,
			[]string{CheckCohorts, CheckSamples, CheckLiveRecency}},
		{"one customer gone", "events", `SELECT * FROM portrait.events WHERE JSONExtractString(properties, 'customer') != '12350'`,
			[]string{CheckAccounting, CheckRuleA, CheckCustomers, CheckSegments, CheckScores, CheckCohorts, CheckSamples, CheckLiveProfiles}},
		{"one poor customer made rich", "events", priced(lineOfWorst), []string{CheckSegments, CheckScores, CheckLiveMonetary}},
		{"one live recency wrong", "profiles_now",
			`SELECT * REPLACE (if(has(identifiers, 'customer_id:12349'), as_of - INTERVAL 1 DAY, as_of) AS as_of) FROM portrait.profiles_now`,
			[]string{CheckLiveSamples, CheckLiveRecency}},
		{"one live frequency wrong", "profiles_now", featured("12349", `"frequency":`, `"frequency":1`),
			[]string{CheckLiveSamples, CheckLiveFrequency}},
		{"one live amount a penny off", "profiles_now", featured("12347", `"monetary":([0-9]+)`, `"monetary":\\1.01`),
			[]string{CheckLiveSamples, CheckLiveMonetary}},
		{"one profile doubled", "profiles_now",
			`SELECT * FROM portrait.profiles_now UNION ALL SELECT * FROM portrait.profiles_now WHERE has(identifiers, 'customer_id:12352')`,
			[]string{CheckLiveProfiles}},
		{"one profile missing", "profiles_now", `SELECT * FROM portrait.profiles_now WHERE NOT has(identifiers, 'customer_id:12352')`,
			[]string{CheckLiveProfiles}},
	}
}

// TestResultKeys holds the keys that others read.
func TestResultKeys(t *testing.T) {
	text, err := json.Marshal(Result{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"lines":0,"stored":0,"duplicates":0,"rejected":0,"rule_a_lines":0,"customers":0,"segments":null,` +
		`"scores":null,"cohorts":null,"events_per_second":0,"checks":null,"ok":false}`
	if string(text) != want {
		t.Errorf("%s\nwant %s", text, want)
	}
}

// TestDataIsTheDocumentedOne compares the embedded file with the sums in its README.
func TestDataIsTheDocumentedOne(t *testing.T) {
	readme, err := os.ReadFile("data/README.md")
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"compressed": compressed, "uncompressed": text} {
		if sum := fmt.Sprintf("%x", sha256.Sum256(content)); !strings.Contains(string(readme), sum) {
			t.Errorf("%s: sha256 %s is not in data/README.md", name, sum)
		}
	}
}
