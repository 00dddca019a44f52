package machine_test

import (
	"testing"

	"portrait/schemas"
)

// TestLookupOfAnAddress: an identifier that was only asked to link, and refused, has no profile. It has one when
// a merge brings it events.
func TestLookupOfAnAddress(t *testing.T) {
	c := newCluster(t, 1, 4, "", nil)
	lookup := func(id string) *schemas.ProfileDoc {
		t.Helper()
		for range 8 {
			doc, parent, err := c.members[schemas.PartitionOf(id, 4)].m.Lookup(id)
			if err != nil {
				t.Fatal(err)
			}
			if parent == "" {
				return doc
			}
			id = parent
		}
		t.Fatal("no end of parents")
		return nil
	}
	c.event(0, "e1", "login", c.clock, "customer_id:a", "unionid:u1", "unionid:u2") // a person has one unionid
	c.rest()
	addresses := 0
	for _, id := range []string{"unionid:u1", "unionid:u2"} {
		if doc := lookup(id); doc == nil {
			addresses++
		} else if doc.Version == 0 || doc.Events != 1 {
			t.Errorf("%s leads to version %d with %d events", id, doc.Version, doc.Events)
		}
	}
	if addresses != 1 {
		t.Errorf("%d of two unionids have no profile, want the one that was refused", addresses)
	}
	if doc := lookup("unionid:nobody"); doc != nil {
		t.Errorf("nobody has %+v", doc)
	}
	for _, id := range []string{"unionid:u1", "unionid:u2"} {
		if lookup(id) == nil {
			c.event(0, "e2", "login", c.clock, "customer_id:b", id)
			c.rest()
			if doc := lookup(id); doc == nil || doc.Version == 0 || doc.Events != 1 {
				t.Errorf("after a merge %s leads to %+v, want a profile with one event", id, doc)
			}
		}
	}
	if doc := lookup("customer_id:b"); doc == nil || doc.Events != 1 {
		t.Errorf("customer_id:b leads to %+v", doc)
	}
}
