package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"portrait/pipeline/kafka"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// balancerName is the protocol's name, with the version of claim's encoding: members that could not read
// each other's claims must not be in one group.
const balancerName = "portrait-1"

// maxClaims bounds what a claim may hold: partitions of a topic.
const maxClaims = 1 << 16

// claim is what a node tells the group's leader about itself.
type claim struct {
	logic   int    // version of its binary's logic
	address string // where its lookups are served; empty: nowhere
	// Of each inbox partition: the position of its newest checkpoint here, 0 if there is none; and the newest
	// logic version that the partition is known to have reached, by a checkpoint here or in the snapshot store.
	positions []int64
	reached   []int
}

func (c *claim) encode() []byte {
	var e wire.Encoder
	e.Uint(uint64(c.logic))
	e.String(c.address)
	e.Uint(uint64(len(c.positions)))
	for q := range c.positions {
		e.Int(c.positions[q])
		e.Uint(uint64(c.reached[q]))
	}
	return e.B
}

func decodeClaim(b []byte) (*claim, error) {
	d := wire.NewDecoder(b)
	c := &claim{logic: int(d.Uint()), address: d.String()}
	n := d.Count()
	if n > maxClaims {
		return nil, fmt.Errorf("claim over %d partitions", n)
	}
	for ; n > 0 && d.Err() == nil; n-- {
		c.positions = append(c.positions, d.Int())
		c.reached = append(c.reached, int(d.Uint()))
	}
	return c, d.Close()
}

// position is that of the newest checkpoint of a partition.
func (c *claim) position(q int) int64 {
	if q < len(c.positions) {
		return c.positions[q]
	}
	return 0
}

// balancer keeps a partition where its newest checkpoint is, as far as everybody then has as many
// partitions as everybody else, give or take one. A partition goes only to members whose logic is the
// version that it has reached: one short of its barrier to old binaries, one beyond it to new ones. With
// none of them in the group nobody owns it.
type balancer struct {
	claim func() *claim // of this node, now
}

// Name implements kafka.Balancer.
func (b balancer) Name() string { return balancerName }

// Data implements kafka.Balancer.
func (b balancer) Data() []byte { return b.claim().encode() }

// Assign implements kafka.Balancer.
func (b balancer) Assign(members []kafka.Member, partitions []int) map[string][]int {
	members = slices.SortedFunc(slices.Values(members), func(a, b kafka.Member) int { return cmp.Compare(a.ID, b.ID) })
	claims := make([]*claim, len(members))
	for i, m := range members {
		c, err := decodeClaim(m.Data)
		if err != nil {
			c = &claim{logic: -1} // it cannot be trusted with anything
		}
		claims[i] = c
	}
	wanted := map[int][]int{} // partitions by the version they have reached
	for _, q := range slices.Sorted(slices.Values(partitions)) {
		version := 0
		for _, c := range claims {
			if q < len(c.reached) {
				version = max(version, c.reached[q])
			}
		}
		wanted[version] = append(wanted[version], q)
	}
	out := map[string][]int{}
	for _, version := range slices.Sorted(maps.Keys(wanted)) {
		d := division{owned: map[int][]int{}}
		for i, c := range claims {
			if c.logic == version {
				d.members, d.claims = append(d.members, i), claims
			}
		}
		for i, owned := range d.divide(wanted[version]) {
			out[members[i].ID] = slices.Sorted(slices.Values(owned))
		}
	}
	return out
}

// division divides partitions among members of one logic version.
type division struct {
	claims  []*claim
	members []int         // indices of claims, ascending
	owned   map[int][]int // by member
	quota   map[int]int
}

func (d *division) divide(partitions []int) map[int][]int {
	if len(d.members) == 0 {
		return nil
	}
	var free []int
	for _, q := range partitions {
		if m, ok := d.best(q, d.members); ok {
			d.owned[m] = append(d.owned[m], q)
		} else {
			free = append(free, q)
		}
	}
	d.share(len(partitions))
	free = append(free, d.release()...)
	for _, q := range slices.Sorted(slices.Values(free)) {
		m, ok := d.best(q, d.hungry())
		if !ok {
			m = d.hungriest()
		}
		d.owned[m] = append(d.owned[m], q)
	}
	return d.owned
}

// best returns which of the members has the newest checkpoint of a partition, if any has one.
func (d *division) best(q int, among []int) (member int, ok bool) {
	for _, m := range among {
		if p := d.claims[m].position(q); p > 0 && (!ok || p > d.claims[member].position(q)) {
			member, ok = m, true
		}
	}
	return member, ok
}

// share says how many partitions each member gets. Where the division leaves a rest, those get one more
// that have most already: so as many stay as can.
func (d *division) share(partitions int) {
	d.quota = map[int]int{}
	rank := slices.Clone(d.members)
	slices.SortStableFunc(rank, func(a, b int) int { return cmp.Compare(len(d.owned[b]), len(d.owned[a])) })
	for i, m := range rank {
		d.quota[m] = partitions / len(rank)
		if i < partitions%len(rank) {
			d.quota[m]++
		}
	}
}

// release takes from members what is above their quota, first those partitions that another member has
// an almost as new checkpoint of.
func (d *division) release() (free []int) {
	for _, m := range d.members {
		most := d.quota[m]
		if len(d.owned[m]) <= most {
			continue
		}
		gap := func(q int) int64 {
			next := int64(0)
			for _, other := range d.members {
				if other != m && len(d.owned[other]) < d.quota[other] {
					next = max(next, d.claims[other].position(q))
				}
			}
			return d.claims[m].position(q) - next
		}
		slices.SortStableFunc(d.owned[m], func(a, b int) int { return cmp.Compare(gap(b), gap(a)) })
		free = append(free, d.owned[m][most:]...)
		d.owned[m] = d.owned[m][:most]
	}
	return free
}

// hungry are the members below their quota.
func (d *division) hungry() (list []int) {
	for _, m := range d.members {
		if len(d.owned[m]) < d.quota[m] {
			list = append(list, m)
		}
	}
	return list
}

// hungriest is the member furthest below its quota; with quotas that add up there is one while a
// partition is free.
func (d *division) hungriest() int {
	return slices.MinFunc(d.hungry(), func(a, b int) int {
		return cmp.Compare(len(d.owned[a])-d.quota[a], len(d.owned[b])-d.quota[b])
	})
}

// claim is what this node says of itself when it joins.
func (n *Node) claim() *claim {
	n.learnReached()
	c := &claim{logic: schemas.LogicVersion, address: n.address, positions: n.positions(), reached: make([]int, n.dep.InboxPartitions)}
	for q := range c.reached {
		c.reached[q] = n.reached(q)
	}
	return c
}
