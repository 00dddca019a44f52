package feature_test

import (
	"fmt"
	"testing"

	"portrait/profile/feature"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// benchSpecs are the shapes of the shipped catalogue, and the widest ring.
var benchSpecs = []struct {
	name string
	spec schemas.FeatureSpec
}{
	{"count", schemas.FeatureSpec{Kind: "count"}},
	{"count_90d", schemas.FeatureSpec{Kind: "count", Window: 90 * day}},
	{"sum_90d", schemas.FeatureSpec{Kind: "sum", Property: "amount", Window: 90 * day}},
	{"sum_128_buckets", schemas.FeatureSpec{Kind: "sum", Property: "amount", Window: 128 * day, Bucket: day}},
	{"max_7days", schemas.FeatureSpec{Kind: "max", Property: "amount", Days: 7}},
	{"first_city_30d", schemas.FeatureSpec{Kind: "first", Property: "city", Type: "string", Window: 30 * day}},
	{"last_city", schemas.FeatureSpec{Kind: "last", Property: "city", Type: "string"}},
	{"last_time", schemas.FeatureSpec{Kind: "last"}},
	{"recency", schemas.FeatureSpec{Kind: "recency"}},
	{"distinct", schemas.FeatureSpec{Kind: "distinct", Property: "city"}},
	{"distinct_30d", schemas.FeatureSpec{Kind: "distinct", Property: "city", Window: 30 * day}},
	{"active_days_7", schemas.FeatureSpec{Kind: "distinct", Property: "@day", Days: 7}},
}

// benchEvents are 512 events over 200 days, all different.
func benchEvents() []*wire.Event {
	events := make([]*wire.Event, 512)
	for i := range events {
		events[i] = paid(1_780_000_000_000+int64(i)*200*day/512, fmt.Sprint("event-", i), fmt.Sprint(i, ".50"), fmt.Sprint("city ", i%80))
	}
	return events
}

func BenchmarkUpdate(b *testing.B) {
	events := benchEvents()
	for _, s := range benchSpecs {
		f := compile(b, s.spec)
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			var state []byte
			for i := 0; b.Loop(); i++ {
				if i%len(events) == 0 {
					state = state[:0] // time starts again
				}
				state = f.Update(state, events[i%len(events)])
			}
		})
	}
}

func benchRead(b *testing.B, read func(f *feature.Feature, state []byte, now int64)) {
	events := benchEvents()
	for _, s := range benchSpecs {
		f := compile(b, s.spec)
		state := fold(f, events)
		now := events[len(events)-1].Time + hour
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				read(f, state, now)
			}
			b.ReportMetric(float64(len(state)), "state-bytes")
		})
	}
}

func BenchmarkValue(b *testing.B) {
	benchRead(b, func(f *feature.Feature, state []byte, now int64) { f.Value(state, now) })
}

func BenchmarkNextChange(b *testing.B) {
	cuts := []int64{7 * day, 30 * day, 90 * day}
	benchRead(b, func(f *feature.Feature, state []byte, now int64) { f.NextChange(state, now, cuts) })
}

func BenchmarkMerge(b *testing.B) {
	benchRead(b, func(f *feature.Feature, state []byte, _ int64) { f.Merge(state, state) })
}
