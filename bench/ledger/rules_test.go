package ledger

import (
	"math/rand/v2"
	"testing"
	"time"

	"portrait/schemas"
)

func at(seconds float64) time.Time { return time.UnixMilli(run.Start + int64(seconds*1000)) }

func ms(seconds float64) int64 { return int64(seconds * 1000) }

const yuan = schemas.DecimalOne

func times(n int, ev Event, gap float64) []Event {
	var list []Event
	for i := range n {
		ev.Time = ms(1 + float64(i)*gap)
		ev.Session, ev.Category = int32(i), uint8(i)%uint8(Categories)
		list = append(list, ev)
	}
	return list
}

// TestTags walks one tag at a time through the instants around its turns.
func TestTags(t *testing.T) {
	paid := func(second float64, amount schemas.Decimal, coupon bool) Event {
		return Event{Person: 3, Name: OrderPaid, Time: ms(second), Amount: amount * yuan, Coupon: coupon}
	}
	skincare := times(5, Event{Person: 3, Name: ProductViewed, Amount: 50 * yuan}, 0.1)
	samples := times(5, Event{Person: 3, Name: ProductViewed, Amount: 5 * yuan}, 0.1)
	for i := range skincare {
		skincare[i].Category, samples[i].Category = Skincare, Skincare
	}
	cart := Event{Person: 3, Name: CartAdded, Time: ms(1)}
	signIn := func(second float64, city uint8) Event {
		return Event{Person: 3, Name: SignedIn, Time: ms(second), City: city}
	}
	type turn struct {
		at   float64
		want string
	}
	for _, c := range []struct {
		name   string
		tag    Tag
		events []Event
		turns  []turn
	}{
		{"abandoned after 8 s, for 30", CartAbandoned, []Event{cart}, []turn{{9, ""}, {9.001, "true"}, {31, "true"}, {31.001, ""}}},
		{"paid in time", CartAbandoned, []Event{cart, paid(5, 10, false)}, []turn{{9.5, ""}, {20, ""}}},
		{"paid late", CartAbandoned, []Event{cart, paid(15, 10, false)}, []turn{{14, ""}, {15, ""}}},
		{"filled again", CartAbandoned, []Event{cart, {Person: 3, Name: CartAdded, Time: ms(5)}}, []turn{{12, ""}, {13.001, "true"}}},
		{"silent after 20 s", Silent, []Event{cart}, []turn{{21, ""}, {21.001, "true"}, {500, "true"}}},
		{"potential", Lifecycle, []Event{cart}, []turn{{1, "potential"}, {99, "potential"}}},
		{"new, then dormant", Lifecycle, []Event{paid(1, 10, false)}, []turn{{1, "new"}, {46, "new"}, {46.001, "dormant"}}},
		{"repeat, then dormant", Lifecycle, []Event{paid(1, 10, false), paid(3, 10, false)}, []turn{{48, "repeat"}, {48.001, "dormant"}}},
		{"no segment without an order", RFM, []Event{cart}, []turn{{1, ""}, {99, ""}}},
		{"promising, then at risk", RFM, []Event{paid(1, 10, false)}, []turn{{36, "promising"}, {36.001, "at_risk"}}},
		{"loyal", RFM, []Event{paid(1, 10, false), paid(2, 10, false)}, []turn{{3, "loyal"}}},
		{"three orders are not yet a champion", RFM, []Event{paid(1, 999, false), paid(2, 1000, false), paid(3, 1000, false)}, []turn{{4, "loyal"}}},
		{"a champion", RFM, []Event{paid(1, 1000, false), paid(2, 1000, false), paid(3, 1000, false)}, []turn{{4, "champion"}}},
		{"big spender for 30 s", BigSpender, []Event{paid(1, 1500, false), paid(2, 1000, false)}, []turn{{2, "true"}, {30.999, "true"}, {31, ""}}},
		{"a cent short", BigSpender, []Event{{Person: 3, Name: OrderPaid, Time: ms(1), Amount: 2500*yuan - 10_000}}, []turn{{2, ""}}},
		{"big basket for ever", BigBasket, []Event{paid(1, 1000, false)}, []turn{{1, "true"}, {500, "true"}}},
		{"baskets do not add up", BigBasket, []Event{paid(1, 999, false), paid(2, 999, false)}, []turn{{3, ""}}},
		{"one coupon is no hunt", CouponHunter, []Event{paid(1, 10, true)}, []turn{{2, ""}}},
		{"half of the orders", CouponHunter, []Event{paid(1, 10, true), paid(2, 10, true), paid(3, 10, false), paid(4, 10, false)}, []turn{{5, "true"}}},
		{"less than half", CouponHunter, []Event{paid(1, 10, true), paid(2, 10, true), paid(3, 10, false), paid(4, 10, false), paid(5, 10, false)}, []turn{{6, ""}}},
		{"five views of skincare in 20 s", SkincareFan, skincare, []turn{{1.4, "true"}, {20.9, "true"}, {21, ""}}},
		{"four views", SkincareFan, skincare[:4], []turn{{2, ""}}},
		{"samples do not count", SkincareFan, samples, []turn{{2, ""}}},
		{"six categories in 15 s", Explorer, times(6, Event{Person: 3, Name: ProductViewed, Amount: yuan}, 0.1), []turn{{1.5, "true"}, {15.999, "true"}, {16, ""}}},
		{"five categories", Explorer, times(5, Event{Person: 3, Name: CartAdded, Amount: yuan}, 0.1), []turn{{2, ""}}},
		{"pages have no category", Explorer, times(9, Event{Person: 3, Name: PageViewed}, 0.1), []turn{{2, ""}}},
		{"four sessions in 15 s", ActiveThisWeek, times(4, Event{Person: 3, Name: PageViewed}, 0.1), []turn{{1.3, "true"}, {15.9, "true"}, {16, ""}}},
		{"three sessions", ActiveThisWeek, times(3, Event{Person: 3, Name: PageViewed}, 0.1), []turn{{2, ""}}},
		{"an invitation", Inviter, []Event{{Person: 3, Name: FriendInvited, Time: ms(1)}}, []turn{{1, "true"}, {500, "true"}}},
		{"three check-ins", CommunityRegular, times(3, Event{Person: 3, Name: CheckedIn}, 1), []turn{{3, "true"}}},
		{"two check-ins", CommunityRegular, times(2, Event{Person: 3, Name: CheckedIn}, 1), []turn{{3, ""}}},
		{"last seen elsewhere", FromShanghai, []Event{signIn(1, Shanghai), signIn(2, 1)}, []turn{{3, ""}}},
		{"came home", FromShanghai, []Event{signIn(1, 1), signIn(2, Shanghai)}, []turn{{3, "true"}}},
		{"two devices", MultiDevice, []Event{{Person: 3, Time: ms(1), Slots: Device1}, {Person: 3, Time: ms(2), Slots: Phone1 | Device2}}, []turn{{3, "true"}}},
		{"somebody else's tablet", MultiDevice, []Event{{Person: 2, Time: ms(1), Slots: Phone1 | Device1}, {Person: 2, Time: ms(2), Slots: Phone1 | Tablet}}, []turn{{3, ""}}},
		{"one's own tablet", MultiDevice, []Event{{Person: 0, Time: ms(1), Slots: Phone1 | Device1}, {Person: 0, Time: ms(2), Slots: Phone1 | Tablet}}, []turn{{3, "true"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := recorded(c.events...)
			for _, turn := range c.turns {
				if got := l.Expect(l.People()[0], at(turn.at), 0).Tags[c.tag]; got != turn.want {
					t.Errorf("%s at %v s is %q, want %q", c.tag, turn.at, got, turn.want)
				}
			}
		})
	}
}

// crowd is random events of one person.
func crowd(random *rand.Rand, n int) []Event {
	var list []Event
	now := int64(0)
	for range n {
		now += 1 + random.Int64N(4000)
		list = append(list, Event{Person: 3, Time: now, Name: Name(random.IntN(8)), Amount: schemas.Decimal(random.IntN(1200)) * yuan,
			Session: int32(now / 3000), Category: uint8(random.IntN(Categories)), City: uint8(random.IntN(Cities)), Coupon: random.IntN(2) == 0})
	}
	return list
}

// TestUndetermined: within the margin, no tag has another value than at its middle unless it is marked; and what is marked does.
func TestUndetermined(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	marked := 0
	for range 100 {
		l := recorded(crowd(random, 20)...)
		p := l.People()[0]
		var last int64
		l.Events(p.Number, func(ev *Event) { last = ev.Time })
		asOf := time.UnixMilli(last + 2000 + random.Int64N(45_000))
		e := l.Expect(p, asOf, 2*time.Second)
		var differs [TagCount]bool
		for d := -2000; d <= 2000; d++ {
			other := l.Expect(p, asOf.Add(time.Duration(d)*time.Millisecond), 0).Tags
			for tag := range TagCount {
				differs[tag] = differs[tag] || other[tag] != e.Tags[tag]
			}
		}
		if differs != e.Undetermined {
			t.Fatalf("at %v differ %v, marked are %v", asOf, differs, e.Undetermined)
		}
		for _, m := range e.Undetermined {
			if m {
				marked++
			}
		}
	}
	if marked < 30 {
		t.Fatalf("only %d tags were undetermined", marked)
	}
}

func TestFunnel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var reached [4]int
	for range 500 {
		events := crowd(random, 3+random.IntN(12))
		best := 0
		for _, a := range events {
			for _, b := range events {
				for _, c := range events {
					window := FunnelWindow.Milliseconds()
					switch {
					case a.Name != ProductViewed:
					case b.Name == CartAdded && b.Time > a.Time && c.Name == OrderPaid && c.Time > b.Time && c.Time-a.Time <= window:
						best = 3
					case b.Name == CartAdded && b.Time > a.Time && b.Time-a.Time <= window:
						best = max(best, 2)
					default:
						best = max(best, 1)
					}
				}
			}
		}
		l := recorded(events...)
		if got := l.Expect(l.People()[0], at(99), 0).Funnel; got != best {
			t.Fatalf("%d steps, want %d of %+v", got, best, events)
		}
		reached[best]++
	}
	if min(reached[0], reached[1], reached[2], reached[3]) < 5 {
		t.Fatalf("levels %v: too few of one to say anything", reached)
	}
}

