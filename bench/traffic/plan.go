package traffic

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Keys says who acts.
type Keys string

// The distributions of persons.
const (
	Uniform Keys = "uniform"
	Zipf    Keys = "zipf" // exponent 0.99
)

const zipfTheta = 0.99

// Config is a plan's shape.
type Config struct {
	Seed    uint64
	Run     string // 8 characters that name the run: part of every event id and identifier
	Persons int
	Preload time.Time // instant of each person's first event, numbers below 0; zero: nothing is preloaded
	Merges  float64   // share of events that link a device; 0: customers only
	Keys    Keys
}

// Stretch is a part of a plan at one mean rate.
type Stretch struct {
	Start time.Time // planned instant of its first event
	Rate  float64   // events per second
	Burst Burst
	first int64 // number of its first event
}

// Burst makes the first Length of every Period Factor times as fast; the mean rate stays. The zero value is none.
type Burst struct {
	Factor         float64
	Length, Period time.Duration
}

// ParseBurst reads FACTOR:LENGTH/PERIOD, for example 3:1s/10s; "" is none.
func ParseBurst(text string) (Burst, error) {
	var b Burst
	if text == "" {
		return b, nil
	}
	fail := fmt.Errorf("burst %q: want FACTOR:LENGTH/PERIOD with FACTOR above 1 and FACTOR × LENGTH at most PERIOD, for example 3:1s/10s", text)
	factor, rest, ok := strings.Cut(text, ":")
	length, period, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return b, fail
	}
	var err error
	if b.Factor, err = strconv.ParseFloat(factor, 64); err != nil {
		return b, fail
	}
	if b.Length, err = time.ParseDuration(length); err != nil {
		return b, fail
	}
	if b.Period, err = time.ParseDuration(period); err != nil {
		return b, fail
	}
	if b.Factor <= 1 || b.Length <= 0 || b.Factor*float64(b.Length) > float64(b.Period) {
		return b, fail
	}
	return b, nil
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	switch {
	case len(c.Run) != runLength:
		return fmt.Errorf("traffic: run %q; want %d characters", c.Run, runLength)
	case c.Persons < 2 || c.Persons > 100_000_000:
		return fmt.Errorf("traffic: %d persons; want 2 to 100,000,000", c.Persons)
	case c.Merges < 0 || c.Merges > 0.5:
		return fmt.Errorf("traffic: a share of linking events of %v; want 0 to 0.5", c.Merges)
	case c.Keys != Uniform && c.Keys != Zipf:
		return fmt.Errorf("traffic: keys %q; want uniform or zipf", c.Keys)
	}
	return nil
}

// Kind is what happened.
type Kind uint8

// The kinds of events.
const (
	Viewed Kind = iota
	Carted
	Paid
	CheckedIn
	SignedIn
	kinds
)

// kindNames are the events' names, of one length per kind only.
var kindNames = [kinds]string{"product_viewed", "cart_added", "order_paid", "checked_in", "signed_in"}

// String is the event's name.
func (k Kind) String() string { return kindNames[k] }

// kindShares are the shares in per mille, cumulated.
var kindShares = [kinds]uint64{580, 730, 810, 930, 1000}

// The properties' values: of one length each, so that templates are patched in place.
var (
	categories = [8]string{"skincare", "haircare", "perfumes", "snackbox", "teahouse", "babycare", "kitchens", "outdoors"}
	cities     = [2]string{"Hangzhou", "Shanghai"}
)

const (
	// Devices is how many devices a person has when events link.
	Devices = 4
	devices = Devices
	large   = 5000 // amounts from here on are large, in tenths; amounts are 100.0 to 999.9
)

// Event is one planned event.
type Event struct {
	Person   int
	Customer bool // carries the customer's id
	Device   int  // carries this device of the person; -1: none
	Kind     Kind
	Category uint8
	City     uint8
	Amount   int   // in tenths
	Time     int64 // ms since 1970
}

