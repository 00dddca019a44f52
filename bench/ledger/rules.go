package ledger

import "portrait/schemas"

// Tag is one tag of schemas/catalog/demo.yaml.
type Tag int

// The tags, in the order of their names.
const (
	ActiveThisWeek Tag = iota
	BigBasket
	BigSpender
	CartAbandoned
	CommunityRegular
	CouponHunter
	Explorer
	FromShanghai
	Inviter
	Lifecycle
	MultiDevice
	RFM
	Silent
	SkincareFan
	TagCount
)

var tagNames = [TagCount]string{"active_this_week", "big_basket", "big_spender", "cart_abandoned",
	"community_regular", "coupon_hunter", "explorer", "from_shanghai", "inviter", "lifecycle", "multi_device",
	"rfm", "silent", "skincare_fan"}

// String returns the tag's name.
func (t Tag) String() string { return tagNames[t] }

// Tags are the values of all tags of one person: "" is off or no value, "true" on, else the enum's value.
type Tags [TagCount]string

// The numbers of demo.yaml; times in ms.
const (
	second         = 1000
	dormantAfter   = 45 * second
	atRiskAfter    = 35 * second
	abandonedAfter = 8 * second
	abandonedUntil = 30 * second
	silentAfter    = 20 * second
	spendWindow    = 30 * second
	skincareWindow = 20 * second
	recentWindow   = 15 * second // sessions and categories
	bucket         = 1 * second

	bigSpend     = 2500 * schemas.DecimalOne
	bigOrder     = 1000 * schemas.DecimalOne
	championPaid = 3000 * schemas.DecimalOne
	sampleBelow  = 10 * schemas.DecimalOne
)

// Features are what a person's events add up to, whatever the time is.
type Features struct {
	Events, Orders, CouponOrders, Views, CheckIns, Invites int64
	PaidTotal, LargestOrder                                schemas.Decimal
	FirstPaid, LastPaid, LastCart, LastSeen                int64  // ms; 0: never
	LastCity                                               string // "" : never
	Devices                                                int
}

// history is a person's events up to some point, and what they add up to.
type history struct {
	Features
	person int32
	slots  Slots
	events []*Event // in the order of time
}

func (h *history) add(ev *Event) {
	h.events = append(h.events, ev)
	h.Events++
	h.LastSeen = ev.Time
	h.slots |= Owned(h.person, ev.Slots)
	h.Devices = 0
	for _, device := range [...]Slots{Device1, Device2, Tablet} {
		if h.slots&device != 0 {
			h.Devices++
		}
	}
	switch ev.Name {
	case ProductViewed:
		h.Views++
	case CartAdded:
		h.LastCart = ev.Time
	case OrderPaid:
		h.Orders++
		h.PaidTotal += ev.Amount
		h.LargestOrder = max(h.LargestOrder, ev.Amount)
		if h.FirstPaid == 0 {
			h.FirstPaid = ev.Time
		}
		h.LastPaid = ev.Time
		if ev.Coupon {
			h.CouponOrders++
		}
	case SignedIn:
		h.LastCity = CityName(ev.City)
	case CheckedIn:
		h.CheckIns++
	case FriendInvited:
		h.Invites++
	}
}

// windows is what sliding windows hold at an instant.
type windows struct {
	paid                           schemas.Decimal
	skincare, sessions, categories int
}

// inWindow: a window of n buckets at now covers the buckets k with floor(now/b)-n < k <= floor(now/b).
func inWindow(t, now, window int64) bool {
	k, last := t/bucket, now/bucket
	return k > last-window/bucket && k <= last
}

func (h *history) windows(now int64) windows {
	var w windows
	var sessions []int32
	var categories uint32
	for i := len(h.events) - 1; i >= 0 && inWindow(h.events[i].Time, now, spendWindow); i-- {
		ev := h.events[i]
		if ev.Name == OrderPaid {
			w.paid += ev.Amount
		}
		if ev.Name == ProductViewed && ev.Category == Skincare && ev.Amount >= sampleBelow && inWindow(ev.Time, now, skincareWindow) {
			w.skincare++
		}
		if !inWindow(ev.Time, now, recentWindow) {
			continue
		}
		if !contains(sessions, ev.Session) {
			sessions = append(sessions, ev.Session)
		}
		if ev.Name == ProductViewed || ev.Name == CartAdded {
			if categories&(1<<ev.Category) == 0 {
				w.categories++
			}
			categories |= 1 << ev.Category
		}
	}
	w.sessions = len(sessions)
	return w
}

func contains(list []int32, n int32) bool {
	for _, m := range list {
		if m == n {
			return true
		}
	}
	return false
}

// tags evaluates every rule at now, in ms, or at the newest event if that is later.
func (h *history) tags(now int64) Tags {
	now = max(now, h.LastSeen)
	w := h.windows(now)
	var t Tags
	on := func(tag Tag, holds bool) {
		if holds {
			t[tag] = "true"
		}
	}
	on(ActiveThisWeek, w.sessions >= 4)
	on(BigBasket, h.LargestOrder >= bigOrder)
	on(BigSpender, w.paid >= bigSpend)
	sinceCart := now - h.LastCart
	on(CartAbandoned, h.LastCart > h.LastPaid && sinceCart > abandonedAfter && sinceCart <= abandonedUntil)
	on(CommunityRegular, h.CheckIns >= 3)
	on(CouponHunter, h.CouponOrders >= 2 && h.CouponOrders*2 >= h.Orders)
	on(Explorer, w.categories >= 6)
	on(FromShanghai, h.LastCity == CityName(Shanghai))
	on(Inviter, h.Invites >= 1)
	t[Lifecycle] = h.lifecycle(now)
	on(MultiDevice, h.Devices >= 2)
	t[RFM] = h.rfm(now)
	on(Silent, now-h.LastSeen > silentAfter)
	on(SkincareFan, w.skincare >= 5)
	return t
}

func (h *history) lifecycle(now int64) string {
	switch {
	case h.Orders > 0 && now-h.LastPaid > dormantAfter:
		return "dormant"
	case h.Orders > 1:
		return "repeat"
	case h.Orders == 1:
		return "new"
	}
	return "potential"
}

func (h *history) rfm(now int64) string {
	switch {
	case h.Orders > 0 && now-h.LastPaid > atRiskAfter:
		return "at_risk"
	case h.Orders >= 3 && h.PaidTotal >= championPaid:
		return "champion"
	case h.Orders >= 2:
		return "loyal"
	case h.Orders == 1:
		return "promising"
	}
	return ""
}
