package generator

import (
	"time"

	"portrait/bench/ledger"
)

// step is one event of a person's first minutes: what becomes known, and how long after the step before.
// Gaps before a step that joins identities are at least quiet (see doc.go).
type step struct {
	name     ledger.Name
	slots    ledger.Slots
	min, max time.Duration
}

const (
	quiet     = 2500 * time.Millisecond // before a step that joins two identities
	unhurried = 4 * time.Second
	handover  = 8 * time.Second // from the owner's login on a shared tablet to its first guest
)

// Archetypes: how somebody becomes known. Those that share a tablet come first.
const (
	tabletOwner = iota
	tabletGuest
	ownDeviceGuest
	phoneOnly
	appThenLate
	anonymousCart
	miniProgram
	twoMiniPrograms
	wecomFriend
	twoDevices
	twoPhones
	archetypes
)

const (
	browser = ledger.Device1 | ledger.Anon1
	laptop  = ledger.Device2 | ledger.Anon2
)

// scripts leads each archetype to the set of identifiers it uses from then on. Every script ends with all
// of a person's identifiers in one profile: each strong identifier was sent beside another strong one of the same
// person, each weak one when its profile held no strong one yet.
var scripts = [archetypes][]step{
	tabletOwner: {
		{ledger.PageViewed, ledger.Tablet, 0, 0},
		{ledger.ProductViewed, ledger.Tablet, 500 * time.Millisecond, time.Second},
		{ledger.SignedIn, ledger.Phone1 | ledger.Tablet, quiet, unhurried},
	},
	tabletGuest: {
		{ledger.SignedIn, ledger.Phone1 | ledger.Tablet, 0, 0},
		{ledger.ProductViewed, ledger.Phone1 | ledger.Tablet, time.Second, 2 * time.Second},
	},
	ownDeviceGuest: {
		{ledger.PageViewed, browser, 0, 0},
		{ledger.SignedIn, ledger.Phone1 | browser, quiet, unhurried},
		{ledger.ProductViewed, ledger.Phone1 | ledger.Tablet, quiet, unhurried},
	},
	phoneOnly: {
		{ledger.SignedIn, ledger.Phone1, 0, 0},
	},
	appThenLate: {
		{ledger.PageViewed, browser, 0, 0},
		{ledger.ProductViewed, browser, 300 * time.Millisecond, 1500 * time.Millisecond},
		{ledger.SignedIn, ledger.Phone1 | browser, quiet, unhurried},
		{ledger.SignedIn, ledger.Customer | ledger.Phone1 | ledger.Device1, quiet, unhurried},
		{ledger.PageViewed, ledger.Customer | ledger.Email, quiet, unhurried},
	},
	anonymousCart: {
		{ledger.ProductViewed, browser, 0, 0},
		{ledger.CartAdded, browser, 500 * time.Millisecond, time.Second},
		{ledger.SignedIn, ledger.Phone1 | browser, quiet, 3 * time.Second},
		{ledger.OrderPaid, ledger.Phone1 | ledger.Device1, quiet, 3 * time.Second},
		{ledger.SignedIn, ledger.Customer | ledger.Phone1, quiet, unhurried},
	},
	miniProgram: {
		{ledger.PageViewed, ledger.OpenID1 | ledger.Device1, 0, 0},
		{ledger.ProductViewed, ledger.OpenID1 | ledger.Device1, 300 * time.Millisecond, time.Second},
		{ledger.SignedIn, ledger.Union | ledger.OpenID1, quiet, unhurried},
		{ledger.SignedIn, ledger.Union | ledger.Phone1 | ledger.OpenID1, quiet, unhurried},
	},
	twoMiniPrograms: {
		{ledger.PageViewed, ledger.OpenID1, 0, 0},
		{ledger.SignedIn, ledger.Union | ledger.OpenID1, quiet, unhurried},
		{ledger.PageViewed, ledger.Union | ledger.OpenID2, quiet, unhurried},
		{ledger.SignedIn, ledger.Customer | ledger.Union, quiet, unhurried},
	},
	wecomFriend: {
		{ledger.PageViewed, ledger.WeCom, 0, 0},
		{ledger.ProductViewed, ledger.WeCom | ledger.Anon1, quiet, unhurried},
		{ledger.SignedIn, ledger.Union | ledger.WeCom, quiet, unhurried},
		{ledger.SignedIn, ledger.Union | ledger.OpenID1 | ledger.Device1, quiet, unhurried},
		{ledger.SignedIn, ledger.Union | ledger.Phone1, quiet, unhurried},
	},
	twoDevices: {
		{ledger.PageViewed, browser, 0, 0},
		{ledger.ProductViewed, laptop, 500 * time.Millisecond, time.Second},
		{ledger.ProductViewed, browser, 500 * time.Millisecond, time.Second},
		{ledger.ProductViewed, laptop, 500 * time.Millisecond, time.Second},
		{ledger.SignedIn, ledger.Phone1 | browser, quiet, 3 * time.Second},
		{ledger.SignedIn, ledger.Phone1 | laptop, quiet, 3 * time.Second},
		{ledger.SignedIn, ledger.Customer | ledger.Phone1, quiet, unhurried},
	},
	twoPhones: {
		{ledger.SignedIn, ledger.Phone1 | ledger.Device1, 0, 0},
		{ledger.SignedIn, ledger.Phone1 | ledger.Phone2, quiet, unhurried},
		{ledger.SignedIn, ledger.Customer | ledger.Phone2, quiet, unhurried},
	},
}

// steady is what somebody who is known sends; one of the sets per event.
var steady = [archetypes][]ledger.Slots{
	tabletOwner:     {ledger.Phone1 | ledger.Tablet},
	tabletGuest:     {ledger.Phone1 | ledger.Tablet, ledger.Phone1},
	ownDeviceGuest:  {ledger.Phone1 | ledger.Device1, ledger.Phone1 | ledger.Tablet},
	phoneOnly:       {ledger.Phone1},
	appThenLate:     {ledger.Customer | ledger.Device1, ledger.Phone1 | browser, ledger.Customer | ledger.Email},
	anonymousCart:   {ledger.Customer | ledger.Device1, ledger.Phone1 | ledger.Device1, browser},
	miniProgram:     {ledger.Union | ledger.OpenID1, ledger.OpenID1 | ledger.Device1, ledger.Phone1},
	twoMiniPrograms: {ledger.OpenID1, ledger.OpenID2, ledger.Customer},
	wecomFriend:     {ledger.Union | ledger.WeCom, ledger.OpenID1 | ledger.Device1, ledger.Phone1},
	twoDevices:      {ledger.Customer | ledger.Device1, ledger.Customer | ledger.Device2, ledger.Phone1 | browser},
	twoPhones:       {ledger.Customer | ledger.Device1, ledger.Phone1, ledger.Phone2},
}

// singles are the archetypes of people who share nothing, as often as they stand here.
var singles = [...]uint8{appThenLate, appThenLate, appThenLate, anonymousCart, anonymousCart, miniProgram,
	miniProgram, twoMiniPrograms, wecomFriend, twoDevices, twoDevices, twoPhones, phoneOnly}

// longest is the most time that an archetype's script takes when each step is sent as soon as it is due.
func longest(archetype uint8) time.Duration {
	var total time.Duration
	for _, s := range scripts[archetype] {
		total += s.max
	}
	return total
}
