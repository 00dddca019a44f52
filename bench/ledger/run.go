package ledger

import (
	"strconv"
	"strings"
	"time"
)

// Slots is a set of identifiers of one person.
type Slots uint16

// The slots. Tablet is the household's shared device.
const (
	Customer Slots = 1 << iota
	Union
	Phone1
	Phone2
	WeCom
	OpenID1
	OpenID2
	Email
	Device1
	Device2
	Anon1
	Anon2
	Tablet
)

// SlotCount is how many slots there are.
const SlotCount = 13

var slotTypes = [SlotCount]string{"customer_id", "unionid", "phone", "phone", "external_userid@corp1",
	"openid@wxapp1", "openid@wxapp2", "email", "device_id", "device_id", "anonymous_id", "anonymous_id", "device_id"}

var slotPrefixes = [SlotCount]string{"C", "U", "", "", "wm", "oa", "ob", "p", "d1-", "d2-", "a1-", "a2-", "t-"}

// Household is the size of a block of people of which the first three share a tablet: the first owns it.
const Household = 8

// Run names one run: what ids and planned times are computed from.
type Run struct {
	Number uint32 // part of every id
	Rate   int    // events per second
	Start  int64  // ms since 1970 of sequence number 0
}

// Planned returns when the event should be sent, after the start.
func (r Run) Planned(seq int32) time.Duration {
	return time.Duration(int64(seq) * int64(time.Second) / int64(r.Rate))
}

// PlannedAt returns when the event should be sent, as wall time.
func (r Run) PlannedAt(seq int32) time.Time {
	return time.UnixMilli(r.Start).Add(r.Planned(seq))
}

// EventPrefix is what all event ids of the run begin with.
func (r Run) EventPrefix() string { return "ev-" + strconv.FormatUint(uint64(r.Number), 36) + "-" }

// AppendEventID appends the event id of a sequence number. Ids sort like sequence numbers.
func (r Run) AppendEventID(b []byte, seq int32) []byte {
	b = append(b, "ev-"...)
	b = strconv.AppendUint(b, uint64(r.Number), 36)
	b = append(b, '-')
	return appendPadded(b, uint64(seq), 9)
}

// EventID returns the event id of a sequence number.
func (r Run) EventID(seq int32) string { return string(r.AppendEventID(nil, seq)) }

// Seq returns the sequence number of an event id of this run.
func (r Run) Seq(id string) (int32, bool) {
	rest, ok := strings.CutPrefix(id, r.EventPrefix())
	if !ok || len(rest) != 9 {
		return 0, false
	}
	n, err := strconv.ParseInt(rest, 10, 32)
	return int32(n), err == nil
}

// SlotType returns the identifier type, with its scope, of slot k (a bit number).
func SlotType(k int) string { return slotTypes[k] }

// AppendIdentifier appends the value of person's slot k in normal form (phones as E.164).
func (r Run) AppendIdentifier(b []byte, person int32, k int) []byte {
	switch Slots(1) << k {
	case Phone1:
		return r.appendPhone(b, uint64(person)*2)
	case Phone2:
		return r.appendPhone(b, uint64(person)*2+1)
	case Tablet:
		person /= Household
	}
	b = append(b, slotPrefixes[k]...)
	b = strconv.AppendUint(b, uint64(r.Number), 36)
	b = append(b, '-')
	b = strconv.AppendUint(b, uint64(person), 10)
	if Slots(1)<<k == Email {
		b = append(b, "@shop.example"...)
	}
	return b
}

// Identifier returns the value of person's slot k in normal form.
func (r Run) Identifier(person int32, k int) string {
	return string(r.AppendIdentifier(nil, person, k))
}

// appendPhone appends the n-th mobile number of the run. Multiplying by a number that shares no factor
// with 10^9 visits every number once and in no visible order, so none looks like a test number.
func (r Run) appendPhone(b []byte, n uint64) []byte {
	const modulus = 1_000_000_000
	mixed := (n*618_033_989 + uint64(r.Number)*271_828_183 + 314_159_265) % modulus
	b = append(b, "+8613"...)
	return appendPadded(b, mixed, 9)
}

// AppendKey appends the Kafka key of a person's events. People who share a tablet share the key: then
// the router sees their events in the order in which they were sent.
func (r Run) AppendKey(b []byte, person int32) []byte {
	if person%Household < 3 {
		b = append(b, 'h')
		person /= Household
	} else {
		b = append(b, 'p')
	}
	b = strconv.AppendUint(b, uint64(r.Number), 36)
	b = append(b, '-')
	return strconv.AppendUint(b, uint64(person), 10)
}

// Owned leaves out of s what is not person's own: the tablet of a household belongs to its first.
func Owned(person int32, s Slots) Slots {
	if person%Household != 0 {
		s &^= Tablet
	}
	return s
}

func appendPadded(b []byte, n uint64, width int) []byte {
	for div := pow10(width - 1); div > 0; div /= 10 {
		b = append(b, byte('0'+n/div%10))
	}
	return b
}

func pow10(n int) uint64 {
	p := uint64(1)
	for ; n > 0; n-- {
		p *= 10
	}
	return p
}
