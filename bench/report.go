// Package bench is the proving ground: a generator of a live shop (bench/generator), the ledger of what it
// sent and what must come out (bench/ledger), the checker (bench/check) and the latency recorder
// (bench/latency). This package itself holds only the result they fill in together.
//
// The ledger and the checker import neither profile nor pipeline nor sinks: they would otherwise agree
// with the mistakes that they are there to find.
package bench

import "math"

// Report is what `portrait demo --json` prints. Its keys are a contract: add, never rename.
type Report struct {
	EventsSent     int64   `json:"events_sent"`   // records handed to Kafka and acknowledged
	EventsStored   int64   `json:"events_stored"` // rows of this run in ClickHouse `events`
	Rejected       int64   `json:"rejected"`      // rows of `rejections`
	Duplicates     int64   `json:"duplicates"`    // rows of `duplicates`
	People         int     `json:"people"`        // who sent at least one event that counts
	Profiles       int     `json:"profiles"`      // that hold at least one of their identifiers
	IdentityWrong  int     `json:"identity_wrong"`
	TagChanges     int64   `json:"tag_changes"` // kept after dropping by version
	LatencyMS      Latency `json:"latency_ms"`  // planned send of the causing event to change received
	MergeLatencyMS Latency `json:"merge_latency_ms"`
	TimerLatencyMS Latency `json:"timer_latency_ms"` // from the deadline
	FreshnessMS    Latency `json:"freshness_ms"`     // planned send to queryable in ClickHouse
	Checks         []Check `json:"checks"`
	OK             bool    `json:"ok"`
}

// Latency is a distribution in milliseconds, rounded to microseconds; all zero if nothing was measured.
type Latency struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Check is one comparison with the ledger.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // counts, and the first few differences

	// What differs, by kind; all zero if the check holds.
	Lost    int64 `json:"lost,omitempty"`    // is not there and should be
	Doubled int64 `json:"doubled,omitempty"` // is there more often than it should be
	Wrong   int64 `json:"wrong,omitempty"`   // is there, and is something else
}

// Settle sets OK: every check holds, and at least 99 % of what was planned was sent. Without a check
// nothing is proven, so the report is not ok.
func (r *Report) Settle(planned int64) {
	r.OK = len(r.Checks) > 0 && r.EventsSent >= int64(math.Ceil(0.99*float64(planned)))
	for _, c := range r.Checks {
		r.OK = r.OK && c.OK
	}
}
