package normalize

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestNameFilterMissesNothing holds the filter against comparing with every name: letters of other scripts that
// are another case of an ASCII one, empty names and long ones included.
func TestNameFilterMissesNothing(t *testing.T) {
	word := rapid.OneOf(
		rapid.SampledFrom([]string{"", "phone", "PHONE", "desk", "DE\u017fK", "des\u212a", "\u017ftreet", "手机号", "$", "id_number", strings.Repeat("p", 64), strings.Repeat("P", 65)}),
		rapid.StringOfN(rapid.SampledFrom([]rune("skSK\u017f\u212a$a")), 0, 4, -1),
	)
	rapid.Check(t, func(t *rapid.T) {
		n := &Normalizer{}
		names := rapid.SliceOfN(word, 0, 5).Draw(t, "names")
		for _, name := range names {
			n.sensitive = append(n.sensitive, newSensitiveName(name))
		}
		n.filter = newNameFilter(n.sensitive)
		key := word.Draw(t, "key")
		var want *sensitiveName
		for i := range n.sensitive {
			if want == nil && strings.EqualFold(names[i], strings.TrimLeft(key, "$")) {
				want = &n.sensitive[i]
			}
		}
		if got := n.sensitiveName(key); got != want {
			t.Fatalf("names %q, key %q: got %v, want %v", names, key, got, want)
		}
	})
	if n := (nameFilter{}); n.passes("city") {
		t.Error("a filter without names lets a key pass")
	}
}
