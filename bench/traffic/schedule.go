package traffic

import (
	"fmt"
	"slices"
	"time"
)

// schedule is when events are due: stretches, each from its first event on.
type schedule []Stretch

// then returns the schedule that goes on from event first with a stretch without an end.
func (l schedule) then(first int64, s Stretch) (schedule, error) {
	if s.Rate <= 0 || s.Rate > 10_000_000 {
		return nil, fmt.Errorf("traffic: a rate of %v events/s; want above 0, at most 10,000,000", s.Rate)
	}
	if n := len(l); n > 0 && (first < l[n-1].first || s.Start.Before(l[n-1].Start)) {
		return nil, fmt.Errorf("traffic: a stretch from event %d at %v begins before the one ahead of it", first, s.Start)
	}
	s.first = first
	return append(slices.Clip(slices.Clone(l)), s), nil
}

// at is the planned instant of event n; there must be a stretch.
func (l schedule) at(n int64) time.Time {
	k := len(l) - 1
	for k > 0 && l[k].first > n {
		k--
	}
	s := &l[k]
	return s.Start.Add(s.offset(n - s.first))
}
