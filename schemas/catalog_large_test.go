package schemas

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// largeCatalog is a catalogue of exactly that many bytes: 512 features and 300 tags, each with prose.
func largeCatalog(size int) []byte {
	var b strings.Builder
	b.WriteString("name: large\nfeatures:\n")
	for i := range maxFeatures {
		fmt.Fprintf(&b, "  f%d:\n    kind: count\n    event: e%d\n    description: \"%s\"\n", i, i, strings.Repeat("人口统计 ", 90))
	}
	b.WriteString("tags:\n")
	for i := range maxTags {
		fmt.Fprintf(&b, "  t%d:\n    when: \"f%d > 0\"\n    description: \"%s\"\n", i, i, strings.Repeat("a b ", 200))
	}
	for b.Len() < size {
		b.WriteString("# " + strings.Repeat("x", min(size-b.Len(), 4000)-2) + "\n")
		if rest := size - b.Len(); rest > 0 && rest < 3 {
			b.WriteString(strings.Repeat("\n", rest))
		}
	}
	return []byte(b.String()[:size])
}

// TestLargeCatalog reads a catalogue of 1 MB, and refuses one of a byte more at its place.
func TestLargeCatalog(t *testing.T) {
	start := time.Now()
	c, err := ParseCatalog(largeCatalog(maxCatalogBytes))
	if err != nil || len(c.Features) != maxFeatures || len(c.Tags) != maxTags {
		t.Fatalf("%v", err)
	}
	t.Logf("%d bytes parsed in %v", maxCatalogBytes, time.Since(start).Round(time.Millisecond))
	if _, err := ParseCatalog(largeCatalog(maxCatalogBytes + 1)); err == nil ||
		err.Error() != "line 1, column 1: the catalogue has 1000001 bytes, more than 1000000; split it into several catalogues" {
		t.Errorf("a byte more: %v", err)
	}
	// 1 MB of what costs a profile or the parser something is refused where it goes too far.
	for name, tc := range map[string]struct{ text, want string }{
		"tags":      {"name: a\ntags:\n" + strings.Repeat("  t: {when: 'true'}\n", 49_000), "lines, more than 5000"},
		"blocked":   {"name: a\nidentifiers: {phone: {blocked: [\n" + strings.Repeat(strings.Repeat("'13900000001',", 200)+"\n", 300) + "]}}\n", "words and signs"},
		"one line":  {"name: a\n# " + strings.Repeat("x", 900_000), "line 2, column 1: the line has 900002 bytes, more than 4096"},
		"one value": {"name: a\ntags:\n  t:\n    when: |\n" + strings.Repeat("      f > 0 ||"+strings.Repeat(" ", 3900)+"\n", 200), "line 4, column 11: tag t: when has "},
	} {
		if _, err := ParseCatalog([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%s: %.300v; want %q", name, err, tc.want)
		}
	}
}
