package model

import "slices"

// identities checks who belongs together: each identifier is in one profile, an event counts where its
// anchor is, nothing is together that no event connects, and nothing is apart that fits.
func (j *judge) identities() {
	for id, d := range j.Documents {
		counts := map[string]int{}
		for _, x := range d.Identifiers {
			if other, ok := j.home[x]; ok {
				j.fault("%s is in profiles %s and %s", x, other, id)
			}
			j.home[x] = id
			counts[typeOf(x)]++
		}
		for t, n := range counts {
			if n > j.Limits[t] && !j.Unruled {
				j.fault("profile %s has %d identifiers of type %s, at most %d", id, n, t, j.Limits[t])
			}
		}
	}
	j.anchors()
	j.together()
	if !j.Unruled && !j.Forgets {
		j.apart()
	}
}

// anchors checks that each event counts for the surviving profile of its first usable identifier.
func (j *judge) anchors() {
	for id, d := range j.Documents {
		for _, c := range j.history(id, 1<<60) {
			ids := j.usable(c.ev)
			if j.Unruled {
				ids = c.ev.Identifiers
			}
			if len(ids) > 0 && !slices.Contains(d.Identifiers, ids[0]) && !(j.Unruled && slices.ContainsFunc(ids, func(x string) bool { return slices.Contains(d.Identifiers, x) })) {
				j.fault("event %s counts for profile %s, its anchor %s is in %s", c.ev.ID, id, ids[0], j.home[ids[0]])
			}
		}
	}
	for _, ev := range j.Sent {
		ids := j.usable(ev)
		if ev.Reject != "" || len(ids) == 0 || j.home[ids[0]] != "" {
			continue
		}
		if j.Unruled && j.home[ev.Identifiers[0]] != "" { // counted before the catalogue that blocks it came: the others were links
			continue
		}
		j.fault("event %s: its anchor %s is in no profile", ev.ID, ids[0])
	}
}

// groups are the components of a graph.
type groups map[string]string

func (g groups) find(a string) string {
	for g[a] != "" && g[a] != a {
		a = g[a]
	}
	return a
}

func (g groups) join(a, b string) {
	if x, y := g.find(a), g.find(b); x != y {
		g[x] = y
	}
}

// together checks that the identifiers of a profile are connected by events; and that people are by
// events that name both of them, where devices are weak.
func (j *judge) together() {
	all, strong := groups{}, groups{}
	for _, ev := range j.Sent {
		ids := ev.Identifiers
		for k := range ids {
			all.join(ids[0], ids[k])
			if !slices.Contains(j.Weak, typeOf(ids[0])) && !slices.Contains(j.Weak, typeOf(ids[k])) {
				strong.join(ids[0], ids[k])
			}
		}
	}
	for id, d := range j.Documents {
		person := ""
		for _, x := range d.Identifiers {
			if all.find(x) != all.find(d.Identifiers[0]) {
				j.fault("profile %s has %s and %s, which no events connect", id, x, d.Identifiers[0])
			}
			if slices.Contains(j.Weak, typeOf(x)) {
				continue
			}
			if person != "" && strong.find(person) != strong.find(x) {
				j.fault("profile %s has %s and %s, which are connected through weak identifiers only", id, person, x)
			}
			person = x
		}
	}
}

// apart checks that two identifiers of one event in two profiles have a reason.
func (j *judge) apart() {
	for _, ev := range j.Sent {
		ids := j.usable(ev)
		if ev.Reject != "" || len(ids) == 0 {
			continue
		}
		for _, y := range ids[1:] {
			a, b := j.Documents[j.home[ids[0]]], j.Documents[j.home[y]]
			switch {
			case a == b || a == nil:
			case b == nil: // an identifier without a profile of its own: an address that was refused
				b = &Document{Identifiers: []string{y}}
				fallthrough
			default:
				if j.reason(a, b, ids[0], y) == "" {
					j.fault("event %s: %s and %s are in two profiles, %v and %v, and fit into one", ev.ID, ids[0], y, a.Identifiers, b.Identifiers)
				}
			}
		}
	}
}