// Plan computes events. It is immutable; more of it is another plan.
type Plan struct {
	config    Config
	zipf      *zipf
	links     uint64
	stretches schedule
}

// New checks the shape and returns a plan of preloaded events only.
func New(c Config) (*Plan, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := &Plan{config: c, links: uint64(c.Merges * 1000)}
	if c.Keys == Zipf {
		p.zipf = newZipf(c.Persons, zipfTheta)
	}
	return p, nil
}

// Then returns the plan that goes on from event first, which ends what was planned before, with a stretch
// without an end. It must not start before events that come earlier.
func (p *Plan) Then(first int64, s Stretch) (*Plan, error) {
	stretches, err := p.stretches.then(first, s)
	next := *p
	next.stretches = stretches
	return &next, err
}

// Config is the plan's shape.
func (p *Plan) Config() Config { return p.config }

// First is the number of the plan's first event: below 0 if persons are preloaded.
func (p *Plan) First() int64 {
	if !p.config.Preload.IsZero() {
		return -int64(p.config.Persons)
	}
	return 0
}

// At is the planned instant of event n.
func (p *Plan) At(n int64) time.Time {
	if n < 0 || len(p.stretches) == 0 {
		return p.config.Preload
	}
	return p.stretches.at(n)
}

// offset is the planned instant of a stretch's n-th event, from its start.
func (s *Stretch) offset(n int64) time.Duration {
	b := s.Burst
	if b.Factor == 0 {
		return seconds(float64(n) / s.Rate)
	}
	length, part := b.Length.Seconds(), b.Length.Seconds()/b.Period.Seconds()
	fast, slow := b.Factor*s.Rate, s.Rate*(1-b.Factor*part)/(1-part)
	period := b.Period.Seconds() * s.Rate // events per period
	whole := int64(float64(n) / period)
	rest := float64(n) - float64(whole)*period
	at := seconds(float64(whole) * b.Period.Seconds())
	switch {
	case rest < fast*length:
		return at + seconds(rest/fast)
	case slow > 0:
		return at + b.Length + seconds((rest-fast*length)/slow)
	}
	return at + b.Length
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Event computes event n. Its time is the planned instant in ms.
func (p *Plan) Event(n int64) Event {
	if n < 0 {
		e := Event{Person: int(-n - 1), Customer: true, Device: -1, Kind: SignedIn, Time: p.config.Preload.UnixMilli()}
		p.properties(&e, mix(p.config.Seed^uint64(e.Person)*golden))
		return e
	}
	h := mix(p.config.Seed + uint64(n+1)*golden)
	e := Event{Customer: true, Device: -1, Time: p.At(n).UnixMilli()}
	if p.zipf != nil {
		e.Person = p.zipf.rank(float64(h>>11) / (1 << 53))
	} else {
		hi, _ := bits.Mul64(h, uint64(p.config.Persons))
		e.Person = int(hi)
	}
	h = mix(h)
	share := h % 1000
	for e.Kind = 0; share >= kindShares[e.Kind]; e.Kind++ {
	}
	if p.links > 0 {
		device := int(h >> 20 % devices)
		switch who := h >> 32 % 1000; {
		case who < p.links:
			e.Device = device
		case who < p.links+(1000-p.links)/3:
			e.Device, e.Customer = device, false
		}
	}
	p.properties(&e, h>>48)
	return e
}

// properties follow from the person and the millisecond, so that a tie in time is none in value.
func (p *Plan) properties(e *Event, choice uint64) {
	h := mix(p.config.Seed ^ uint64(e.Person)*golden ^ uint64(e.Time)<<20)
	e.Category = uint8(choice % uint64(len(categories)))
	e.Amount = 1000 + int(h%9000)
	e.City = uint8(h >> 40 & 1)
}

const golden = 0x9e3779b97f4a7c15

// mix is the finaliser of SplitMix64: a bijection that looks random.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
