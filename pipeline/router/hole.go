package router

import "portrait/schemas/wire"

// maxVoids bounds what is held between two records. Voids that touch are one, so more than one is there only
// where offsets in between were lost; what is beyond this many is not reported, and the accounting shows it as lost.
const maxVoids = 1000

// pass notes the voids before an offset and returns the others. Those that touch become one, so what is noted
// between two records does not depend on where fetches end.
func (r *Router) pass(voids []Void, before int64) []Void {
	for len(voids) > 0 && voids[0].First < before {
		switch n := len(r.voids); {
		case n > 0 && r.voids[n-1].Last+1 == voids[0].First:
			r.voids[n-1].Last = voids[0].Last
		case n < maxVoids:
			r.voids = append(r.voids, voids[0])
		}
		voids = voids[1:]
	}
	return voids
}

// report makes an item of each void that was passed since the last record, now that the next one is here. The
// items go where word of dead letters goes.
//
// Its number is its last offset, and that follows from the log alone: every router begins behind a record or at
// the log's start, because no other offset is ever committed, and passes what lies before the next record as a
// whole. Before that record is there nothing may be said: a void at the log's end still grows, and one router
// would number it where another, whose fetch ended later, would not.
//
// Offsets that are neither a record nor in a void were lost: nobody reports them.
func (r *Router) report() {
	for _, v := range r.voids {
		n := v.Last - v.First + 1
		hole := &wire.Hole{At: wire.Position{Partition: r.partition, Offset: v.Last}, Offsets: n}
		r.add(int(r.partition)%r.dep.InboxPartitions, wire.Routed{Hole: hole}, holeSize, noTime)
		r.out.Counts.WithoutEvent += int(n)
	}
	r.voids = r.voids[:0]
}

// holeSize is more than a hole takes when encoded.
const holeSize = 48