func TestFeatures(t *testing.T) {
	l := recorded(
		Event{Person: 3, Name: ProductViewed, Time: ms(1)}, Event{Person: 3, Name: CartAdded, Time: ms(2)},
		Event{Person: 3, Name: OrderPaid, Time: ms(3), Amount: 19_990_000, Coupon: true},
		Event{Person: 4, Name: OrderPaid, Time: ms(3.5), Amount: 99 * yuan}, // somebody else
		Event{Person: 3, Name: OrderPaid, Time: ms(4), Amount: 10_000},
		Event{Person: 3, Name: OrderPaid, Time: ms(4.5), Amount: 77 * yuan, Kind: Duplicate},
		Event{Person: 3, Name: SignedIn, Time: ms(5), City: 2}, Event{Person: 3, Name: CheckedIn, Time: ms(6)},
		Event{Person: 3, Name: FriendInvited, Time: ms(7), Slots: Phone1 | Device1},
	)
	want := Features{Events: 7, Orders: 2, CouponOrders: 1, Views: 1, CheckIns: 1, Invites: 1, PaidTotal: 20 * yuan, LargestOrder: 19_990_000,
		FirstPaid: run.Start + 3000, LastPaid: run.Start + 4000, LastCart: run.Start + 2000, LastSeen: run.Start + 7000, LastCity: "Hangzhou", Devices: 1}
	if got := l.Expect(l.People()[0], at(8), 0).Features; got != want {
		t.Fatalf("%+v\nwant %+v", got, want)
	}
}

