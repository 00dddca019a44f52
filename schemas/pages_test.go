package schemas

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTagsPageQuotesTheExample: the code on the page is the code that is compiled and tested.
func TestTagsPageQuotesTheExample(t *testing.T) {
	_, rest, found := strings.Cut(page(t, "tags.md"), "```go\n")
	code, _, closed := strings.Cut(rest, "```")
	if !found || !closed || !strings.HasSuffix(page(t, "../deploy/examples/consumer/main.go"), "\n"+code) {
		t.Fatal("tags.md quotes something else than the end of the example: copy the function again")
	}
}

// TestTagsPageNamesTheContract: every field of the two contracts' constants is explained there.
func TestTagsPageNamesTheContract(t *testing.T) {
	text := page(t, "tags.md")
	words := []string{"version", "previous_version", "tag_version", "epoch", "winner", "event_time", "decided_at",
		string(Entered), string(Left), string(Changed), string(Merged), string(Erased)}
	for _, kind := range []CauseKind{CauseEvent, CauseTimer, CauseMerge, CauseCatalog, CauseErase, CauseUnmerge} {
		words = append(words, string(kind))
	}
	for _, word := range words {
		if !strings.Contains(text, "`"+word+"`") {
			t.Errorf("tags.md does not explain `%s`", word)
		}
	}
}

// TestVocabularyHasAllNames: the events that shipped catalogues and examples use are in vocabulary.md,
// each once, with the properties that the catalogues read.
func TestVocabularyHasAllNames(t *testing.T) {
	rows := make(map[string]string)
	all := page(t, "vocabulary.md")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|(.*)$").FindAllStringSubmatch(all, -1) {
		if _, twice := rows[row[1]]; twice {
			t.Errorf("%s stands there twice", row[1])
		}
		rows[row[1]] = row[2]
	}
	if len(rows) < 50 {
		t.Fatalf("only %d rows found: the tables have another form", len(rows))
	}
	known := func(t *testing.T, event string) {
		if _, ok := rows[event]; !ok {
			t.Errorf("vocabulary.md has no %s", event)
		}
	}
	for _, file := range []string{"private-domain", "demo", "online-retail"} {
		c, err := ParseCatalog([]byte(page(t, "catalog/"+file+".yaml")))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range c.Features {
			properties := []string{f.Property}
			for _, w := range f.Where {
				properties = append(properties, w.Property)
			}
			for _, event := range f.Events {
				known(t, event)
				for _, p := range properties {
					_, everywhere := rows[p]
					like := strings.Contains(rows[event], "as above")
					if p != "" && !everywhere && !like && !strings.Contains(rows[event], "`"+p+"`") {
						t.Errorf("vocabulary.md: %s has no property %s, which %s.yaml reads", event, p, file)
					}
				}
			}
		}
		for _, event := range c.Aliases {
			known(t, event)
		}
	}
	examples(t, "event", func(t *testing.T, source []byte) {
		for _, it := range DecodeEvents(source) {
			known(t, it.Event.Name)
		}
	})
}
