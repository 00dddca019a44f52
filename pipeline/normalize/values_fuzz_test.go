package normalize

import (
	"strings"
	"testing"

	"portrait/schemas"
)

// FuzzIdentifier: a value names somebody in a form that is its own, or it is dropped with a rule. What is
// sensitive never shows, and the fast reading of phones says what the library says.
func FuzzIdentifier(f *testing.F) {
	for _, s := range [][2]string{{"phone", "139 1234 5678"}, {"phone", "+1 202 555 0143"}, {"email", " A@B.example "}, {"openid@wx1", "o\u0301"},
		{"device_id", "00000000-0000"}, {"device_id", "\ufeffa\u200b"}, {"customer_id", "-1"}, {"nobody", "x"}, {"phone", "0086139１２３４５６７８"}} {
		f.Add(s[0], s[1])
	}
	n := testNormalizer(f)
	f.Fuzz(func(t *testing.T, typ, value string) {
		canonical, priority, repair, ok := n.identifier(typ, value)
		if !ok {
			if repair.String() == "" || canonical != "" {
				t.Fatalf("dropped without a rule: %q", canonical)
			}
			return
		}
		id, err := schemas.ParseIdentifier(canonical)
		if err != nil || id.Type != typ || priority < 0 || len(id.Value) > MaxIdentifierBytes {
			t.Fatalf("%q of %q became %q, priority %d: %v", value, typ, canonical, priority, err)
		}
		again, _, _, ok := n.identifier(typ, id.Value)
		if !ok || again != canonical {
			t.Fatalf("%q became %q, and that %q, %v", value, canonical, again, ok)
		}
		base := schemas.BaseType(typ)
		if sensitive := n.types[base].sensitive; sensitive && !n.isHashed(id.Value) {
			t.Fatalf("a %s in clear", base)
		}
		if base == "phone" && !n.isHashed(value) {
			cleaned := cleanText(value)
			if fast := n.phones.mobileCN(cleaned); fast != "" && fast != parseWithLibrary(cleaned, n.phones.region) {
				t.Fatalf("%q reads as another number than to the library", strings.Repeat("*", len(cleaned)))
			}
		}
	})
}
