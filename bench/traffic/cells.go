package traffic

import (
	"math/bits"
	"time"
)

// The time zone of a deployment that does not say otherwise: Asia/Shanghai, eight hours east all year.
const (
	zoneOffset = 8 * 3_600_000
	dayLength  = 86_400_000
)

// day is the calendar day of an instant (ms) in a zone; nil is Asia/Shanghai, without a look at tables.
func day(ms int64, zone *time.Location) int64 {
	if zone == nil {
		return (ms + zoneOffset) / dayLength
	}
	_, east := time.UnixMilli(ms).In(zone).Zone()
	return (ms + int64(east)*1000) / dayLength
}

// cellOf is the number of the cell an event counts in.
func cellOf(e *Event) uint8 {
	c := uint8(e.Kind)<<4 | e.Category<<1
	if e.Amount >= large {
		c |= 1
	}
	return c
}

// cell is what is counted together of a profile's events.
type cell struct {
	id                      uint8 // cellOf
	cities                  uint8 // a bit each
	firstCity, lastCity     uint8
	count                   int32
	min, max                int32 // amounts, in tenths
	firstAmount, lastAmount int32
	sum                     int64
	first, last             int64 // ms
}

// cells are a profile's, in the order in which they appeared: most profiles have few.
type cells []cell

// add counts an event. Times may come in any order.
func (c *cells) add(e *Event) {
	id := cellOf(e)
	one := cell{id: id, cities: 1 << e.City, firstCity: e.City, lastCity: e.City, count: 1, min: int32(e.Amount), max: int32(e.Amount),
		firstAmount: int32(e.Amount), lastAmount: int32(e.Amount), sum: int64(e.Amount), first: e.Time, last: e.Time}
	for i := range *c {
		if (*c)[i].id == id {
			(*c)[i].join(&one)
			return
		}
	}
	*c = append(*c, one)
}

// join adds another cell's events. Of events that share a millisecond and a kind, amount and city are equal.
func (c *cell) join(o *cell) {
	if o.count == 0 {
		return
	}
	if c.count == 0 {
		id := c.id
		*c = *o
		c.id = id
		return
	}
	if o.first < c.first {
		c.first, c.firstCity, c.firstAmount = o.first, o.firstCity, o.firstAmount
	}
	if o.last >= c.last {
		c.last, c.lastCity, c.lastAmount = o.last, o.lastCity, o.lastAmount
	}
	c.cities |= o.cities
	c.count += o.count
	c.sum += o.sum
	c.min, c.max = min(c.min, o.min), max(c.max, o.max)
}

// merge adds another profile's events.
func (c *cells) merge(other cells) {
	for i := range other {
		found := false
		for k := range *c {
			if (*c)[k].id == other[i].id {
				(*c)[k].join(&other[i])
				found = true
				break
			}
		}
		if !found {
			*c = append(*c, other[i])
		}
	}
}

// total is the one cell of all events that a feature looks at, and the categories among them.
func (c cells) total(f *feature) (sum cell, seen uint8) {
	for i := range c {
		kind, category, isLarge := Kind(c[i].id>>4), c[i].id>>1&7, c[i].id&1 == 1
		if !f.any && kind != f.on || f.category != all && category != uint8(f.category) || f.large && !isLarge {
			continue
		}
		seen |= 1 << category
		sum.join(&c[i])
	}
	return sum, seen
}

// value is a feature's value at an instant, in ms: a count, an amount, a time in ms or an age in ms; or a city.
// absent is what a rule reads when nothing happened yet.
func (f *feature) value(c cells, now int64, zone *time.Location) (number float64, city string) {
	sum, seen := c.total(f)
	if sum.count == 0 {
		if f.kind == "recency" {
			return 1e18, ""
		}
		return 0, ""
	}
	switch f.kind {
	case "count":
		return float64(sum.count), ""
	case "sum":
		return float64(sum.sum) / 10, ""
	case "min":
		return float64(sum.min) / 10, ""
	case "max":
		return float64(sum.max) / 10, ""
	case "recency":
		return float64(max(0, now-sum.last)), ""
	case "distinct":
		switch f.property {
		case "city":
			return float64(bits.OnesCount8(sum.cities)), ""
		case "category":
			return float64(bits.OnesCount8(seen)), ""
		}
		// Calendar days: a run is shorter than a day, so it touches the day of its first and that of its last event.
		if day(sum.first, zone) != day(sum.last, zone) {
			return 2, ""
		}
		return 1, ""
	case "first":
		switch f.property {
		case "amount":
			return float64(sum.firstAmount) / 10, ""
		case "city":
			return 0, cities[sum.firstCity]
		}
		return float64(sum.first), ""
	}
	switch f.property { // last
	case "amount":
		return float64(sum.lastAmount) / 10, ""
	case "city":
		return 0, cities[sum.lastCity]
	}
	return float64(sum.last), ""
}

// holds evaluates a condition.
func (m *Model) holds(c *condition, of cells, now int64) bool {
	left, city := m.features[c.feature].value(of, now, m.zone)
	if c.text != "" {
		return city == c.text
	}
	right := c.number
	if c.value == "" {
		right, _ = m.features[c.other].value(of, now, m.zone)
	}
	switch c.op {
	case ">=":
		return left >= right
	case ">":
		return left > right
	case "<=":
		return left <= right
	}
	return left < right
}

func (m *Model) all(when []condition, of cells, now int64) bool {
	for i := range when {
		if !m.holds(&when[i], of, now) {
			return false
		}
	}
	return true
}

// tagValue is a tag's value as JSON, "" if it is off.
func (m *Model) tagValue(t *tag, of cells, known int, now int64) string {
	switch {
	case t.devices > 0:
		if known >= t.devices {
			return "true"
		}
		return ""
	case t.cases == nil:
		if m.all(t.when, of, now) {
			return "true"
		}
		return ""
	}
	for i := range t.cases {
		if m.all(t.cases[i].when, of, now) {
			return `"` + t.cases[i].value + `"`
		}
	}
	if t.rest != "" {
		return `"` + t.rest + `"`
	}
	return ""
}
