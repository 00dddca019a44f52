package retail

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"portrait/bench"
	"portrait/schemas"
)

// This file alone holds figures that others published about the data set; everything else is asked.

// Counts of the file, and of HarshTanwar001/Cohort-Analysis under rule A.
const (
	publishedLines      = 541_909
	publishedDuplicates = 5_268
	publishedRuleA      = 392_692
	publishedCustomers  = 4_338
)

// RFM of five customers at ReferenceTime.
var publishedSamples = map[string]customer{
	"12346": {326, 1, "77183.60"},
	"12347": {2, 182, "4310.00"},
	"12348": {75, 31, "1797.24"},
	"12349": {19, 73, "1757.55"},
	"12350": {310, 17, "334.40"},
}

// Customers by segment (recency, frequency, monetary) and by the sum of the three scores.
var (
	publishedSegments = map[string]int64{"444": 450, "111": 381, "344": 217, "122": 206, "211": 179}
	publishedScores   = map[string]int64{
		"3": 381, "4": 388, "5": 518, "6": 457, "7": 463, "8": 454, "9": 414, "10": 426, "11": 387, "12": 450,
	}
)

// First month → customers active 0, 1, 2… months later.
const publishedCohorts = `
2010-12 885 324 286 340 321 352 321 309 313 350 331 445 235
2011-01 417 92 111 96 134 120 103 101 125 136 152 49
2011-02 380 71 71 108 103 94 96 106 94 116 26
2011-03 452 68 114 90 101 76 121 104 126 39
2011-04 300 64 61 63 59 68 65 78 22
2011-05 284 54 49 49 59 66 75 27
2011-06 242 42 38 64 56 81 23
2011-07 188 34 39 42 51 21
2011-08 169 35 42 41 21
2011-09 299 70 90 34
2011-10 358 86 41
2011-11 323 36
2011-12 41
`

// The names of the checks, in their order.
const (
	CheckAccounting    = "accounting"    // every line is stored, a duplicate or rejected, once
	CheckDuplicates    = "duplicates"    // exactly the exact duplicates were caught
	CheckRejected      = "rejected"      // nothing was
	CheckRuleA         = "rule_a_lines"  // lines that count
	CheckCustomers     = "customers"     // who bought
	CheckSegments      = "segments"      // RFM segments
	CheckScores        = "scores"        // sums of scores
	CheckCohorts       = "cohorts"       // every number of the cohort table
	CheckSamples       = "samples_sql"   // RFM of the published customers, by SQL
	CheckLiveSamples   = "samples_live"  // the same from the live features
	CheckLiveProfiles  = "live_profiles" // one profile per customer, and all of them
	CheckLiveRecency   = "live_recency"  // live features equal SQL, for each customer
	CheckLiveFrequency = "live_frequency"
	CheckLiveMonetary  = "live_monetary" // to the last digit
)

func check(r *Result) []bench.Check {
	return []bench.Check{
		compare(CheckAccounting, difference{"lines", r.Lines, publishedLines},
			difference{"stored + duplicates + rejected", r.Stored + r.Duplicates + r.Rejected, r.Lines},
			difference{"stored", r.Stored, publishedLines - publishedDuplicates}),
		compare(CheckDuplicates, difference{"duplicates", r.Duplicates, publishedDuplicates}),
		compare(CheckRejected, difference{"rejected", r.Rejected, 0}),
		compare(CheckRuleA, difference{"lines under rule A", r.RuleALines, publishedRuleA}),
		compare(CheckCustomers, difference{"customers", r.Customers, publishedCustomers}),
		compare(CheckSegments, counted("segment ", r.Segments, publishedSegments)...),
		compare(CheckScores, append(counted("score ", r.Scores, publishedScores),
			difference{"different scores", len(r.Scores), len(publishedScores)})...),
		checkCohorts(r),
		compare(CheckSamples, sampled(r.derived)...),
		compare(CheckLiveSamples, sampled(r.live)...),
		checkLiveProfiles(r),
		checkLive(r, CheckLiveRecency, func(c customer) string { return strconv.FormatInt(c.recency, 10) + " days" }),
		checkLive(r, CheckLiveFrequency, func(c customer) string { return strconv.FormatInt(c.frequency, 10) + " lines" }),
		checkLive(r, CheckLiveMonetary, func(c customer) string { return c.monetary }),
	}
}

