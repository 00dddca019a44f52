package snapshot

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// Info names one snapshot, as far as its name tells.
type Info struct {
	Name      string
	Partition int
	Kind      Kind
	From, To  int64
	Logic     int
	Size      int64
}

// name is that of an object: names of a partition ascend with where they lead to.
func name(h *Header) string {
	return fmt.Sprintf("p%05d/%019d.%c.%019d.v%d.snap", h.Partition, h.To, h.Kind, h.From, h.Logic)
}

var namePattern = regexp.MustCompile(`^p(\d{5})/(\d{19})\.([bd])\.(\d{19})\.v(\d{1,6})\.snap$`)

// parseName reads a name; ok is false for what is no snapshot of ours.
func parseName(text string) (i Info, ok bool) {
	m := namePattern.FindStringSubmatch(text)
	if m == nil {
		return Info{}, false
	}
	number := func(s string) int64 {
		v, err := strconv.ParseInt(s, 10, 64)
		ok = ok && err == nil
		return v
	}
	ok = true
	i = Info{Name: text, Partition: int(number(m[1])), To: number(m[2]), Kind: Kind(m[3][0]), From: number(m[4]), Logic: int(number(m[5]))}
	return i, ok && i.From <= i.To
}

// Plan is the way to a state: the snapshots to apply in order. It begins with a base, or, onto a state that is
// there already, with a delta.
type Plan []Info

// To is where the plan leads; -1 if there is none.
func (p Plan) To() int64 {
	if len(p) == 0 {
		return -1
	}
	return p[len(p)-1].To
}

// Best returns the way that leads furthest, beyond have: the position of a state that is there, 0 for
// none. Of ways that lead as far it prefers the one onto that state, and the newest base. Nil if none leads further.
func Best(list []Info, have int64) Plan {
	var best Plan
	if have > 0 {
		best = follow(list, have)
	}
	bases := slices.DeleteFunc(slices.Clone(list), func(i Info) bool { return i.Kind != Base })
	slices.SortFunc(bases, func(a, b Info) int { return cmp.Compare(b.To, a.To) })
	for _, b := range bases {
		if p := append(Plan{b}, follow(list, b.To)...); p.To() > max(best.To(), have) {
			best = p
		}
	}
	return best
}

// follow returns the deltas that lead on from a position, as few as possible.
func follow(list []Info, at int64) (p Plan) {
	for {
		next := -1
		for i, s := range list {
			if s.Kind == Delta && s.From <= at && s.To > at && (next < 0 || s.To > list[next].To) {
				next = i
			}
		}
		if next < 0 {
			return p
		}
		p = append(p, list[next])
		at = list[next].To
	}
}

// Obsolete returns what retention no longer needs: everything that leads no further than the keep-th
// newest base, except that base.
func Obsolete(list []Info, keep int) (gone []Info) {
	var bases []int64
	for _, i := range list {
		if i.Kind == Base {
			bases = append(bases, i.To)
		}
	}
	slices.Sort(bases)
	bases = slices.Compact(bases)
	if len(bases) < keep {
		return nil
	}
	oldest := bases[len(bases)-keep]
	for _, i := range list {
		if i.To < oldest || i.To == oldest && i.Kind == Delta {
			gone = append(gone, i)
		}
	}
	return gone
}
