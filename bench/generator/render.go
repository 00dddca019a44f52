package generator

import (
	"strconv"
	"time"

	"portrait/bench/ledger"
)

// appendValue appends the Kafka value of ev. It is a function of run and event alone, so a duplicate is
// rendered from its original's record and has the very same bytes.
func appendValue(b []byte, run ledger.Run, ev *ledger.Event) []byte {
	if ev.Kind == ledger.NotJSON {
		b = append(b, `{"event_id":"`...)
		b = run.AppendEventID(b, ev.Of)
		return append(b, `","event":"product_viewed","identifiers":{`...) // torn off
	}
	b = append(b, `{"event_id":"`...)
	b = run.AppendEventID(b, ev.Of)
	b = append(b, `","event":"`...)
	b = append(b, eventName(ev)...)
	b = append(b, `","time":`...)
	b = appendTime(b, ev)
	b = append(b, `,"channel":"`...)
	b = append(b, channel(ev.Slots)...)
	b = append(b, `","identifiers":{`...)
	b = appendIdentifiers(b, run, ev)
	b = append(b, `},"properties":{`...)
	b = appendProperties(b, run, ev)
	return append(b, '}', '}')
}

// aliases are the names of the catalogue's aliases.
var aliases = map[ledger.Name]string{
	ledger.ProductViewed: "Product Viewed", ledger.CartAdded: "Product Added",
	ledger.OrderPaid: "Order Completed", ledger.SignedIn: "Signed In",
}

func eventName(ev *ledger.Event) string {
	if ev.Alias {
		if name, ok := aliases[ev.Name]; ok {
			return name
		}
	}
	return ev.Name.String()
}

// appendTime writes epoch milliseconds, and RFC 3339 now and then: both are allowed.
func appendTime(b []byte, ev *ledger.Event) []byte {
	if ev.Of%16 != 0 {
		return strconv.AppendInt(b, ev.Time, 10)
	}
	b = append(b, '"')
	b = time.UnixMilli(ev.Time).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	return append(b, '"')
}

func channel(s ledger.Slots) string {
	switch {
	case s&(ledger.OpenID1|ledger.OpenID2) != 0:
		return "miniprogram"
	case s&ledger.WeCom != 0:
		return "wecom"
	case s&ledger.Tablet != 0:
		return "store"
	case s&(ledger.Anon1|ledger.Anon2) != 0:
		return "web"
	}
	return "app"
}

func appendIdentifiers(b []byte, run ledger.Run, ev *ledger.Event) []byte {
	if ev.Kind == ledger.NoIdentifier {
		return append(b, `"customer_id":"0","anonymous_id":"unknown"`...)
	}
	start := len(b)
	if ev.Junk && ev.Slots&ledger.Customer == 0 {
		b = append(b, `"customer_id":"0"`...)
	} else if ev.Junk && ev.Slots&(ledger.Anon1|ledger.Anon2) == 0 {
		b = append(b, `"anonymous_id":"unknown"`...)
	}
	const phones = ledger.Phone1 | ledger.Phone2
	for k := range ledger.SlotCount {
		slot := ledger.Slots(1) << k
		if ev.Slots&slot == 0 || slot == ledger.Phone2 && ev.Slots&phones == phones {
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, ledger.SlotType(k)...)
		b = append(b, '"', ':')
		if slot == ledger.Phone1 && ev.Slots&phones == phones { // a list of both
			b = append(b, '[')
			b = appendIdentifier(b, run, ev, k)
			b = append(b, ',')
			b = appendIdentifier(b, run, ev, k+1)
			b = append(b, ']')
			continue
		}
		b = appendIdentifier(b, run, ev, k)
	}
	return b
}

// appendIdentifier writes a phone in one of three forms that mean the same number.
func appendIdentifier(b []byte, run ledger.Run, ev *ledger.Event, k int) []byte {
	b = append(b, '"')
	at := len(b)
	b = run.AppendIdentifier(b, ev.Person, k)
	if ledger.Slots(1)<<k&(ledger.Phone1|ledger.Phone2) != 0 { // +86 1xx xxxx xxxx is 14 bytes
		switch ev.Of % 4 {
		case 1: // 13812345678
			b = append(b[:at], b[at+3:]...)
		case 2: // +86 138-1234-5678
			var n [11]byte
			copy(n[:], b[at+3:])
			b = append(b[:at+3], ' ', n[0], n[1], n[2], '-', n[3], n[4], n[5], n[6], '-', n[7], n[8], n[9], n[10])
		}
	}
	return append(b, '"')
}

func appendProperties(b []byte, run ledger.Run, ev *ledger.Event) []byte {
	b = append(b, `"session_id":"s`...)
	b = strconv.AppendInt(b, int64(ev.Person), 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, int64(ev.Session), 10)
	b = append(b, '"')
	switch ev.Name {
	case ledger.ProductViewed, ledger.CartAdded:
		b = append(b, `,"product_id":"sku-`...)
		b = strconv.AppendInt(b, int64(ev.Of%500), 10)
		b = append(b, `","category":"`...)
		b = append(b, ledger.CategoryName(ev.Category)...)
		b = append(b, `","price":`...)
		b = ev.Amount.Append(b)
		if ev.Name == ledger.CartAdded {
			b = append(b, `,"quantity":1`...)
		}
	case ledger.OrderPaid:
		b = append(b, `,"order_id":"o-`...)
		b = run.AppendEventID(b, ev.Of)
		b = append(b, `","amount":`...)
		b = ev.Amount.Append(b)
		b = append(b, `,"currency":"CNY"`...)
		if ev.Coupon {
			b = append(b, `,"coupon":"NEW10"`...)
		}
	case ledger.SignedIn:
		b = append(b, `,"city":"`...)
		b = append(b, ledger.CityName(ev.City)...)
		b = append(b, '"')
	case ledger.PageViewed:
		b = append(b, `,"page":"home"`...)
	case ledger.CouponClaimed:
		b = append(b, `,"coupon":"NEW10"`...)
	}
	return b
}
