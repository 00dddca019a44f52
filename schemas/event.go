package schemas

// RawEvent is one event as a producer sent it: its JSON is valid and of the right shape, its values
// are as sent. Nothing is normalised yet, so it may hold phone numbers: it must not be stored.
type RawEvent struct {
	ID          string // event_id as sent; "" if absent
	Name        string // event: never empty
	Channel     string
	TimeMS      int64 // ms since 1970, if HasTime
	HasTime     bool
	Identifiers []RawIdentifier // in the order sent
	Props       []RawProp       // in the order sent, keys are unique
}

// RawIdentifier is one value under "identifiers". A list of values gives one RawIdentifier each.
type RawIdentifier struct {
	Type  string // may carry a scope: "openid@wxapp1"
	Value string // a string unescaped, or an integer's JSON text
}

// RawKind is the JSON type of a property; the numbers are those of wire.PropKind.
type RawKind byte

// The kinds of properties.
const (
	RawNull RawKind = iota
	RawBool
	RawNumber
	RawString
	RawJSON // an object or array
)

// RawProp is one property. Text is "true" or "false", the number's JSON text (never converted, so
// amounts stay exact), the string unescaped, or the JSON text of an object or array as sent.
//
// A top-level field that the contract does not know is kept as a property under "$" + its name, with
// further "$" in front for as long as "properties" has that key itself.
type RawProp struct {
	Key  string
	Kind RawKind
	Text string
}

// Limits of one event. A wrong event costs its producer one dead letter; without limits it would
// cost everybody: what one record may do to the machine has to be bounded (DESIGN.md section 6).
const (
	// MaxEventBytes bounds the JSON of one event: two fit into an inbox record, and an event that is
	// forwarded fits into a message. Real events have 0.3 to 5 KiB.
	MaxEventBytes = 256 << 10
	// MaxEventsPerRecord bounds an array: index numbers stay small and a record's effect bounded.
	MaxEventsPerRecord = 10_000
	// MaxProps bounds the properties, unknown fields included: each is stored, and filters search them.
	MaxProps = 1000
	// MaxIdentifiers bounds the identifier values: each may cost a message to another partition.
	MaxIdentifiers = 64
	// MaxNameBytes bounds an event name: it is a low-cardinality column in ClickHouse.
	MaxNameBytes = 128
	// MaxChannelBytes bounds a channel for the same reason.
	MaxChannelBytes = 128
	// MaxEventIDBytes bounds an event id: a hash or several UUIDs fit.
	MaxEventIDBytes = 256
	// MaxDepth bounds nesting, the event itself being depth 1: readers behind us recurse.
	MaxDepth = 32
	// MaxEventTime is the last millisecond of the year 9999, the last that RFC 3339 can write.
	MaxEventTime = 253_402_300_799_999
)

// Reason says why an event was rejected. The texts are a stable public contract: they are in the
// dead letter's header, in metrics and in ClickHouse.
type Reason string

// The reasons. All but the last two are found by DecodeEvents: the router finds NoIdentifier, the machine, which
// knows the catalogue, IdentifiersBlocked.
const (
	ReasonNotJSON            Reason = "not_json"      // syntax error, trailing bytes, or nothing at all
	ReasonInvalidUTF8        Reason = "invalid_utf8"  // also an escaped half of a surrogate pair
	ReasonDuplicateKey       Reason = "duplicate_key" // at any depth: readers disagree on which one counts
	ReasonWrongShape         Reason = "wrong_shape"   // JSON, but not of the contract
	ReasonTooDeep            Reason = "too_deep"
	ReasonEventTooLarge      Reason = "event_too_large"
	ReasonTooManyEvents      Reason = "too_many_events"
	ReasonTooManyProperties  Reason = "too_many_properties"
	ReasonTooManyIdentifiers Reason = "too_many_identifiers"
	ReasonEmptyName          Reason = "empty_name"
	ReasonNameTooLong        Reason = "name_too_long"
	ReasonChannelTooLong     Reason = "channel_too_long"
	ReasonIDTooLong          Reason = "event_id_too_long"
	ReasonBadTime            Reason = "bad_time"      // no RFC 3339, no integer of ms (IsSeconds), before 1970 or after 9999
	ReasonNoIdentifier       Reason = "no_identifier" // none is usable: absent, junk or of unknown type
	ReasonIdentifiersBlocked Reason = "identifiers_blocked"
)

// Rejection is why one event cannot be used. Detail names the place ("time, at byte 57", counted from
// the event's first byte) and what was expected, never what was there: it may be somebody's number.
type Rejection struct {
	Reason Reason
	Detail string
}

// Error returns "reason: detail".
func (r *Rejection) Error() string { return string(r.Reason) + ": " + r.Detail }

// Item is one event of a record, or why there is none. Exactly one of Event and Err is set.
type Item struct {
	Index int // from 0; 0 if the record as a whole is rejected
	Event *RawEvent
	Raw   []byte // the event's bytes as sent: a dead letter's value; shares the record's memory
	Err   *Rejection
}

// DecodeEvents reads the value of one record of portrait.events: one event or an array of events. It
// returns at least one item. A bad event in an array whose syntax is intact rejects only itself.
func DecodeEvents(value []byte) []Item {
	var items []Item
	NewEventDecoder().Each(value, func(it Item) {
		if it.Event != nil {
			ev := *it.Event
			ev.Identifiers = append([]RawIdentifier(nil), ev.Identifiers...)
			ev.Props = append([]RawProp(nil), ev.Props...)
			it.Event = &ev
		}
		items = append(items, it)
	})
	return items
}
