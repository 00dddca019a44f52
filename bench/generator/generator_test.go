package generator

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"portrait/bench/ledger"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// planned runs a whole plan.
func planned(t testing.TB, c Config) (*Generator, []Record) {
	t.Helper()
	c.Start = start
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	var records []Record
	for {
		r, _, ok := g.Next(nil)
		if !ok {
			return g, records
		}
		records = append(records, r)
	}
}

// sizes are plans from the smallest to one with a crowd.
var sizes = []struct {
	name string
	c    Config
}{
	{"smallest", Config{Seed: 1, Rate: 20, Duration: time.Second}},
	{"a test's demo", Config{Seed: 2, Rate: 200, Duration: 10 * time.Second}},
	{"short", Config{Seed: 3, Rate: 2000, Duration: 20 * time.Second}},
	{"the demo", Config{Seed: 4, Rate: 2000, Duration: time.Minute}},
	{"slow and long", Config{Seed: 5, Rate: 50, Duration: 4 * time.Minute}},
}

func TestSameSeedSamePlan(t *testing.T) {
	c := Config{Seed: 7, Rate: 500, Duration: 10 * time.Second}
	_, a := planned(t, c)
	_, b := planned(t, c)
	for i := range a {
		if a[i].Event != b[i].Event || !bytes.Equal(a[i].Key, b[i].Key) || !bytes.Equal(a[i].Value, b[i].Value) {
			t.Fatalf("record %d differs: %s, %s", i, a[i].Value, b[i].Value)
		}
	}
	c.Seed = 8
	_, other := planned(t, c)
	if bytes.Equal(a[0].Value, other[0].Value) {
		t.Fatal("another seed gives the same ids")
	}
}

func TestOpenLoop(t *testing.T) {
	for _, size := range sizes {
		t.Run(size.name, func(t *testing.T) {
			g, records := planned(t, size.c)
			if want := int(float64(size.c.Rate) * size.c.Duration.Seconds()); len(records) != want || g.Planned() != want {
				t.Fatalf("%d records, %d announced, want %d", len(records), g.Planned(), want)
			}
			for i, r := range records {
				if r.At != g.Run().Planned(int32(i)) || r.Event.Seq != int32(i) {
					t.Fatalf("record %d is planned at %v with number %d", i, r.At, r.Event.Seq)
				}
				if latest := start.Add(r.At).UnixMilli(); r.Event.Time > latest {
					t.Fatalf("record %d happens %d ms after it is sent", i, r.Event.Time-latest)
				}
			}
		})
	}
}

// TestBytes reads every record back and compares it with what the ledger is told.
func TestBytes(t *testing.T) {
	g, records := planned(t, Config{Seed: 4, Rate: 2000, Duration: 20 * time.Second})
	run := g.Run()
	for i, r := range records {
		var v struct {
			ID          string         `json:"event_id"`
			Event       string         `json:"event"`
			Time        any            `json:"time"`
			Identifiers map[string]any `json:"identifiers"`
			Properties  map[string]any `json:"properties"`
		}
		err := json.Unmarshal(r.Value, &v)
		if (err != nil) != (r.Event.Kind == ledger.NotJSON) {
			t.Fatalf("record %d, %v: %v: %s", i, r.Event.Kind, err, r.Value)
		}
		if err != nil || r.Event.Kind == ledger.NoIdentifier {
			continue
		}
		if v.ID != run.EventID(r.Event.Of) {
			t.Fatalf("record %d has id %s, want %s", i, v.ID, run.EventID(r.Event.Of))
		}
		var ms int64
		switch at := v.Time.(type) {
		case float64:
			ms = int64(at)
		case string:
			parsed, err := time.Parse(time.RFC3339, at)
			if err != nil {
				t.Fatal(err)
			}
			ms = parsed.UnixMilli()
		}
		if ms != r.Event.Time {
			t.Fatalf("record %d: time %v, want %d", i, v.Time, r.Event.Time)
		}
		if amount, ok := v.Properties["amount"]; ok != (r.Event.Name == ledger.OrderPaid) || ok && amount != r.Event.Amount.Float() {
			t.Fatalf("record %d: amount %v, want %s of a %s", i, amount, r.Event.Amount, r.Event.Name)
		}
		if got := identifiers(v.Identifiers); got != wanted(run, &r.Event) {
			t.Fatalf("record %d: identifiers\n%s want\n%s", i, got, wanted(run, &r.Event))
		}
	}
}

