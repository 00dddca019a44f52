package tag

import (
	"slices"
	"strings"
	"testing"

	"portrait/profile/feature"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// compileText parses and compiles a catalogue for the default deployment.
func compileText(t testing.TB, yaml string) (*Catalog, error) {
	t.Helper()
	spec, err := schemas.ParseCatalog([]byte(yaml))
	if err != nil {
		t.Fatalf("the test's catalogue does not parse:\n%v", err)
	}
	dep := schemas.DefaultDeployment()
	return Compile(spec, 7, &dep)
}

// compileRule compiles example with one boolean tag.
func compileRule(rule string) (*Catalog, error) {
	spec, err := schemas.ParseCatalog([]byte(example + "  t: {when: \"" + rule + "\"}\n"))
	if err != nil {
		return nil, err
	}
	dep := schemas.DefaultDeployment()
	return Compile(spec, 1, &dep)
}

// mustCompile fails the test if the catalogue is refused.
func mustCompile(t testing.TB, yaml string) *Catalog {
	t.Helper()
	c, err := compileText(t, yaml)
	if err != nil {
		t.Fatalf("refused:\n%v", err)
	}
	return c
}

// example has features of every type of value; rules are added behind it.
const example = `name: example
identifiers:
  phone: {max: 2, blocked: [blocked-hash]}
  openid: {blocked: ["o:1"]}
aliases: {"Order Completed": order_paid}
features:
  city:       {kind: last,     event: order_paid, property: city, type: string}
  days_7:     {kind: distinct, event: "*", property: "@day", days: 7}
  first_paid: {kind: first,    event: order_paid}
  gift:       {kind: last,     event: order_paid, property: gift, type: bool}
  orders:     {kind: count,    event: order_paid}
  paid:       {kind: sum,      event: order_paid, property: amount, window: 90d}
  seen:       {kind: recency,  event: [order_paid, page_viewed]}
  since_paid: {kind: recency,  event: order_paid}
  views:      {kind: count,    event: page_viewed, window: 7d}
tags:
`

// inputs is a profile by hand.
type inputs struct {
	values      map[string]feature.Value
	identifiers map[string][]string
	catalog     *Catalog
	asked       []string
}

func (in *inputs) Feature(i int) feature.Value {
	name := in.catalog.Features[i].Name
	in.asked = append(in.asked, name)
	if v, ok := in.values[name]; ok {
		return v
	}
	return in.catalog.Features[i].Value(nil, 0)
}

func (in *inputs) Identifiers(baseType string) []string { return in.identifiers[baseType] }

func (in *inputs) IdentifierCount(baseType string) int { return len(in.identifiers[baseType]) }

func (c *Catalog) featureNames(list []int) string {
	var names []string
	for _, i := range list {
		names = append(names, c.Features[i].Name)
	}
	return strings.Join(names, " ")
}

func (c *Catalog) tagNames(list []int) string {
	var names []string
	for _, i := range list {
		names = append(names, c.Tags[i].Name)
	}
	return strings.Join(names, " ")
}

func (c *Catalog) feature(t testing.TB, name string) int {
	t.Helper()
	i := slices.IndexFunc(c.Features, func(f *feature.Feature) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no feature %s", name)
	}
	return i
}

func TestCatalogIndex(t *testing.T) {
	c := mustCompile(t, example+`
  buyer: {when: orders > 0 || (false && gift), weight: 2.5, description: has bought}
  lost: {when: since_paid > days(30) && size(identifiers.phone) > 0}
  stage:
    enum: [a, b]
    cases:
      - {value: b, when: paid > 10.0}
      - {value: a, when: orders == 1 && days_7 > 2 && since_paid < days(2) && since_paid >= duration('720h')}
`)
	if c.Label() != "example@7" {
		t.Errorf("label %s", c.Label())
	}
	for _, test := range []struct{ event, canonical, features string }{
		{"Order Completed", "order_paid", "city days_7 first_paid gift orders paid seen since_paid"},
		{"order_paid", "order_paid", "city days_7 first_paid gift orders paid seen since_paid"},
		{"page_viewed", "page_viewed", "days_7 seen views"},
		{"never heard of", "never heard of", "days_7"},
	} {
		if got := c.Canonical(test.event); got != test.canonical {
			t.Errorf("%s is %s, want %s", test.event, got, test.canonical)
		}
		if got := c.featureNames(c.FeaturesFor(&wire.Event{Name: test.canonical})); got != test.features {
			t.Errorf("%s touches %s, want %s", test.event, got, test.features)
		}
	}
	for name, want := range map[string]string{
		"orders": "buyer stage", "gift": "buyer", "since_paid": "lost stage", "paid": "stage", "views": "", "days_7": "stage",
	} {
		if got := c.tagNames(c.Readers(c.feature(t, name))); got != want {
			t.Errorf("%s is read by %q, want %q", name, got, want)
		}
	}
	if got := c.tagNames(c.IdentifierReaders()); got != "lost" {
		t.Errorf("identifiers are read by %q", got)
	}
	if got := c.featureNames(c.Timed()); got != "days_7 paid since_paid" {
		t.Errorf("timed are %q; views and seen move too, but nobody reads them", got)
	}
	const day = 86_400_000
	if got := c.Cuts(c.feature(t, "since_paid")); !slices.Equal(got, []int64{2 * day, 30 * day, 30*day + 1}) {
		t.Errorf("cuts of since_paid are %v", got)
	}
	if got := c.Cuts(c.feature(t, "orders")); got != nil {
		t.Errorf("cuts of orders are %v", got)
	}
	if buyer := c.Tags[0]; buyer.Name != "buyer" || buyer.Weight == nil || *buyer.Weight != 2.5 || buyer.Description != "has bought" {
		t.Errorf("tag %+v", buyer)
	}
}

func TestCatalogIdentifiers(t *testing.T) {
	c := mustCompile(t, example+"  t: {when: gift}\n")
	for baseType, want := range map[string]int{"phone": 2, "openid": 10, "customer_id": 1, "none": 0} {
		if got := c.Limit(baseType); got != want {
			t.Errorf("limit of %s is %d, want %d", baseType, got, want)
		}
	}
	for canonical, want := range map[string]bool{
		"phone:blocked-hash": true, "phone:other": false, "email:blocked-hash": false,
		"openid:o:1": true, "openid@wxapp1:o:1": true, "openid@o:1": false, "openid:o": false, "phone:": false,
	} {
		if got := c.Blocked(canonical); got != want {
			t.Errorf("%s blocked: %v, want %v", canonical, got, want)
		}
	}
}

func TestCompileIsDeterministic(t *testing.T) {
	rules := `
  t: {when: "since_paid > days(3) || seen < days(1) || paid > 1.0 || size(identifiers.openid) > 2"}
`
	a, b := mustCompile(t, example+rules), mustCompile(t, example+rules)
	for i := range a.Features {
		if a.Features[i].Name != b.Features[i].Name || a.Features[i].Hash != b.Features[i].Hash ||
			!slices.Equal(a.Cuts(i), b.Cuts(i)) || !slices.Equal(a.Readers(i), b.Readers(i)) {
			t.Errorf("feature %s differs", a.Features[i].Name)
		}
	}
	if !slices.Equal(a.Tags[0].Reads, b.Tags[0].Reads) || !slices.IsSorted(a.Tags[0].Reads) {
		t.Errorf("reads %v and %v", a.Tags[0].Reads, b.Tags[0].Reads)
	}
}
