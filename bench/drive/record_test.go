package drive

import (
	"fmt"
	"testing"
)

// TestRepeats drops what was said before by the same inbox partition, and nothing else.
func TestRepeats(t *testing.T) {
	heard := numbers{}
	for i, c := range []struct {
		id   string
		drop bool
	}{
		{"e1-p3-100-1", false}, {"e1-p3-100-2", false}, {"e1-p3-100-2", true}, {"e1-p3-100-1", true}, {"e1-p4-7-1", false},
		{"e1-p3-101-1", false}, {"e1-p3-100-9", true}, {"e1-p4-7-1", true}, {"e1-p4-8-1", false}, {"e1-p13-1-1", false},
		{"e1-p3-101-2", false}, {"no id", false}, {"e1-p3-101-2-1", false}, {"e1-p3-101-3", false},
	} {
		value := fmt.Appendf(nil, `{"id":"%s","tag":"vip","cause":{"kind":"event","event_id":"x"}}`, c.id)
		if got := heard.repeat(value); got != c.drop {
			t.Errorf("%d: %s: dropped %v", i, c.id, got)
		}
	}
}