// An event that Kafka had only after the deadline behind it is marked: it may have been no news.
func TestStaleEpisode(t *testing.T) {
	for late, want := range map[time.Duration]bool{0: false, 15 * time.Second: false, 18 * time.Second: true, 30 * time.Second: true} {
		l := New(run)
		l.Record(Event{Person: 3, Name: PageViewed, Slots: Phone1, Time: at(1).UnixMilli()}, at(1))
		l.Record(Event{Person: 3, Name: PageViewed, Slots: Phone1, Time: at(5).UnixMilli(), Seq: 1}, at(5).Add(late))
		must := l.Story(l.People()[0], at(60), Slack).Must
		if len(must) != 1 || must[0].Tag != Silent || must[0].Stale != want {
			t.Errorf("%v late: %+v", late, must)
		}
	}
}

func TestStory(t *testing.T) {
	cart, order := Event{Person: 3, Name: CartAdded, Slots: Phone1}, Event{Person: 3, Name: OrderPaid, Amount: 3000 * yuan}
	event := func(ev Event, second float64) Event { ev.Time = ms(second); return ev }
	page := Event{Person: 3, Name: PageViewed}
	for _, c := range []struct {
		name    string
		events  []Event
		must    []Episode
		ever    []Tag
		against map[Tag][]float64 // entering then is contradicted
		allowed map[Tag][]float64
	}{
		{"a cart left alone", []Event{event(page, 0), event(cart, 5), event(page, 6)},
			[]Episode{{Tag: Silent, Due: run.Start + 26_000, End: run.Start + 40_000}, {Tag: CartAbandoned, Due: run.Start + 13_000, End: run.Start + 40_000}}, nil,
			map[Tag][]float64{CartAbandoned: {4, 10}, Silent: {10, 23}}, map[Tag][]float64{CartAbandoned: {13, 25}, Silent: {26}}},
		{"a cart paid", []Event{event(page, 0), event(cart, 5), event(order, 8), event(page, 9)},
			[]Episode{{Tag: Silent, Due: run.Start + 29_000, End: run.Start + 40_000}}, []Tag{BigBasket, BigSpender},
			map[Tag][]float64{CartAbandoned: {13, 25}, Inviter: {9}, Explorer: {9}}, map[Tag][]float64{BigBasket: {8}, BigSpender: {8}}},
		{"a cart paid at the last moment", []Event{event(page, 0), event(cart, 5), event(order, 13)}, []Episode{{Tag: Silent, Due: run.Start + 33_000, End: run.Start + 40_000}},
			[]Tag{BigBasket, BigSpender}, map[Tag][]float64{CartAbandoned: {20}}, map[Tag][]float64{CartAbandoned: {13, 14}}},
		{"identities not yet known", []Event{event(cart, 1), {Person: 3, Name: SignedIn, Time: ms(1.5), Slots: Phone1 | Device1}, {Person: 3, Name: PageViewed, Time: ms(39), Slots: Device1}}, nil, nil,
			map[Tag][]float64{MultiDevice: {10}}, map[Tag][]float64{CartAbandoned: {10}, FromShanghai: {3}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := recorded(c.events...)
			s := l.Story(l.People()[0], at(40), Slack)
			if len(s.Must) != len(c.must) {
				t.Fatalf("must %+v, want %+v", s.Must, c.must)
			}
			for i := range c.must {
				if s.Must[i] != c.must[i] {
					t.Errorf("must %+v, want %+v", s.Must[i], c.must[i])
				}
			}
			var ever [TagCount]bool
			for _, tag := range c.ever {
				ever[tag] = true
			}
			if s.Ever != ever {
				t.Errorf("ever %v, want %v", s.Ever, ever)
			}
			for tag, instants := range c.against {
				for _, second := range instants {
					if !s.Contradicts(tag, at(second).UnixMilli()) {
						t.Errorf("%s may enter at %v s", tag, second)
					}
				}
			}
			for tag, instants := range c.allowed {
				for _, second := range instants {
					if s.Contradicts(tag, at(second).UnixMilli()) {
						t.Errorf("%s may not enter at %v s", tag, second)
					}
				}
			}
		})
	}
}

