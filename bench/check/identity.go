package check

import (
	"fmt"
	"slices"

	"portrait/bench"
	"portrait/schemas"
)

// relation says which profile holds something of which person, from identifiers and from events.
type relation struct {
	profiles map[string][]int32 // people in a profile
	people   map[int32][]string // profiles of a person
}

func (r *relation) add(profile string, person int32) {
	if !slices.Contains(r.profiles[profile], person) {
		r.profiles[profile] = append(r.profiles[profile], person)
		r.people[person] = append(r.people[person], profile)
	}
}

// only returns the one profile of a person, if the person is whole and the profile clean.
func (r *relation) only(person int32) (string, bool) {
	profiles := r.people[person]
	if len(profiles) != 1 || len(r.profiles[profiles[0]]) != 1 {
		return "", false
	}
	return profiles[0], true
}

func (c *checker) identity() (bench.Check, error) {
	var d differences
	if err := c.relateIdentifiers(&d); err != nil {
		return bench.Check{}, err
	}
	misplaced := d.count
	if err := c.relateEvents(); err != nil {
		return bench.Check{}, err
	}
	for _, p := range c.people {
		if n := len(c.relation.people[p.Number]); n != 1 {
			d.add("person %d is in %d profiles", p.Number, n)
		}
	}
	for profile, people := range c.relation.profiles {
		if len(people) > 1 {
			d.add("profile %s holds people %v", profile, people)
		}
	}
	c.report.Profiles = len(c.relation.profiles)
	c.report.IdentityWrong = int(d.count - misplaced)
	return d.result("%d people in %d profiles, %d identifiers misplaced", len(c.people), c.report.Profiles, misplaced), nil
}

// relateIdentifiers fills the relation from the documents of profiles. An identifier of the ledger that is in
// no profile, or in two, is a difference, and so is a foreign one beside somebody's own: junk that became a node.
func (c *checker) relateIdentifiers(d *differences) error {
	rows, err := c.ask(2, fmt.Sprintf("SELECT toString(profile_id), identifier FROM %s.profiles_now ARRAY JOIN identifiers AS identifier",
		c.Database))
	if err != nil {
		return err
	}
	seen := make(map[string]int, len(c.owner))
	for _, row := range rows {
		if person, ok := c.owner[row[1]]; ok {
			c.relation.add(row[0], person)
			seen[row[1]]++
		}
	}
	for _, row := range rows {
		if _, ok := c.owner[row[1]]; !ok && len(c.relation.profiles[row[0]]) > 0 {
			d.add("profile %s holds a %s that nobody sent", row[0], schemas.BaseType(row[1])) // never its value: it may be a phone
		}
	}
	for identifier, person := range c.owner {
		if n := seen[identifier]; n != 1 {
			d.add("person %d: %s is in %d profiles", person, identifier, n)
		}
	}
	return nil
}

// relateEvents adds to the relation for whom each event counts today.
func (c *checker) relateEvents() error {
	return c.pages(func(condition string) error {
		rows, err := c.ask(2, fmt.Sprintf("SELECT event_id, toString(profile_id) FROM %s.events_now WHERE %s", c.Database, condition))
		if err != nil {
			return err
		}
		for _, row := range rows {
			seq, ok := c.Ledger.Run.Seq(row[0])
			if ev := c.Ledger.BySeq(seq); ok && ev != nil && !ev.Kind.Rejected() {
				c.relation.add(row[1], ev.Person)
			}
		}
		return nil
	})
}
