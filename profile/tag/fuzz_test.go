package tag

import (
	"slices"
	"testing"

	"portrait/schemas"
)

// FuzzRule gives any text as a rule: it must be refused with a place, or be evaluated without a panic,
// reading only what the index says, with the same answer twice.
func FuzzRule(f *testing.F) {
	for _, rule := range []string{
		"orders > 1", "since_paid > days(30)", "days(-1) < since_paid", "identifiers.phone.exists(p, p == 'a')",
		"identifiers['openid'].map(o, size(o)) == [1]", "gift ? paid > 1.0 : city.matches('a+')",
		"has(identifiers.phone)", "{'a': 1}.a > 0", "[1, 2].all(n, n > orders)", "type(orders) == int",
		"first_paid.getHours('+08:00') > 1", "b'a' == bytes(city)", ".orders > 0", "google.protobuf.Int64Value{value: 1} > 0",
	} {
		f.Add(rule)
	}
	spec, err := schemas.ParseCatalog([]byte(example + "  t: {when: gift}\n"))
	if err != nil {
		f.Fatal(err)
	}
	dep := schemas.DefaultDeployment()
	f.Fuzz(func(t *testing.T, rule string) {
		spec.Tags[0].When = rule
		c, err := Compile(spec, 1, &dep)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("refused without a word")
			}
			return
		}
		in := &inputs{catalog: c, identifiers: map[string][]string{"phone": {"a", "b"}, "openid": {"c"}}}
		agree(t, c.Tags[0], in)
		first, err := c.Tags[0].Eval(in)
		second, again := c.Tags[0].Eval(in)
		if first != second || (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
			t.Fatalf("%q, %v and then %q, %v", first, err, second, again)
		}
		for _, name := range in.asked {
			if !slices.Contains(c.Tags[0].Reads, c.feature(t, name)) {
				t.Fatalf("%s was read, and is not in the index", name)
			}
		}
	})
}
