package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"portrait/pipeline/snapshot"
	"portrait/profile"
	"portrait/profile/store"
	"portrait/schemas"
)

// restore brings a partition's state in our store as far as snapshots lead, if they lead further than the
// newest checkpoint here. A state that is not trusted counts as none.
func (k *keeper) restore(ctx context.Context, q int, trusted bool) error {
	if k.store == nil && trusted {
		return nil
	}
	p := &k.parts[q]
	p.restoring.Lock()
	defer p.restoring.Unlock()
	have := int64(0)
	if trusted {
		position, _, err := k.node.store.Position(q)
		if err != nil {
			return fmt.Errorf("inbox %d: %w", q, err)
		}
		have = position
	}
	for {
		err := k.restoreFrom(ctx, q, have, trusted)
		if err == nil {
			return nil
		}
		k.fail(q, err)
		if trusted && k.replayable(ctx, q, have) {
			return nil // the state here and the inbox do
		}
		if !sleep(ctx, time.Second) { // a store that is away is waited for: without it there is no state
			return ctx.Err()
		}
	}
}

// restoreFrom is restore, once. have is the position of the state here that counts.
func (k *keeper) restoreFrom(ctx context.Context, q int, have int64, trusted bool) error {
	p := &k.parts[q]
	list, err := k.list(ctx, q)
	if err != nil {
		return err
	}
	p.remember(list)
	began := time.Now()
	plan, err := restorePlan(ctx, k.node.store, k.store, k.node.dep, list, q, have, func(i snapshot.Info, err error) {
		k.damaged.Add(1)
		k.node.log.Error("a snapshot is damaged and is passed over for the one before", "snapshot", i.Name, "error", err)
	})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if plan == nil && !trusted {
		if err := emptied(k.node.store, q); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		k.node.log.Error("the state of a partition is damaged and there is no snapshot: it is rebuilt from the inbox", "partition", q)
	}
	if plan != nil {
		k.restored.Add(1)
		k.node.log.Info("restored", "partition", q, "from", have, "to", plan.To(), "snapshots", len(plan),
			"took", time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// list returns the snapshots that this binary may go on from.
func (k *keeper) list(ctx context.Context, q int) ([]snapshot.Info, error) {
	if k.store == nil {
		return nil, nil
	}
	list, err := k.store.List(ctx, q)
	return slices.DeleteFunc(list, func(i snapshot.Info) bool { return i.Logic > schemas.LogicVersion }), err
}

// replayable reports whether the inbox still has everything behind a position.
func (k *keeper) replayable(ctx context.Context, q int, position int64) bool {
	start, _, err := k.node.client.Offsets(ctx, k.node.topics.Inbox, q)
	return err == nil && position >= start
}

// remember notes what is in the store, so that what follows leads on from it.
func (p *keptPartition) remember(list []snapshot.Info) {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.baseBytes, p.deltaBytes, p.deltas = 0, 0, 0
	for _, i := range list {
		if i.Kind == snapshot.Base { // in order of To: the last one is the newest
			p.baseBytes, p.deltaBytes, p.deltas = max(i.Size, 1), 0, 0
		} else {
			p.deltaBytes += i.Size
			p.deltas++
		}
	}
	p.newest.Store(snapshot.Best(list, 0).To())
}

// sweep removes generations that a restore has replaced.
func (k *keeper) sweep(q int) {
	p := &k.parts[q]
	p.restoring.Lock()
	defer p.restoring.Unlock()
	if err := k.node.store.Sweep(q); err != nil && !errors.Is(err, store.ErrClosed) {
		k.node.trouble(fmt.Sprintf("inbox %d", q), err)
	}
}

// restorePlan applies the snapshots that lead furthest beyond have, and returns them; nil if none does. Damaged
// ones are reported and passed over for the ones before.
func restorePlan(ctx context.Context, db *store.DB, from *snapshot.Store, dep *schemas.Deployment, list []snapshot.Info,
	q int, have int64, damaged func(snapshot.Info, error)) (snapshot.Plan, error) {
	for {
		plan := snapshot.Best(list, have)
		if plan == nil {
			return nil, nil
		}
		copies, bad, err := fetchPlan(ctx, from, dep, plan)
		if err == nil {
			err = applyPlan(db, q, plan, copies)
		}
		for _, c := range copies {
			c.Close()
		}
		switch {
		case err == nil:
			return plan, nil
		case bad != nil && errors.Is(err, snapshot.ErrCorrupt):
			damaged(*bad, err)
		case bad != nil && errors.Is(err, fs.ErrNotExist): // retention was faster
		default:
			return nil, err
		}
		list = slices.DeleteFunc(slices.Clone(list), func(i snapshot.Info) bool { return i == *bad })
	}
}

// fetchPlan brings all snapshots of a plan here and verifies them before any is applied.
func fetchPlan(ctx context.Context, from *snapshot.Store, dep *schemas.Deployment, plan snapshot.Plan) (copies []*snapshot.Copy, bad *snapshot.Info, err error) {
	for i := range plan {
		c, err := from.Fetch(ctx, plan[i])
		if err != nil {
			return copies, &plan[i], err
		}
		copies = append(copies, c)
		var record schemas.Deployment
		if err := json.Unmarshal(c.Header.Record, &record); err != nil || record.Hash() != dep.Hash() {
			return copies, nil, fmt.Errorf("%s belongs to another deployment (%s, epoch %d): the names of two deployments' snapshots begin alike; "+
				"give one of them another prefix or directory", plan[i].Name, record.ID, record.Epoch)
		}
	}
	return copies, nil, nil
}

// applyPlan brings the partition to where the plan leads: onto the state that is there if the plan begins with
// a delta, else into a new generation.
func applyPlan(db *store.DB, q int, plan snapshot.Plan, copies []*snapshot.Copy) error {
	if plan[0].Kind == snapshot.Delta {
		p, err := db.Acquire(q)
		if err != nil {
			return err
		}
		for _, c := range copies {
			next := profile.Checkpoint{Position: c.Header.To, Meta: c.Meta}
			if err := c.Each(func(ch profile.Change) error { next.Changes = append(next.Changes, ch); return nil }); err != nil {
				return err
			}
			if err := p.Commit(&next); err != nil {
				return err
			}
		}
		return nil
	}
	r, err := db.Restore(q)
	if err != nil {
		return err
	}
	for _, c := range copies {
		if err := c.Each(func(ch profile.Change) error { return r.Put(ch.Key, ch.Value) }); err != nil {
			r.Abort()
			return err
		}
	}
	last := copies[len(copies)-1]
	return r.Commit(last.Header.To, last.Meta)
}

// emptied makes the partition's state that of an inbox of which nothing was applied.
func emptied(db *store.DB, q int) error {
	r, err := db.Restore(q)
	if err != nil {
		return err
	}
	return r.Commit(0, nil)
}

// Restored says what RestoreStopped did to a partition.
type Restored struct {
	Partition, Snapshots int
	From, To             int64
}

// RestoreStopped brings the state of a service that does not run as far as snapshots lead, of one partition
// or, if it is negative, of all. A directory without a state is made; it then belongs to the snapshots' deployment.
func RestoreStopped(ctx context.Context, dir string, from *snapshot.Store, partition int, damaged func(snapshot.Info, error)) (done []Restored, err error) {
	list, err := from.List(ctx, partition)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("there are no snapshots of it")
	}
	db, err := store.Open(dir, store.DefaultOptions())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	dep, err := deploymentOf(ctx, db, from, list)
	if err != nil {
		return nil, err
	}
	parts := map[int][]snapshot.Info{}
	for _, i := range list {
		parts[i.Partition] = append(parts[i.Partition], i)
	}
	for q := range dep.InboxPartitions {
		have, _, err := db.Position(q)
		if err != nil {
			return done, err
		}
		plan, err := restorePlan(ctx, db, from, dep, parts[q], q, have, damaged)
		if err != nil {
			return done, fmt.Errorf("inbox %d: %w", q, err)
		}
		if plan != nil {
			done = append(done, Restored{Partition: q, Snapshots: len(plan), From: have, To: plan.To()})
			if err := db.Sweep(q); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// deploymentOf returns the record of a store; one that has none takes that of the snapshots.
func deploymentOf(ctx context.Context, db *store.DB, from *snapshot.Store, list []snapshot.Info) (*schemas.Deployment, error) {
	dep, err := storedDeployment(db)
	if err != nil || dep != nil {
		return dep, err
	}
	for _, i := range slices.Backward(list) {
		c, err := from.Fetch(ctx, i)
		if errors.Is(err, snapshot.ErrCorrupt) {
			continue // another one has the record as well
		}
		if err != nil {
			return nil, err
		}
		record := c.Header.Record
		c.Close()
		if err := db.SetDeployment(record); err != nil {
			return nil, err
		}
		return storedDeployment(db)
	}
	return nil, fmt.Errorf("all snapshots: %w", snapshot.ErrCorrupt)
}
