package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"portrait/pipeline/kafka"
	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// A new version of the logic takes over partition by partition, at a record in each inbox:
//
//	old binary: meets the barrier, checkpoints exactly there, puts a base taken there into the snapshot
//	            store, labelled with the new version, and asks for a rebalance
//	balancer:   gives a partition to members of the version that its newest snapshot is labelled with
//	new binary: goes on from that base, whose next record is the barrier
//
// Nothing old runs past a barrier, a zombie as little, and nothing new runs short of one: the machine refuses
// either. A new binary does not even join before barriers to its version stand in every inbox.

// barrierPoll is how often a new binary looks for its barriers.
const barrierPoll = 2 * time.Second

// awaitBarriers returns what portrait.catalog says once this binary may run.
func (n *Node) awaitBarriers(ctx context.Context, c *coordinator) (*catalogState, error) {
	for told := false; ; {
		s, err := c.read(ctx)
		if err != nil {
			return nil, err
		}
		if s.logic() >= schemas.LogicVersion {
			if told {
				n.waits("")
			}
			return s, nil
		}
		if !told {
			n.log.Warn("waiting: the deployment is at an older version of the logic; run `portrait upgrade barrier` of this binary when all nodes "+
				"should change over", "deployment", s.logic(), "binary", schemas.LogicVersion)
			n.waits(fmt.Sprintf("the deployment is at version %d of the logic, and this binary is of version %d; run `portrait upgrade barrier` of it", s.logic(), schemas.LogicVersion))
			told = true
		}
		if !sleep(ctx, barrierPoll) {
			return nil, ctx.Err()
		}
	}
}

// ErrNoUpgrade says that barriers cannot be written, and why.
var ErrNoUpgrade = errors.New("no barrier written")

// WriteBarriers writes a barrier to this binary's version of the logic into every inbox: nodes of the version
// before stop there, partition by partition, and nodes of this one go on. Of barriers that stand already
// nothing is written again; an attempt that did not come to its end is finished. It needs a snapshot store that
// all nodes use.
func (a *Admin) WriteBarriers(ctx context.Context) (version int, err error) {
	producer, err := kafka.NewProducer(ctx, a.client, kafka.DefaultProducerConfig())
	if err != nil {
		return 0, err
	}
	defer producer.Close()
	c := &coordinator{client: a.client, producer: producer, topics: a.topics}
	s, err := c.read(ctx)
	if err != nil {
		return 0, err
	}
	const to = schemas.LogicVersion
	switch at := s.logic(); {
	case at == to:
		return to, nil
	case at != to-1:
		return 0, fmt.Errorf("%w: the deployment is at logic version %d, and this binary is of version %d: a version reads only the one before",
			ErrNoUpgrade, at, to)
	}
	for q := range a.dep.InboxPartitions {
		if err := c.control(ctx, a.dep, q, wire.Control{Kind: wire.CtlBarrier, Version: to}); err != nil {
			return 0, err
		}
	}
	done := kafka.Record{Key: []byte(barrierKey), Value: strconv.AppendInt(nil, to, 10)}
	return to, c.produce(ctx, a.topics.Catalog, 0, done)
}

// met turns a barrier to a newer version into a state of the driver.
func (d *machineDriver) met(failed error) error {
	var barrier *machine.BarrierError
	if !errors.As(failed, &barrier) {
		return failed
	}
	if d.node.keeper.store == nil {
		return fmt.Errorf("%w; what goes on from here needs the snapshot of this state: configure snapshots, and start this version once more", failed)
	}
	d.barrier = barrier.Version
	d.node.log.Info("barrier", "partition", d.partition, "offset", d.step.Machine().Position(), "logic", d.barrier)
	return nil
}

// atBarrier drives the partition to rest at the barrier: a checkpoint exactly there, then a base of it.
func (d *machineDriver) atBarrier(ctx context.Context) {
	d.cutAt = time.Time{} // due
	m := d.step.Machine()
	if d.based != nil || d.step.cut != nil || d.committing || d.step.last != m.Position() || time.Now().Before(d.retryAt) {
		return
	}
	d.based = make(chan error, 1)
	go func(done chan<- error) {
		done <- d.node.keeper.base(ctx, d.partition, d.db, d.barrier, 0)
	}(d.based)
}

// handedOver asks for an owner of the new version once the base is there.
func (d *machineDriver) handedOver(err error) {
	if err != nil {
		d.node.keeper.fail(d.partition, err)
		d.based, d.retryAt = nil, time.Now().Add(diskRetry)
		return
	}
	d.node.machines.Rebalance()
}

// reached is the version of the logic that goes on with a partition, as far as this node knows.
func (n *Node) reached(q int) int {
	if n.keeper.store == nil {
		return schemas.LogicVersion // without snapshots there are no barriers
	}
	return max(int(n.keeper.parts[q].reached.Load()), int(max(1, n.logic.founded)))
}

// learnReached looks at the names in the snapshot store, for a moment: this node waits to join.
func (n *Node) learnReached() {
	if n.keeper.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	list, err := n.keeper.store.List(ctx, -1)
	if err != nil {
		n.trouble("versions in the snapshot store", err) // what was known before counts
		return
	}
	for _, i := range list {
		if i.Partition < len(n.keeper.parts) {
			p := &n.keeper.parts[i.Partition]
			p.reached.Store(max(p.reached.Load(), int64(i.Logic)))
		}
	}
}