// TestALatePaymentIsNoExcuse: what counts is when the payment was sent, not when it says it happened.
func TestALatePaymentIsNoExcuse(t *testing.T) {
	l := New(run)
	l.Record(Event{Seq: 0, Person: 3, Name: CartAdded, Time: at(5).UnixMilli(), Slots: Phone1}, at(5))
	l.Record(Event{Seq: 1, Of: 1, Person: 3, Name: OrderPaid, Time: at(6).UnixMilli(), Slots: Phone1}, at(30))
	s := l.Story(l.People()[0], at(40), Slack)
	if s.Contradicts(CartAbandoned, at(13).UnixMilli()) {
		t.Error("at 13 s nobody could know of the payment")
	}
	if !s.Contradicts(CartAbandoned, at(34).UnixMilli()) {
		t.Error("at 34 s the payment was known")
	}
}

// TestPatience: what a pipeline five seconds behind may have passed over need not have been noticed.
func TestPatience(t *testing.T) {
	l := recorded(Event{Person: 3, Time: ms(0)}, Event{Person: 3, Name: CartAdded, Time: ms(8)},
		Event{Person: 3, Name: OrderPaid, Amount: yuan, Time: ms(20)}, Event{Person: 3, Time: ms(39)})
	for _, c := range []struct {
		name     string
		patience time.Duration
		must     int
		against  float64 // the first second, of whole ones from 20 on, at which the payment speaks against the cart
	}{
		{"on time", 0, 1, 22}, {"three seconds behind", 3 * time.Second, 1, 23}, {"five seconds behind", 5 * time.Second, 0, 25},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := l.Story(l.People()[0], at(40), c.patience)
			if len(s.Must) != c.must {
				t.Errorf("must %+v, want %d", s.Must, c.must)
			}
			if s.Contradicts(CartAbandoned, at(c.against-1).UnixMilli()) || !s.Contradicts(CartAbandoned, at(c.against).UnixMilli()) {
				t.Errorf("the payment does not count from %v s on", c.against)
			}
			for second, against := range map[float64]bool{21: false, 22: true} {
				if due := at(second).UnixMilli(); s.ContradictsDeadline(CartAbandoned, due) != against {
					t.Errorf("a timer due at %v s: the payment of 20 s speaks against it: %v, want %v", second, !against, against)
				}
			}
		})
	}
}
