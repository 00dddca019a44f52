package bench_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"portrait/bench/generator"
	"portrait/bench/ledger"
	"portrait/profile/feature"
	"portrait/profile/tag"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// shopper is one profile, kept by the real features; tags ask it what they read.
type shopper struct {
	catalog     *tag.Catalog
	states      [][]byte
	identifiers map[string][]string
	now         int64
}

func (s *shopper) Feature(i int) feature.Value {
	return s.catalog.Features[i].Value(s.states[i], s.now)
}

func (s *shopper) Identifiers(baseType string) []string { return s.identifiers[baseType] }

func (s *shopper) IdentifierCount(baseType string) int { return len(s.identifiers[baseType]) }

// apply counts the event as it was sent: from its bytes.
func (s *shopper) apply(t *testing.T, r *generator.Record) {
	t.Helper()
	var sent struct {
		Event      string                     `json:"event"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(r.Value, &sent); err != nil {
		t.Fatal(err)
	}
	ev := &wire.Event{Time: r.Event.Time, Kafka: r.Event.Time, Name: s.catalog.Canonical(sent.Event)}
	for key, raw := range sent.Properties {
		p := wire.Prop{Key: key, Kind: wire.PropNumber, Text: string(raw)}
		if raw[0] == '"' {
			p.Kind = wire.PropString
			if err := json.Unmarshal(raw, &p.Text); err != nil {
				t.Fatal(err)
			}
		}
		ev.Props = append(ev.Props, p)
	}
	slices.SortFunc(ev.Props, func(a, b wire.Prop) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	for _, i := range s.catalog.FeaturesFor(ev) {
		if f := s.catalog.Features[i]; f.Matches(ev) {
			s.states[i] = f.Update(s.states[i], ev)
		}
	}
}

// TestRulesAreTheCatalogue lets the real features and tags of demo.yaml evaluate the people of a whole
// plan, and compares every tag with the ledger's rules at many instants. It is the one place where the two meet
// outside of a running demo.
func TestRulesAreTheCatalogue(t *testing.T) {
	text, err := schemas.ShippedCatalog("demo")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := schemas.ParseCatalog(text)
	if err != nil {
		t.Fatal(err)
	}
	deployment := schemas.DefaultDeployment()
	catalog, err := tag.Compile(spec, 1, &deployment)
	if err != nil {
		t.Fatal(err)
	}
	if len(catalog.Tags) != int(ledger.TagCount) {
		t.Fatalf("the catalogue has %d tags, the ledger %d", len(catalog.Tags), ledger.TagCount)
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	g, err := generator.New(generator.Config{Seed: 5, Rate: 200, Duration: time.Minute, Start: start})
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New(g.Run())
	byPerson := map[int32][]generator.Record{}
	for {
		r, _, ok := g.Next(nil)
		if !ok {
			break
		}
		l.Record(r.Event, start.Add(r.At))
		if r.Event.Kind == ledger.Counted {
			byPerson[r.Event.Person] = append(byPerson[r.Event.Person], r)
		}
	}
	on := map[string]int{}
	for _, p := range l.People() {
		s := &shopper{catalog: catalog, states: make([][]byte, len(catalog.Features)), identifiers: map[string][]string{}}
		for i := range byPerson[p.Number] {
			s.apply(t, &byPerson[p.Number][i])
		}
		l.Identifiers(p, func(identifierType, value string) {
			base := schemas.BaseType(identifierType)
			s.identifiers[base] = append(s.identifiers[base], identifierType+":"+value)
		})
		for at := start.Add(60 * time.Second); at.Before(start.Add(110 * time.Second)); at = at.Add(777 * time.Millisecond) {
			s.now = at.UnixMilli()
			want := l.Expect(p, at, 0).Tags
			for k, each := range catalog.Tags {
				got, err := each.Eval(s)
				if err != nil {
					t.Fatal(err)
				}
				if each.Name != ledger.Tag(k).String() || got != want[k] {
					t.Fatalf("person %d at %v: the catalogue says %s = %q, the ledger %s = %q", p.Number, at, each.Name, got, ledger.Tag(k), want[k])
				}
				if got != "" {
					on[each.Name]++
				}
			}
		}
	}
	for _, each := range catalog.Tags {
		if on[each.Name] == 0 {
			t.Errorf("%s was never on: nothing was compared", each.Name)
		}
	}
}
