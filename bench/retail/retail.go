// Package retail is the real-data run of Portrait: every order line of a British online shop, a year of
// it, through the whole pipeline, compared with figures that others published about the same file.
//
// Vocabulary. A line is a row of the file and one event. A guest is a line without a customer; guests
// are anchored on their invoice. Rule A (HarshTanwar001/Cohort-Analysis) says which lines count as
// purchases: no column empty, no exact duplicate, quantity and unit price above zero. It stands twice,
// on purpose: in the catalogue's feature filters and in the SQL. RFM is recency, frequency and monetary
// value, each scored 1 to 4 by quartile; a segment is the three scores as one text, "444" the best.
//
// Evaluate asks ClickHouse for everything it says; what was published stands in checker.go alone.
package retail

import (
	"bytes"
	_ "embed"
	"fmt"
	"time"

	"portrait/pipeline/importer"
)

//go:embed data/online-retail-by-day-concat.csv.zst
var compressed []byte

//go:embed online-retail.mapping.yaml
var mapping []byte

// ReferenceTime is when the published recency was taken: one day after the last line.
var ReferenceTime = time.Date(2011, 12, 10, 12, 50, 0, 0, time.UTC)

// DedupeIDs is how many event ids a profile of this deployment has to remember: exact duplicates stand
// within one invoice, and the longest invoice of a guest has more than the default of 64 lines.
const DedupeIDs = 512

// Open returns the lines of the file as events, in time order.
func Open() (*importer.Source, error) {
	m, err := importer.ParseMapping(mapping)
	if err != nil {
		return nil, fmt.Errorf("online-retail.mapping.yaml: %w", err)
	}
	return importer.New(bytes.NewReader(compressed), "online-retail", int64(len(compressed)), m)
}
