package retail

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

// WriteText writes the result for people: RFM segments, sums of scores, the cohort table, five
// customers by SQL and from the live features, and the checks.
func (r *Result) WriteText(w io.Writer) error {
	p := &printer{w: w}
	p.printf("Online Retail: %d lines, %d stored, %d duplicates, %d rejected", r.Lines, r.Stored, r.Duplicates, r.Rejected)
	if r.EventsPerSecond > 0 {
		p.printf(" (%.0f events/s)", r.EventsPerSecond)
	}
	p.printf("\nRule A: %d lines of %d customers\n", r.RuleALines, r.Customers)
	p.segments(r)
	p.cohorts(r)
	p.samples(r)
	p.printf("\nChecks\n")
	for _, c := range r.Checks {
		mark := "ok  "
		if !c.OK {
			mark = "FAIL"
		}
		p.printf("  %s %-15s %s\n", mark, c.Name, c.Detail)
	}
	return p.err
}

// printer keeps the first error of many writes.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// largest is how many segments are shown.
const largest = 8

func (p *printer) segments(r *Result) {
	names := slices.SortedFunc(maps.Keys(r.Segments), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Segments[b], r.Segments[a]), cmp.Compare(a, b))
	})
	p.printf("\nRFM segments (recency, frequency, monetary; 4 is best), the largest of %d\n", len(names))
	for _, name := range names[:min(largest, len(names))] {
		p.printf("  %s %5d\n", name, r.Segments[name])
	}
	p.printf("Sum of the three scores\n ")
	for score := 3; score <= 12; score++ {
		p.printf(" %d: %d", score, r.Scores[strconv.Itoa(score)])
	}
	p.printf("\n")
}

func (p *printer) cohorts(r *Result) {
	p.printf("\nCustomers by month of first purchase, active 0, 1, 2… months later\n")
	for i, row := range r.Cohorts {
		p.printf("  %s", r.months[i])
		for _, n := range row {
			p.printf(" %4d", n)
		}
		p.printf("\n")
	}
}

func (p *printer) samples(r *Result) {
	p.printf("\nRecency (days) / frequency (lines) / monetary (pounds)\n  customer  %-22s %s\n", "live features", "SQL over events")
	for _, id := range slices.Sorted(maps.Keys(publishedSamples)) {
		p.printf("  %-9s %-22s %s\n", id, r.live[id].rounded(), r.derived[id].rounded())
	}
}