// difference is one comparison: something found, and what it should be.
type difference struct {
	what      string
	got, want any
}

// shown bounds how many differences a detail names.
const shown = 5

// compare is OK if nothing differs. Its detail says how much was compared, or what differs.
func compare(name string, list ...difference) bench.Check {
	var wrong []string
	for _, d := range list {
		if got, want := fmt.Sprint(d.got), fmt.Sprint(d.want); got != want {
			wrong = append(wrong, fmt.Sprintf("%s: %s instead of %s", d.what, got, want))
		}
	}
	if len(wrong) > 0 {
		detail := fmt.Sprintf("%d of %d differ: %s", len(wrong), len(list), strings.Join(wrong[:min(shown, len(wrong))], "; "))
		return bench.Check{Name: name, Detail: detail}
	}
	if len(list) == 1 {
		return bench.Check{Name: name, OK: true, Detail: fmt.Sprintf("%s: %v", list[0].what, list[0].got)}
	}
	return bench.Check{Name: name, OK: len(list) > 0, Detail: fmt.Sprintf("%d values as they should be", len(list))}
}

func counted(prefix string, got, want map[string]int64) []difference {
	var list []difference
	for _, key := range slices.Sorted(maps.Keys(want)) {
		list = append(list, difference{prefix + key, got[key], want[key]})
	}
	return list
}

func checkCohorts(r *Result) bench.Check {
	var list []difference
	rows := strings.Split(strings.TrimSpace(publishedCohorts), "\n")
	list = append(list, difference{"months", len(r.months), len(rows)})
	for i, row := range rows {
		var month, got string
		month, want, _ := strings.Cut(row, " ")
		if i < len(r.months) {
			got = strings.Trim(fmt.Sprint(r.Cohorts[i]), "[]")
			list = append(list, difference{"month", r.months[i], month})
		}
		a, b := strings.Fields(got), strings.Fields(want)
		list = append(list, difference{"cohort " + month + ", months", len(a), len(b)})
		for k := range min(len(a), len(b)) {
			list = append(list, difference{fmt.Sprintf("cohort %s after %d months", month, k), a[k], b[k]})
		}
	}
	return compare(CheckCohorts, list...)
}

func sampled(found map[string]customer) []difference {
	var list []difference
	for _, id := range slices.Sorted(maps.Keys(publishedSamples)) {
		list = append(list, difference{"customer " + id, found[id].rounded(), publishedSamples[id].rounded()})
	}
	return list
}

// rounded writes a customer as published: days/lines/pounds, the amount in its shortest exact form.
func (c customer) rounded() string {
	amount, err := schemas.ParseDecimal(c.monetary)
	if err != nil {
		return fmt.Sprintf("%d/%d/%q", c.recency, c.frequency, c.monetary)
	}
	return fmt.Sprintf("%d/%d/%s", c.recency, c.frequency, amount)
}

func checkLiveProfiles(r *Result) bench.Check {
	list := []difference{
		{"customers in more than one profile", len(r.doubled), 0},
		{"customers with live features", len(r.live), len(r.derived)},
	}
	for _, id := range slices.Sorted(maps.Keys(r.derived)) {
		if _, ok := r.live[id]; !ok {
			list = append(list, difference{"customer " + id, "no profile", "a profile"})
		}
	}
	return compare(CheckLiveProfiles, list...)
}

func checkLive(r *Result, name string, value func(customer) string) bench.Check {
	var list []difference
	for _, id := range slices.Sorted(maps.Keys(r.derived)) {
		if live, ok := r.live[id]; ok {
			list = append(list, difference{"customer " + id, value(live), value(r.derived[id])})
		}
	}
	return compare(name, list...)
}
