package bench

import "slices"

// Spread is what repeats of one measurement gave.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
}

// SpreadOf sums up repeats; of an even number the median is the mean of the two in the middle.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1], N: n}
}

// Stage is what one stage of the pipeline took of the CPU.
type Stage struct {
	Name    string  `json:"stage"`
	Share   float64 `json:"share"`             // of all CPU in the profile
	MicroS  float64 `json:"us_per_event"`      // CPU per event
	Process string  `json:"process,omitempty"` // whose CPU, if it is not this process's
}
