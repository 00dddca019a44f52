package ledger

import "portrait/schemas"

// Name is the name of an event.
type Name uint8

// The events of the shop.
const (
	PageViewed Name = iota
	ProductViewed
	CartAdded
	OrderPaid
	SignedIn
	CheckedIn
	FriendInvited
	CouponClaimed
)

var names = [...]string{"page_viewed", "product_viewed", "cart_added", "order_paid", "signed_in",
	"checked_in", "friend_invited", "coupon_claimed"}

// String returns the canonical name, as ClickHouse stores it.
func (n Name) String() string { return names[n] }

// Kind says what must become of a record.
type Kind uint8

// The kinds of records.
const (
	Counted      Kind = iota // stored exactly once
	Duplicate                // the same bytes as the event Of: counted as a duplicate, changes nothing
	NotJSON                  // rejected
	NoIdentifier             // rejected: every identifier is junk
)

var kinds = [...]string{"counted", "duplicate", "not_json", "no_identifier"}

// String returns the word of the JSONL form.
func (k Kind) String() string { return kinds[k] }

// Rejected reports whether the record must end in the dead letters.
func (k Kind) Rejected() bool { return k == NotJSON || k == NoIdentifier }

// Categories and Cities are what events' Category and City count in.
var (
	categories = [...]string{"skincare", "makeup", "food", "home", "sport", "books", "toys"}
	cities     = [...]string{"Shanghai", "Beijing", "Hangzhou", "Chengdu", "Shenzhen"}
)

// Number of categories and cities.
const (
	Categories = len(categories)
	Cities     = len(cities)
	Skincare   = 0
	Shanghai   = 0
)

// CategoryName returns the name of category c, below Categories.
func CategoryName(c uint8) string { return categories[c] }

// CityName returns the name of city c, below Cities.
func CityName(c uint8) string { return cities[c] }

// Event is one record as it was sent: everything that its bytes are made of. It holds no pointer, so a
// million of them cost the garbage collector nothing.
type Event struct {
	Amount   schemas.Decimal // order_paid: paid; product_viewed, cart_added: price
	Time     int64           // ms: the event's `time`; of a duplicate the original's
	Sent     int64           // ms: when Kafka had acknowledged it
	Seq      int32           // place in the plan
	Of       int32           // duplicates: Seq of the original; else Seq
	Person   int32
	Session  int32
	Slots    Slots // identifiers it carries
	Junk     bool  // carries a junk identifier besides; it must be dropped
	Alias    bool  // sent under its alias ("Order Completed")
	Coupon   bool  // order_paid: with a coupon
	Name     Name
	Kind     Kind
	Category uint8
	City     uint8 // signed_in
}
