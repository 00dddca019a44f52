package ledger

import "time"

// Slack is the least patience with a pipeline: an event is sent a little late, and two events of one person
// may reach their profile by ways of different length.
const Slack = 2 * time.Second

const slack = int64(Slack / time.Millisecond)

// Episode is an absence that must have been noticed: the tag was due at Due, and nothing ended it before End.
type Episode struct {
	Tag      Tag
	Due, End int64 // ms
	// Stale says that the event before the absence may have been counted behind Due only: if the tag was on from an
	// earlier absence, that event was no news and the tag stayed on.
	Stale bool
}

// Story is what can be said of a person's whole way, however the pipeline interleaved it.
type Story struct {
	Must  []Episode      // absences that lasted
	Ever  [TagCount]bool // the tag must have entered at least once
	Never [TagCount]bool // no profile that holds any part of the person's events can ever have had it

	events   []*Event
	patience int64 // ms
	whole    int64 // ms: from here on all of the person's identifiers are in one profile, however slow the merge
}

// Story goes through a person's events until an instant. Patience, at least Slack, is how far the pipeline may have been
// behind: an event can be counted while the machine's clock still stands before a deadline that lies before the event,
// and then that absence is rightly never noticed (DESIGN.md section 4).
func (l *Ledger) Story(p Person, until time.Time, patience time.Duration) Story {
	s := Story{patience: max(patience, Slack).Milliseconds()}
	l.Events(p.Number, func(ev *Event) { s.events = append(s.events, ev) })
	end := until.UnixMilli()
	h := &history{person: p.Number}
	known := s.known(p)
	s.whole = known + 3*s.patience // a merge is four messages, and each may have waited as long
	for _, ev := range s.events {
		h.add(ev)
		now := h.tags(ev.Time)
		counted := s.counted(ev)
		later := h.tags(counted)
		for _, tag := range growing {
			s.Never[tag] = s.Never[tag] || now[tag] != ""
			s.Ever[tag] = s.Ever[tag] || now[tag] != "" && later[tag] != "" && ev.Time >= known && counted < end
		}
	}
	for _, tag := range growing { // until here: was it ever on?
		s.Never[tag] = !s.Never[tag]
	}
	s.Never[CouponHunter] = h.CouponOrders < 2 // a part of the orders can have a larger share of coupons
	s.absences(known, end)
	return s
}

// counted is by when an event has been counted at the latest.
func (s *Story) counted(ev *Event) int64 { return max(ev.Time, ev.Sent) + s.patience }

// growing are the tags that more events can only turn on: what the whole person never had, no part had.
var growing = [...]Tag{ActiveThisWeek, BigBasket, BigSpender, CommunityRegular, Explorer, Inviter, MultiDevice, SkincareFan}

// known is the instant from which all of a person's identifiers have been in one profile.
func (s *Story) known(p Person) int64 {
	var seen Slots
	var at int64
	for _, ev := range s.events {
		if owned := Owned(p.Number, ev.Slots); owned&^seen != 0 {
			seen |= owned
			at = ev.Time
		}
	}
	return at + s.patience
}

// absences collects the stretches without a sign of life, and the carts that nobody came back to, that lasted beyond
// their deadline by more than the patience.
func (s *Story) absences(known, end int64) {
	nextDecision, next := end, end
	for i := len(s.events) - 1; i >= 0; i-- {
		ev := s.events[i]
		if due := ev.Time + silentAfter; ev.Time >= known && due+s.patience < next {
			s.Must = append(s.Must, Episode{Silent, due, next, s.counted(ev) >= due})
		}
		if due := ev.Time + abandonedAfter; ev.Time >= known && ev.Name == CartAdded && due+s.patience < nextDecision {
			s.Must = append(s.Must, Episode{CartAbandoned, due, nextDecision, s.counted(ev) >= due})
		}
		if ev.Name == CartAdded || ev.Name == OrderPaid {
			nextDecision = ev.Time
		}
		next = ev.Time
	}
}

// Contradicts reports whether the events speak against a tag having entered at an instant, in ms: it is one
// the person can never have had, or an absence in which there was something. An event counts as known if
// it was sent more than the patience before.
func (s *Story) Contradicts(tag Tag, at int64) bool { return s.contradicts(tag, at, s.patience) }

// ContradictsDeadline is Contradicts for a timer. However far behind a pipeline is: by the time it believes that a
// deadline has passed, it has read everything that was sent before, so there is no patience with it. Except while
// identities merge: what takes two hops then can be overtaken (DESIGN.md section 4).
func (s *Story) ContradictsDeadline(tag Tag, due int64) bool {
	if due < s.whole {
		return s.contradicts(tag, due, s.patience)
	}
	return s.contradicts(tag, due, slack)
}

func (s *Story) contradicts(tag Tag, at, patience int64) bool {
	known := func(ev *Event) bool { return max(ev.Time, ev.Sent) <= at-patience }
	switch tag {
	case Silent:
		for _, ev := range s.events {
			if ev.Time > at-silentAfter+patience && known(ev) {
				return true
			}
		}
		return false
	case CartAbandoned:
		waiting := false // is there a cart old enough that nothing followed?
		for _, ev := range s.events {
			switch {
			case ev.Name == CartAdded && ev.Time <= at-abandonedAfter+patience:
				waiting = true
			case (ev.Name == CartAdded || ev.Name == OrderPaid) && known(ev):
				waiting = false
			}
		}
		return !waiting
	}
	return s.Never[tag]
}