// identifiers lists those that are not junk, phones as E.164.
func identifiers(byType map[string]any) string {
	var lines []string
	add := func(k int, value string) {
		if value == "0" || value == "unknown" {
			return
		}
		if ledger.SlotType(k) == "phone" {
			value = strings.NewReplacer(" ", "", "-", "").Replace(value)
			if !strings.HasPrefix(value, "+86") {
				value = "+86" + value
			}
		}
		lines = append(lines, ledger.SlotType(k)+":"+value)
	}
	done := map[string]bool{}
	for k := range ledger.SlotCount {
		typ := ledger.SlotType(k)
		if done[typ] {
			continue
		}
		done[typ] = true
		switch v := byType[typ].(type) {
		case string:
			add(k, v)
		case []any:
			for _, each := range v {
				add(k, each.(string))
			}
		}
	}
	return strings.Join(lines, "\n")
}

func wanted(run ledger.Run, ev *ledger.Event) string {
	var lines []string
	for k := range ledger.SlotCount {
		if ev.Slots&(1<<k) != 0 {
			lines = append(lines, ledger.SlotType(k)+":"+run.Identifier(ev.Person, k))
		}
	}
	return strings.Join(lines, "\n")
}

func TestEveryKindOfTrafficOccurs(t *testing.T) {
	_, records := planned(t, Config{Seed: 4, Rate: 2000, Duration: time.Minute})
	seen := map[string]int{}
	for _, r := range records {
		seen[r.Event.Name.String()]++
		seen[r.Event.Kind.String()]++
		for k := range ledger.SlotCount {
			if r.Event.Slots&(1<<k) != 0 {
				seen[ledger.SlotType(k)]++
			}
		}
		if r.Event.Slots&ledger.Tablet != 0 && r.Event.Person%ledger.Household != 0 {
			seen["guest"]++
		}
		if r.Event.Junk {
			seen["junk"]++
		}
		if r.Event.Alias {
			seen["alias"]++
		}
	}
	for _, what := range []string{"page_viewed", "product_viewed", "cart_added", "order_paid", "signed_in", "checked_in",
		"friend_invited", "coupon_claimed", "counted", "duplicate", "not_json", "no_identifier", "customer_id", "unionid", "phone",
		"external_userid@corp1", "openid@wxapp1", "openid@wxapp2", "email", "device_id", "anonymous_id", "guest", "junk", "alias"} {
		if seen[what] < 30 {
			t.Errorf("%s occurs %d times", what, seen[what])
		}
	}
}

func TestDuplicates(t *testing.T) {
	_, records := planned(t, Config{Seed: 4, Rate: 2000, Duration: time.Minute})
	for i, r := range records {
		if r.Event.Kind != ledger.Duplicate {
			continue
		}
		original := records[r.Event.Of]
		wait := r.At - original.At
		if !bytes.Equal(r.Value, original.Value) || !bytes.Equal(r.Key, original.Key) {
			t.Fatalf("record %d is not the bytes of %d", i, r.Event.Of)
		}
		if wait < 200*time.Millisecond || wait > time.Second {
			t.Fatalf("record %d repeats %d after %v", i, r.Event.Of, wait)
		}
		between := 0
		for _, other := range records[r.Event.Of+1 : i] {
			if other.Event.Person == r.Event.Person {
				between++
			}
		}
		if between >= 60 {
			t.Fatalf("record %d repeats %d after %d events of the person: a profile remembers 64", i, r.Event.Of, between)
		}
	}
}

func TestValidate(t *testing.T) {
	good := Config{Rate: 10, Duration: time.Minute, Start: start}
	for _, c := range []struct {
		name string
		edit func(*Config)
		want string
	}{
		{"no rate", func(c *Config) { c.Rate = 0 }, "rate"},
		{"no time", func(c *Config) { c.Duration = 0 }, "duration"},
		{"too much", func(c *Config) { c.Rate, c.Duration = 1_000_000, time.Hour }, "records"},
		{"negative people", func(c *Config) { c.People = -1 }, "people"},
		{"negative stall", func(c *Config) { c.Stall = -time.Second }, "stall"},
		{"no start", func(c *Config) { c.Start = time.Time{} }, "start"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := good
			c.edit(&bad)
			if _, err := New(bad); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one about %s", err, c.want)
			}
		})
	}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkNext(b *testing.B) {
	g, err := New(Config{Seed: 1, Rate: 20000, Duration: 10 * time.Hour, Start: start})
	if err != nil {
		b.Fatal(err)
	}
	var arena []byte
	b.ReportAllocs()
	for b.Loop() {
		_, arena, _ = g.Next(arena[:0])
	}
}
