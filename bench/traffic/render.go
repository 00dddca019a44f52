package traffic

import (
	"strconv"
	"strings"
)

const (
	runLength    = 8
	personDigits = 10
	seqDigits    = 13
)

// template is the JSON of one kind of event and one set of identifiers; its fields have fixed places.
type template struct {
	text                                                []byte
	seq, time, customer, device, category, amount, city int // offsets; 0: absent
}

// Renderer writes events as JSON. It keeps the key's buffer: one per goroutine.
type Renderer struct {
	plan      *Plan
	templates [kinds][4]template // by kind, and 1: customer, 2: device
	key       [1 + runLength + personDigits]byte
}

// NewRenderer prepares the templates of a plan.
func NewRenderer(p *Plan) *Renderer {
	r := &Renderer{plan: p}
	for k := range kinds {
		for who := 1; who < 4; who++ {
			r.templates[k][who] = newTemplate(p.config.Run, k, who&1 != 0, who&2 != 0)
		}
	}
	copy(r.key[:], "c"+p.config.Run)
	return r
}

// newTemplate writes an event with marks of the fields' lengths and notes where they stand.
func newTemplate(run string, k Kind, customer, device bool) (t template) {
	var b strings.Builder
	mark := func(place *int, n int) {
		*place = b.Len()
		b.WriteString(strings.Repeat("0", n))
	}
	b.WriteString(`{"event_id":"` + run + "-")
	mark(&t.seq, seqDigits)
	b.WriteString(`","event":"` + kindNames[k] + `","time":`)
	mark(&t.time, 13)
	b.WriteString(`,"channel":"miniprogram","identifiers":{`)
	if customer {
		b.WriteString(`"customer_id":"c` + run)
		mark(&t.customer, personDigits)
		b.WriteString(`"`)
	}
	if device {
		if customer {
			b.WriteString(",")
		}
		b.WriteString(`"device_id":"d` + run)
		mark(&t.device, personDigits+2)
		b.WriteString(`"`)
	}
	b.WriteString(`},"properties":{"category":"`)
	mark(&t.category, len(categories[0]))
	b.WriteString(`","amount":`)
	mark(&t.amount, 5)
	b.WriteString(`,"city":"`)
	mark(&t.city, len(cities[0]))
	b.WriteString(`","page":"pages/` + kindNames[k] + `/index","app_version":"8.0.61","scene":1089}}`)
	t.text = []byte(b.String())
	return t
}

// Append appends the JSON of event n to b.
func (r *Renderer) Append(b []byte, n int64, e *Event) []byte {
	who := 0
	if e.Customer {
		who = 1
	}
	if e.Device >= 0 {
		who |= 2
	}
	t := &r.templates[e.Kind][who]
	at := len(b)
	b = append(b, t.text...)
	out := b[at:]
	seq := n
	if n < 0 { // preloaded: their ids begin with a 9
		seq = 9_000_000_000_000 - n
	}
	digits(out[t.seq:t.seq+seqDigits], seq)
	digits(out[t.time:t.time+13], e.Time)
	if t.customer > 0 {
		digits(out[t.customer:t.customer+personDigits], int64(e.Person))
	}
	if t.device > 0 {
		digits(out[t.device:t.device+personDigits], int64(e.Person))
		out[t.device+personDigits] = '-'
		out[t.device+personDigits+1] = byte('0' + e.Device)
	}
	copy(out[t.category:], categories[e.Category])
	digits(out[t.amount:t.amount+3], int64(e.Amount/10))
	out[t.amount+3], out[t.amount+4] = '.', byte('0'+e.Amount%10)
	copy(out[t.city:], cities[e.City])
	return b
}

// Key returns the Kafka key of a person's records, valid until the next call: all of a person's events stand in one
// partition, in order.
func (r *Renderer) Key(e *Event) []byte {
	digits(r.key[1+runLength:], int64(e.Person))
	return r.key[:]
}

// digits writes v right-aligned with leading zeros.
func digits(out []byte, v int64) {
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = byte('0' + v%10)
		v /= 10
	}
}

// Seq returns the number of the event whose id this is; ok is false if it is of another run.
func (p *Plan) Seq(eventID []byte) (n int64, ok bool) { return seqOf(p.config.Run, eventID) }

func seqOf(run string, eventID []byte) (n int64, ok bool) {
	if len(eventID) != runLength+1+seqDigits || string(eventID[:runLength]) != run {
		return 0, false
	}
	for _, c := range eventID[runLength+1:] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if n >= 9_000_000_000_000 {
		n = 9_000_000_000_000 - n
	}
	return n, true
}

// EventPrefix begins the ids of all events of this run and of no other.
func (p *Plan) EventPrefix() string { return p.config.Run + "-" }

// node is an identifier of a person: the customer's id (device -1) or a device.
type node struct{ person, device int }

// parseValue reads an identifier by type and value.
func (p *Plan) parseValue(kind string, value []byte) (n node, ok bool) {
	if len(value) < 1+runLength+personDigits || string(value[1:1+runLength]) != p.config.Run {
		return n, false
	}
	person, err := strconv.Atoi(string(value[1+runLength : 1+runLength+personDigits]))
	if err != nil || person < 0 || person >= p.config.Persons {
		return n, false
	}
	rest := value[1+runLength+personDigits:]
	switch {
	case kind == "customer_id" && len(rest) == 0:
		return node{person, -1}, true
	case kind == "device_id" && len(rest) == 2 && rest[0] == '-' && rest[1] >= '0' && rest[1] < '0'+devices:
		return node{person, int(rest[1] - '0')}, true
	}
	return n, false
}
