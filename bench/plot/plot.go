// Package plot writes a bench result as one HTML file that needs nothing else: the JSON is inside, and a script
// inside draws it as SVG. Nothing is fetched, so a report can be mailed.
package plot

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed report.html
var page []byte

// place is where the JSON goes.
var place = []byte("{{.}}")

// HTML returns the page for a report that marshals to JSON.
func HTML(report any) ([]byte, error) {
	// json.Marshal escapes <, > and &, so no text of the report can end the script element.
	data, err := json.Marshal(report)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return bytes.Replace(page, place, data, 1), nil
}
