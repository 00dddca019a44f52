package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestHints: a name that is not there is told with those that are, a bounded number of them; one that is there is not.
func TestHints(t *testing.T) {
	many := make([]string, 25)
	for i := range many {
		many[i] = fmt.Sprintf("event_%02d", i)
	}
	for want, c := range map[string]struct {
		name  string
		names []string
	}{
		"": {"event_03", many},
		"no thing \"pid\"; there are event_00, event_01\n":                               {"pid", many[:2]},
		"no thing \"pid\"; there are none\n":                                             {"pid", nil},
		"no thing \"pid\"; there are " + strings.Join(many[:20], ", ") + " and 5 more\n": {"pid", many},
	} {
		var out bytes.Buffer
		if hintUnknown(&out, "thing", c.name, c.names); out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
	for tag, want := range map[string]string{"": "", "curious": "", "curiuos": "no tag of the published catalogue has the name \"curiuos\"; there are curious, loyal\n"} {
		var out bytes.Buffer
		hintTag(&out, tag, []byte("name: c\nfeatures:\n  views: {kind: count, event: view}\ntags:\n  loyal: {when: \"views > 9\"}\n  curious: {when: \"views > 0\"}\n"))
		if out.String() != want {
			t.Errorf("tag %q: %q, want %q", tag, out.String(), want)
		}
	}
}
