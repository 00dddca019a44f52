package feature_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"io/fs"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portrait/profile/feature"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// naive recomputes a feature from the raw list of events, as slowly and plainly as its definition
// reads. It shares no code with the package: days come from the time package, sums from math/big.
func naive(s subject, events []*wire.Event, now int64) feature.Value {
	var counted []*wire.Event
	for _, ev := range events {
		if ev.Name == "order_paid" && naiveCounts(s, ev) {
			counted = append(counted, ev)
			now = max(now, ev.Time)
		}
	}
	var visible []*wire.Event
	for _, ev := range counted {
		age := naiveBucket(s, now) - naiveBucket(s, ev.Time)
		switch {
		case s.scope.window > 0 && age >= s.scope.window/s.scope.bucket:
		case s.scope.days > 0 && age >= int64(s.scope.days):
		default:
			visible = append(visible, ev)
		}
	}
	return naiveValue(s, visible, now)
}

func naiveCounts(s subject, ev *wire.Event) bool {
	p := ev.Prop(s.spec.Property)
	switch {
	case s.spec.Property == "" || s.spec.Property == "@day":
		return true
	case p == nil:
		return false
	case s.Type() == feature.KindAmount:
		_, ok := p.Number()
		return ok
	case s.Type() == feature.KindBool:
		return p.Kind == wire.PropBool
	default:
		return p.Kind == wire.PropString || p.Kind == wire.PropNumber || p.Kind == wire.PropBool
	}
}

func naiveBucket(s subject, t int64) int64 {
	if s.scope.window > 0 {
		q, m := new(big.Int).DivMod(big.NewInt(t), big.NewInt(s.scope.bucket), new(big.Int))
		_ = m // Euclidean: rounds down for a positive divisor
		return q.Int64()
	}
	return naiveDay(s.scope.zone, t)
}

// locations are those of the time package, over the pinned data: the host's may be of another year.
var locations = func() map[string]*time.Location {
	all := map[string]*time.Location{}
	for _, sc := range scopes {
		all[sc.zone] = location(sc.zone)
	}
	return all
}()

func location(name string) *time.Location {
	archive, err := zip.OpenReader("tzdata/zoneinfo.zip")
	if err != nil {
		panic(err) // TestZoneData pins the file
	}
	defer archive.Close()
	data, err := fs.ReadFile(archive, name)
	if err != nil {
		panic(err) // the tests' own names
	}
	found, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		panic(err)
	}
	return found
}

func naiveDay(zone string, t int64) int64 {
	y, m, d := time.UnixMilli(t).In(locations[zone]).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

func naiveText(p *wire.Prop) string {
	if d, err := schemas.ParseDecimal(p.Text); err == nil && p.Kind == wire.PropNumber {
		return d.String()
	}
	return p.Text
}

func naiveValue(s subject, events []*wire.Event, now int64) feature.Value {
	v := feature.Value{Kind: s.Type()}
	if len(events) == 0 {
		v.Absent = s.spec.Kind != "count" && s.spec.Kind != "sum" && s.spec.Kind != "distinct"
		if s.spec.Kind == "recency" {
			v.Int = feature.Never
		}
		return v
	}
	switch s.spec.Kind {
	case "count":
		v.Int = int64(len(events))
	case "sum":
		sum := new(big.Int)
		for _, a := range naiveAmounts(s, events) {
			sum.Add(sum, big.NewInt(a))
		}
		switch {
		case sum.IsInt64():
			v.Int = sum.Int64()
		case sum.Sign() < 0:
			v.Int = math.MinInt64
		default:
			v.Int = math.MaxInt64
		}
	case "min":
		v.Int = slices.Min(naiveAmounts(s, events))
	case "max":
		v.Int = slices.Max(naiveAmounts(s, events))
	case "distinct":
		v.Int = naiveDistinct(s, events)
	case "recency":
		v.Int = now - naiveFirst(s, events, true).Time
	default:
		naiveRecord(s, naiveFirst(s, events, s.spec.Kind == "last"), &v)
	}
	return v
}

func naiveAmounts(s subject, events []*wire.Event) []int64 {
	var list []int64
	for _, ev := range events {
		d, _ := ev.Prop(s.spec.Property).Number()
		list = append(list, int64(d))
	}
	return list
}

func naiveDistinct(s subject, events []*wire.Event) int64 {
	set := map[any]bool{}
	for _, ev := range events {
		if s.spec.Property == "@day" {
			set[naiveDay(s.scope.zone, ev.Time)] = true
		} else {
			set[naiveText(ev.Prop(s.spec.Property))] = true
		}
	}
	return int64(min(len(set), cmp.Or(s.spec.Limit, 64)))
}

// naiveFirst sorts by time and then as the encoded state does, which is part of the contract.
func naiveFirst(s subject, events []*wire.Event, last bool) *wire.Event {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b *wire.Event) int {
		c := cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(naiveHash(a.ID), naiveHash(b.ID)))
		if c == 0 && s.spec.Property != "" {
			c = bytes.Compare(naiveEncoded(s, a), naiveEncoded(s, b))
		}
		return c
	})
	if last {
		return sorted[len(sorted)-1]
	}
	return sorted[0]
}

func naiveHash(s string) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range []byte(s) {
		h ^= uint64(c)
		h *= 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func naiveEncoded(s subject, ev *wire.Event) []byte {
	var v feature.Value
	v.Kind = s.Type()
	naiveRecord(s, ev, &v)
	switch v.Kind {
	case feature.KindText:
		return append(binary.AppendUvarint(nil, uint64(len(v.Text))), v.Text...)
	case feature.KindBool:
		return []byte{byte(v.Int)}
	default:
		return binary.AppendVarint(nil, v.Int)
	}
}

func naiveRecord(s subject, ev *wire.Event, v *feature.Value) {
	p := ev.Prop(s.spec.Property)
	switch v.Kind {
	case feature.KindTime:
		v.Int = ev.Time
	case feature.KindAmount:
		d, _ := p.Number()
		v.Int = int64(d)
	case feature.KindBool:
		if p.Text == "true" {
			v.Int = 1
		}
	default:
		v.Text = naiveText(p)
		if len(v.Text) > feature.MaxText {
			v.Text = strings.ToValidUTF8(v.Text[:feature.MaxText], "")
		}
	}
}

func TestValueEqualsRecomputation(t *testing.T) {
	forEach(t, func(t *testing.T, s subject) {
		rapid.Check(t, func(t *rapid.T) {
			events := drawEvents(t, s.scope, 40)
			state := fold(s.Feature, events)
			for range 4 {
				now := drawNow(t, s.scope, events)
				if got, want := s.Value(state, now), naive(s, events, now); got != want {
					t.Fatalf("at %d: %+v, recomputed %+v", now, got, want)
				}
			}
		})
	})
}
