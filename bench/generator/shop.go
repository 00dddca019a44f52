package generator

import (
	"time"

	"portrait/bench/ledger"
	"portrait/schemas"
)

// phase is where a person stands once known.
type phase uint8

const (
	meeting  phase = iota // in the archetype's script
	arriving              // next: a visit begins
	filling               // next: something goes into the cart
	deciding              // next: pays, or leaves the cart
	paying                // next: pays, perhaps long after the cart was filled
	after                 // next: something besides shopping
	gone                  // sends nothing more
)

// person is the state of one person; no pointers, so a crowd costs the garbage collector nothing.
type person struct {
	last      int64 // ns: when the latest event was planned
	known     int64 // ns: when the script ended
	session   int32
	place     int32 // index in browsers plus one; 0: not there
	archetype uint8
	step      uint8 // next step of the script
	phase     phase
	slots     ledger.Slots // of the latest event: what the person sends when browsing
}

// settled reports whether the person's identifiers are in one profile by now, though something stood still for a while.
func (p *person) settled(at, stall int64) bool {
	return p.phase > meeting && at-p.known > max(int64(quiet), stall)
}

// arrive makes somebody appear. Whoever has too little time left for the script before the end is known by
// phone alone; an identity half told would make "one profile per person" ambiguous.
func (g *Generator) arrive(n int32, at int64) ledger.Event {
	p := &g.people[n]
	p.archetype = tabletOwner
	if n%ledger.Household != 0 {
		p.archetype = singles[g.random.IntN(len(singles))]
	}
	if !g.enough(p.archetype, at) {
		p.archetype = phoneOnly
	}
	return g.step(n, at)
}

// enough reports whether an archetype's script that begins at an instant ends well before the run does.
func (g *Generator) enough(archetype uint8, at int64) bool {
	return at+int64(longest(archetype))*3/2+int64(quiet) <= g.duration
}

// step is the next event of a person whose time has come.
func (g *Generator) step(n int32, at int64) ledger.Event {
	p := &g.people[n]
	if p.place == 0 {
		g.browsers = append(g.browsers, n)
		p.place = int32(len(g.browsers))
	}
	if p.phase == meeting {
		return g.meet(n, p, at)
	}
	choices := steady[p.archetype]
	p.slots = choices[g.random.IntN(len(choices))]
	return g.shop(n, p, at)
}

// meet plays the script.
func (g *Generator) meet(n int32, p *person, at int64) ledger.Event {
	script := scripts[p.archetype]
	s := script[p.step]
	p.slots = s.slots
	p.step++
	if int(p.step) < len(script) {
		next := script[p.step]
		g.schedule(n, at, next.min, next.max)
	} else {
		p.phase, p.known = arriving, at
		g.schedule(n, at, quiet, unhurried+quiet)
		if p.archetype == tabletOwner {
			g.inviteGuests(n, at)
		}
	}
	return g.event(n, p, s.name, at)
}

// inviteGuests sends the household's others to the tablet, once its owner is known on it for long enough.
func (g *Generator) inviteGuests(owner int32, at int64) {
	for k, archetype := range [...]uint8{tabletGuest, ownDeviceGuest} {
		guest := owner + 1 + int32(k)
		when := at + max(int64(handover), g.stall) + g.random.Int64N(int64(unhurried))
		if int(guest) < len(g.people) && g.enough(archetype, when) {
			g.people[guest].archetype = archetype
			g.due.push(due{when, guest})
		}
	}
}

// closing is how long before the end nobody fills a cart any more, in a short run at most a third of it. Otherwise
// the end itself would abandon every cart of the last seconds, all around the instant at which the checker compares.
const closing = 6 * time.Second

// shop plays one step of a visit: look, fill the cart, pay or not, do something else, stay or go.
func (g *Generator) shop(n int32, p *person, at int64) ledger.Event {
	dice := g.random.IntN(100)
	switch p.phase {
	case arriving:
		p.phase = filling
		g.schedule(n, at, 500*time.Millisecond, 2*time.Second)
		if dice < 30 {
			p.session++
			return g.event(n, p, ledger.SignedIn, at)
		}
		return g.event(n, p, ledger.ProductViewed, at)
	case filling:
		if at+min(int64(closing), g.duration/3) > g.duration {
			g.schedule(n, at, time.Second, 3*time.Second)
			return g.event(n, p, ledger.PageViewed, at)
		}
		p.phase = deciding
		g.schedule(n, at, 800*time.Millisecond, 3500*time.Millisecond)
		return g.event(n, p, ledger.CartAdded, at)
	case deciding:
		return g.decide(n, p, at, dice)
	case paying:
		p.phase = after
		g.schedule(n, at, time.Second, 3*time.Second)
		return g.event(n, p, ledger.OrderPaid, at)
	}
	return g.besides(n, p, at, dice)
}

