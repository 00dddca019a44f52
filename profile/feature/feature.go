package feature

import (
	"math"
	"slices"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// Feature is one compiled feature of a catalogue: what counts, and how. It is immutable and safe for
// concurrent use; the states are the caller's.
//
// A state is a []byte without pointers, nil for a profile that no event has touched, and canonical:
// the same events give the same bytes in whatever order and through whatever merges they came. States
// must come from a feature of the same Hash.
type Feature struct {
	Name string
	Hash uint64 // of the definition, without name and description: states of another hash are worthless

	events []string // sorted; nil: all
	where  []condition
	kind   ValueKind
	acc    accumulator
}

// accumulator is one kind of feature (DESIGN.md section 5). update gets a matching event, and may
// overwrite state; merge gets two states that are not empty and leaves them alone; times are ms.
type accumulator interface {
	update(state []byte, ev *wire.Event) []byte
	merge(a, b []byte) []byte
	value(state []byte, now int64) Value
	nextChange(state []byte, now int64, cuts []int64) int64
	bound() int
}

// overflower is an accumulator that may cut something off.
type overflower interface{ overflow(state []byte) int64 }

// New compiles a feature. zone is the deployment's; features that count calendar days need it. An error
// names the feature, the field and the remedy.
func New(spec schemas.FeatureSpec, zone *Zone) (*Feature, error) {
	if err := check(&spec, zone); err != nil {
		return nil, err
	}
	f := &Feature{Name: spec.Name, events: slices.Clone(spec.Events)}
	slices.Sort(f.events)
	f.events = slices.Compact(f.events)
	for _, c := range spec.Where {
		compiled, err := newCondition(c)
		if err != nil {
			return nil, specError(&spec, "%v", err)
		}
		f.where = append(f.where, compiled)
	}
	f.acc, f.kind = build(&spec, zone)
	f.Hash = definition(&spec, f.events, zone)
	return f, nil
}

// build chooses the accumulator of a checked specification.
func build(spec *schemas.FeatureSpec, zone *Zone) (accumulator, ValueKind) {
	var g *grid
	switch {
	case spec.Window > 0:
		g = &grid{width: spec.Bucket, span: spec.Window / spec.Bucket}
	case spec.Days > 0:
		g = &grid{span: int64(spec.Days), zone: zone}
	}
	switch spec.Kind {
	case "count":
		return newNumber(number{fold: foldAdd, kind: KindInt, most: maxOne, take: one}, g), KindInt
	case "sum":
		return newNumber(number{fold: foldAdd, kind: KindAmount, most: maxWide, take: amountOf(spec.Property)}, g), KindAmount
	case "min":
		return newNumber(number{fold: foldMin, kind: KindAmount, most: maxOne, take: amountOf(spec.Property)}, g), KindAmount
	case "max":
		return newNumber(number{fold: foldMax, kind: KindAmount, most: maxOne, take: amountOf(spec.Property)}, g), KindAmount
	case "distinct":
		k := keys{property: spec.Property}
		if spec.Property == schemas.DayProperty {
			k.zone = zone
		}
		if g != nil {
			return &distinctWindow{keys: k, limit: spec.Limit, grid: *g}, KindInt
		}
		return &distinct{keys: k, limit: spec.Limit}, KindInt
	case "recency":
		return newLatest(KindDuration, g), KindDuration
	}
	switch {
	case spec.Property != "":
		kind := recordKinds[spec.Type]
		return newRecord(record{kind: kind, property: spec.Property, last: spec.Kind == "last"}, g), kind
	case spec.Kind == "last":
		return newLatest(KindTime, g), KindTime
	default:
		return newNumber(number{fold: foldMin, kind: KindTime, most: maxOne, take: timeOf}, g), KindTime
	}
}

func one(*wire.Event) (int64, bool) { return 1, true }

func timeOf(ev *wire.Event) (int64, bool) { return ev.Time, true }

func amountOf(property string) func(*wire.Event) (int64, bool) {
	return func(ev *wire.Event) (int64, bool) {
		d, ok := ev.Prop(property).Number()
		return int64(d), ok
	}
}

// Events returns the canonical names of the events that may match, sorted; nil stands for all. It must
// not be changed.
func (f *Feature) Events() []string { return f.events }

// Type returns the kind of the feature's values.
func (f *Feature) Type() ValueKind { return f.kind }

// Continuous reports whether the value changes with every instant: it may be compared only with
// constants, which make the cuts of NextChange.
func (f *Feature) Continuous() bool { return f.kind == KindDuration }

// Bound returns the most bytes a state can take.
func (f *Feature) Bound() int { return f.acc.bound() }

// Matches reports whether the event is one of Events and every condition holds. The name must be
// canonical: aliases are renamed before.
func (f *Feature) Matches(ev *wire.Event) bool {
	if f.events != nil {
		if _, ok := slices.BinarySearch(f.events, ev.Name); !ok {
			return false
		}
	}
	return f.Holds(ev)
}

// Holds reports whether every condition holds: Matches for an event whose name is known to be one of Events.
func (f *Feature) Holds(ev *wire.Event) bool {
	for i := range f.where {
		if !f.where[i].holds(ev) {
			return false
		}
	}
	return true
}

// Words returns what texts the feature insists on, by property: an event Matches only if each of these
// properties is one of its texts. What the feature says in another way (a number, a prefix) is not among them.
func (f *Feature) Words() map[string][]string {
	words := map[string][]string{}
	for i := range f.where {
		if texts, ok := f.where[i].words(); ok {
			words[f.where[i].property] = texts // of two conditions on one property either may rule it out
		}
	}
	return words
}

// Update returns the state after an event that Matches. The caller owns state and gives it up: the
// result may lie in its memory. It keeps nothing of the event. An event that lacks the property, or
// has it with another type, does not count and changes nothing.
func (f *Feature) Update(state []byte, ev *wire.Event) []byte { return f.acc.update(state, ev) }

// Merge returns the state of the events of both. It leaves a and b alone, but the result may be one of
// them if the other is empty. It is associative and commutative.
func (f *Feature) Merge(a, b []byte) []byte {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	default:
		return f.acc.merge(a, b)
	}
}

// Value returns what the feature is worth at now (ms), or at the newest event of the state if that is
// later.
func (f *Feature) Value(state []byte, now int64) Value { return f.acc.value(state, now) }

// NextChange returns the first instant after now (ms) at which Value differs, if no event comes; of a
// continuous feature the first at which it reaches one of cuts (ms): is less before, and not any more from then on.
// Whoever asks whether it is more than c has a cut at c+1. math.MaxInt64 means never.
func (f *Feature) NextChange(state []byte, now int64, cuts []int64) int64 {
	if len(state) == 0 {
		return math.MaxInt64
	}
	return f.acc.nextChange(state, now, cuts)
}

// Overflow tells what the bounds of the state have cut off: of a distinct the events whose values were
// not kept (in a window only 1, for some), of a text the events that had more than MaxText bytes. 0
// means that Value is exact.
func (f *Feature) Overflow(state []byte) int64 {
	if o, ok := f.acc.(overflower); ok {
		return o.overflow(state)
	}
	return 0
}
