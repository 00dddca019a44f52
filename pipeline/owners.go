package pipeline

import (
	"context"
	"sync"
	"time"
)

// ownersAge is how long an answer of the coordinator about owners counts. Shorter asks it more often than
// partitions move; longer sends more questions to a node that does not own them any more, which costs a
// hop.
const ownersAge = time.Second

// owners remembers which node owns which inbox partition.
type owners struct {
	mu        sync.Mutex // held while the coordinator is asked: others want the same answer
	asked     time.Time
	addresses map[int]string
}

// owner returns the address of the node that owns a partition, empty if there is none or it is not known.
func (n *Node) owner(ctx context.Context, q int) string {
	n.owners.mu.Lock()
	defer n.owners.mu.Unlock()
	if time.Since(n.owners.asked) > ownersAge {
		members, err := n.machines.Members(ctx)
		if err != nil { // a rebalance, or a coordinator that is away: what we knew may be wrong, which the next node tells
			return n.owners.addresses[q]
		}
		n.owners.asked, n.owners.addresses = time.Now(), map[int]string{}
		for _, m := range members {
			if c, err := decodeClaim(m.Data); err == nil {
				for _, p := range m.Partitions {
					n.owners.addresses[p] = c.address
				}
			}
		}
	}
	if address := n.owners.addresses[q]; address != n.address {
		return address
	}
	return "" // ours, but not open yet
}

// positions are those of the newest checkpoints in our store, by inbox partition.
func (n *Node) positions() []int64 {
	list := make([]int64, n.dep.InboxPartitions)
	for q := range list {
		position, _, err := n.store.Position(q)
		if err != nil {
			n.trouble("position for the group", err) // as if there were none: whoever takes it finds out
		}
		list[q] = position
	}
	return list
}
