// Package compare sets the results of two versions beside each other. Only ratios of measurements that were made
// in turns on one machine mean anything; two results of another shape or another machine are compared all the
// same, and what differs is said.
package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"portrait/bench"
)

// Row is one figure of both.
type Row struct {
	Figure string       `json:"figure"`
	A      bench.Spread `json:"a"`
	B      bench.Spread `json:"b"`
	Ratio  float64      `json:"ratio"` // of the medians, B to A
	// Within says that the ranges overlap: what differs may be chance.
	Within bool `json:"within_spread"`
}

// Comparison is all figures that both have.
type Comparison struct {
	Different []string `json:"different"` // settings that are not the same
	Rows      []Row    `json:"rows"`
}

// result is what of a result file is compared.
type result struct {
	Kind     string         `json:"kind"`
	Machine  map[string]any `json:"machine"`
	Settings map[string]any `json:"settings"`
	figures  map[string]bench.Spread
}

// Files compares results as `portrait bench … --json` wrote them. Several of one side are rounds: their medians are
// repeats of one figure.
func Files(a, b [][]byte) (*Comparison, error) {
	left, err := join(a)
	if err != nil {
		return nil, fmt.Errorf("first: %w", err)
	}
	right, err := join(b)
	if err != nil {
		return nil, fmt.Errorf("second: %w", err)
	}
	c := &Comparison{Different: differences(left, right)}
	for _, name := range slices.Sorted(maps.Keys(left.figures)) {
		x, y := left.figures[name], right.figures[name]
		if x.N == 0 || y.N == 0 || x.Median == 0 {
			continue
		}
		c.Rows = append(c.Rows, Row{Figure: name, A: x, B: y, Ratio: y.Median / x.Median, Within: x.Min <= y.Max && y.Min <= x.Max})
	}
	if len(c.Rows) == 0 {
		return nil, fmt.Errorf("no figure is in both; results of kinds %q and %q", left.Kind, right.Kind)
	}
	return c, nil
}

// join reads the rounds of one side.
func join(files [][]byte) (*result, error) {
	var first *result
	medians, single := map[string][]float64{}, map[string]bench.Spread{}
	for _, text := range files {
		r, err := parse(text)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = r
		}
		for name, s := range r.figures {
			medians[name] = append(medians[name], s.Median)
			single[name] = s
		}
	}
	if first == nil {
		return nil, fmt.Errorf("no result")
	}
	first.figures = map[string]bench.Spread{}
	for name, values := range medians {
		if first.figures[name] = bench.SpreadOf(values); len(files) == 1 {
			first.figures[name] = single[name] // with its own repeats
		}
	}
	return first, nil
}

// parse takes every member that is a spread, every number under stages, and the rate of a search.
func parse(text []byte) (*result, error) {
	r := &result{figures: map[string]bench.Spread{}}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	for name, raw := range members {
		var one bench.Spread
		if json.Unmarshal(raw, &one) == nil && one.N > 0 {
			r.figures[name] = one
			continue
		}
		var many map[string]bench.Spread
		if json.Unmarshal(raw, &many) == nil {
			for part, s := range many {
				if s.N > 0 {
					r.figures[name+" "+part] = s
				}
			}
		}
	}
	var list []bench.Stage
	if raw := members["stages"]; raw != nil {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("stages: %w", err)
		}
	}
	for _, s := range list {
		r.figures["stage "+s.Name] = bench.SpreadOf([]float64{s.MicroS})
	}
	var rate float64
	if raw := members["sustainable_rate"]; raw != nil && json.Unmarshal(raw, &rate) == nil {
		r.figures["sustainable_rate"] = bench.SpreadOf([]float64{rate})
	}
	return r, nil
}

// differences names what is not the same about two results.
func differences(a, b *result) (list []string) {
	if a.Kind != b.Kind {
		list = append(list, fmt.Sprintf("kind: %s, %s", a.Kind, b.Kind))
	}
	for name, sides := range map[string][2]map[string]any{"machine": {a.Machine, b.Machine}, "settings": {a.Settings, b.Settings}} {
		keys := map[string]bool{}
		for _, side := range sides {
			for k := range side {
				keys[k] = true
			}
		}
		for k := range keys {
			if x, y := fmt.Sprint(sides[0][k]), fmt.Sprint(sides[1][k]); x != y {
				list = append(list, fmt.Sprintf("%s %s: %s, %s", name, k, x, y))
			}
		}
	}
	slices.Sort(list)
	return list
}

// Percent is a ratio as people read it: +12 % or -3 %.
func Percent(ratio float64) string { return fmt.Sprintf("%+.0f %%", math.Round(100*(ratio-1))) }
