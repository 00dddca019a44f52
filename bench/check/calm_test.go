package check

import (
	"strings"
	"testing"
	"time"
)

// TestTagsAreComparedWhenLittleHappens: twenty seconds after the end, everybody turns silent at once. Whenever
// the caller looks, the checker finds an instant at which it can be exact.
func TestTagsAreComparedWhenLittleHappens(t *testing.T) {
	whole := perfectUntil(t, start.Add(65*time.Second))
	for _, c := range []struct {
		name   string
		asOf   time.Duration
		choose bool // an earlier instant
	}{
		{"soon after the end", 45 * time.Second, false},
		{"as everybody turns silent", 60 * time.Second, true},
		{"a little later", 49 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := whole.clone()
			w.asOf = start.Add(c.asOf)
			chosen := (&checker{Input: w.input(t)}).instantFor()
			if chosen.After(w.asOf) || chosen.Before(w.asOf) != c.choose {
				t.Errorf("%v was chosen of %v", chosen, w.asOf)
			}
			for _, each := range w.run(t).Checks {
				if strings.HasPrefix(each.Name, "tags_") && !each.OK {
					t.Errorf("%s: %s", each.Name, each.Detail)
				}
			}
		})
	}
}

func (c *checker) instantFor() time.Time {
	c.people = c.Ledger.People()
	return c.calm()
}