// decide pays most carts at once, some late (the cart counts as abandoned in between), some never.
func (g *Generator) decide(n int32, p *person, at int64, dice int) ledger.Event {
	switch {
	case dice < 65:
		p.phase = after
		g.schedule(n, at, time.Second, 3*time.Second)
		return g.event(n, p, ledger.OrderPaid, at)
	case dice < 80:
		p.phase = paying
		g.schedule(n, at, 8*time.Second, 12*time.Second)
	default:
		p.phase = arriving
		g.schedule(n, at, 9*time.Second, 16*time.Second)
	}
	return g.event(n, p, ledger.ProductViewed, at)
}

// besides is what somebody does after shopping; then a visit follows, or absence.
func (g *Generator) besides(n int32, p *person, at int64, dice int) ledger.Event {
	p.phase = arriving
	switch {
	case dice < 10: // away, and back when "silent" has entered
		g.leave(p)
		g.schedule(n, at, 23*time.Second, 28*time.Second)
	case dice < 16 && len(g.browsers) > int(g.arrived)/2: // however long the run, somebody stays
		g.leave(p)
		p.phase = gone
	default:
		g.schedule(n, at, 3*time.Second, 9*time.Second)
	}
	name := ledger.CheckedIn
	switch kind := g.random.IntN(10); {
	case kind < 1:
		name = ledger.FriendInvited
	case kind < 3:
		name = ledger.CouponClaimed
	case kind < 6:
		name = ledger.PageViewed
	}
	return g.event(n, p, name, at)
}

// pace is the least time between two events of somebody who browses, so that no two share a millisecond;
// tries bounds the search for somebody who rested that long.
const (
	pace  = int64(20 * time.Millisecond)
	tries = 8
)

// rested picks somebody who browses, and reports whether the last event is long enough ago. If not, somebody new
// arrives early; when everybody is there already, the one picked goes on all the same.
func (g *Generator) rested(at int64) (person int32, ok bool) {
	if len(g.browsers) == 0 {
		return 0, false
	}
	n := g.browsers[g.random.IntN(len(g.browsers))]
	for range tries {
		if at-g.people[n].last >= pace {
			return n, true
		}
		if other := g.browsers[g.random.IntN(len(g.browsers))]; g.people[other].last < g.people[n].last {
			n = other
		}
	}
	return n, false
}

// browse fills a place of the plan in which nothing else is due: somebody looks at something, under the
// identifiers of the latest event, so that no merge begins.
func (g *Generator) browse(n int32, at int64) ledger.Event {
	p := &g.people[n]
	dice := g.random.IntN(100)
	if dice < 8 {
		p.session++
	}
	if dice < 60 {
		return g.event(n, p, ledger.PageViewed, at)
	}
	return g.event(n, p, ledger.ProductViewed, at)
}

// leave takes a person out of those who browse.
func (g *Generator) leave(p *person) {
	last := g.browsers[len(g.browsers)-1]
	g.browsers[p.place-1] = last
	g.people[last].place = p.place
	p.place = 0
	g.browsers = g.browsers[:len(g.browsers)-1]
}

func (g *Generator) schedule(n int32, at int64, shortest, longest time.Duration) {
	wait := int64(shortest)
	if longest > shortest {
		wait += g.random.Int64N(int64(longest - shortest))
	}
	g.due.push(due{at + wait, n})
}

// event fills in what the event says.
func (g *Generator) event(n int32, p *person, name ledger.Name, at int64) ledger.Event {
	p.last = at
	ev := ledger.Event{Time: g.millis(at), Person: n, Session: p.session, Slots: p.slots, Name: name}
	dice := g.random.Uint64()
	ev.Junk = dice%oneJunkIn == 0
	ev.Alias = dice>>8%oneAliasIn == 0
	switch name {
	case ledger.ProductViewed, ledger.CartAdded:
		ev.Category, ev.Amount = category(n, dice>>16), price(dice>>24)
	case ledger.OrderPaid:
		ev.Amount, ev.Coupon = price(dice>>24)*schemas.Decimal(1+dice>>50%4), dice>>56%4 == 0
	case ledger.SignedIn:
		ev.City = city(n, dice>>16)
	}
	return ev
}

// category: a fifth of the people look at skincare mostly.
func category(person int32, dice uint64) uint8 {
	if person%5 == 0 && dice%4 < 3 {
		return ledger.Skincare
	}
	return uint8(dice / 4 % uint64(ledger.Categories))
}

// price is between 3.00 and 602.99, in cents; one in sixty is a sample below 10.
func price(dice uint64) schemas.Decimal {
	return schemas.Decimal(300+dice%60_000) * (schemas.DecimalOne / 100)
}

// city: people sign in at home, and elsewhere one time in four.
func city(person int32, dice uint64) uint8 {
	if dice%4 < 3 {
		return uint8(person % int32(ledger.Cities))
	}
	return uint8(dice / 4 % uint64(ledger.Cities))
}
