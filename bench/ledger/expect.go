package ledger

import "time"

// Expected is what must have come out for one person.
type Expected struct {
	Features
	Tags         Tags
	Undetermined [TagCount]bool // could flip within the margin: either value may be found
	Funnel       int            // steps reached of FunnelSteps
}

var funnelSteps = [...]Name{ProductViewed, CartAdded, OrderPaid}

// FunnelSteps returns the names of the funnel's steps.
func FunnelSteps() []Name { return funnelSteps[:] }

// FunnelWindow is the most time between a funnel's first step and its last.
const FunnelWindow = 10 * time.Second

// Expect evaluates a person at asOf; tags that could flip between asOf-margin and asOf+margin are marked.
func (l *Ledger) Expect(p Person, asOf time.Time, margin time.Duration) Expected {
	h := l.history(p)
	now, m := asOf.UnixMilli(), margin.Milliseconds()
	e := Expected{Features: h.Features, Tags: h.tags(now), Funnel: h.funnel()}
	for _, t := range h.instants(now-m, now+m) {
		other := h.tags(t)
		for k := range other {
			e.Undetermined[k] = e.Undetermined[k] || other[k] != e.Tags[k]
		}
	}
	return e
}

// TagsAt evaluates a person's tags at an instant from the events up to then.
func (l *Ledger) TagsAt(p Person, at time.Time) Tags {
	h := &history{person: p.Number}
	now := at.UnixMilli()
	l.Events(p.Number, func(ev *Event) {
		if ev.Time <= now {
			h.add(ev)
		}
	})
	return h.tags(now)
}

func (l *Ledger) history(p Person) *history {
	h := &history{person: p.Number}
	l.Events(p.Number, h.add)
	return h
}

// instants are those in [from, to] at which a tag can have another value than just before: the edges,
// each bucket's beginning, and each deadline. Between two of them nothing changes.
func (h *history) instants(from, to int64) []int64 {
	list := []int64{from, to}
	for t := (from/bucket + 1) * bucket; t <= to; t += bucket {
		list = append(list, t)
	}
	add := func(since int64, limits ...int64) {
		for _, limit := range limits {
			if t := since + limit + 1; since > 0 && t >= from && t <= to {
				list = append(list, t)
			}
		}
	}
	add(h.LastPaid, dormantAfter, atRiskAfter)
	add(h.LastCart, abandonedAfter, abandonedUntil)
	add(h.LastSeen, silentAfter)
	return list
}

// funnel returns how many steps were reached in order within the window. For each step the latest
// possible beginning of a chain that reaches it is kept: a later beginning leaves more time.
func (h *history) funnel() int {
	const never = -1 << 62
	begin := [len(funnelSteps)]int64{never, never, never}
	reached := 0
	for _, ev := range h.events {
		for k := len(funnelSteps) - 1; k >= 0; k-- {
			if ev.Name != funnelSteps[k] {
				continue
			}
			switch {
			case k == 0:
				begin[0] = ev.Time
			case ev.Time-begin[k-1] <= FunnelWindow.Milliseconds():
				begin[k] = begin[k-1]
			default:
				continue
			}
			reached = max(reached, k+1)
		}
	}
	return reached
}
