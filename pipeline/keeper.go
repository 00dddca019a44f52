package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"portrait/pipeline/snapshot"
	"portrait/profile"
	"portrait/profile/store"
	"portrait/schemas"
)

// SnapshotConfig says where snapshots go. Without a bucket there are none: a partition that moves to a node
// without its state is then replayed from the beginning of the inbox.
type SnapshotConfig struct {
	Bucket   snapshot.Bucket
	Key      *snapshot.Key // nil: they are not sealed
	Interval time.Duration // between deltas; 0: 10 s
	Keep     int           // bases kept, with all deltas behind the oldest of them; 0: 2
}

// How snapshots are made.
//
//   - 10 s between deltas: what a node has to replay that takes over from one that was killed. Less makes more
//     objects, more makes the hand-over longer.
//   - 2 bases: if the newest one is damaged there is another.
//   - A new base when the deltas behind the last one are as large as it, or 500: restoring reads at most
//     twice the state.
//   - At most 64 MiB wait for a store that is away; beyond that they are given up, and a base follows.
//   - 32 MiB/s of state while a base is read: a tenth of a core.
const (
	snapshotInterval = 10 * time.Second
	snapshotBases    = 2
	maxDeltas        = 500
	minDeltaBytes    = 8 << 20
	maxPendingBytes  = 64 << 20
	baseRate         = 32 << 20
	flushLimit       = 3 * time.Second // of a partition that is leaving: its next owner waits
)

// keeper makes and restores the snapshots of this node's partitions. All of it happens beside the
// machines: they hand over what they have committed, and never wait.
type keeper struct {
	node   *Node
	config SnapshotConfig
	store  *snapshot.Store // nil: no snapshots
	record []byte          // of the deployment
	parts  []keptPartition

	written, failed, damaged, restored atomic.Int64
}

// keptPartition is what the keeper knows of a partition.
type keptPartition struct {
	mu      sync.Mutex
	db      *store.Partition  // of its machine here; nil: none
	at      int64             // position of the newest checkpoint heard of
	pending map[string][]byte // changed since the newest delta; nil value: deleted
	from    int64             // where pending begins
	meta    []byte            // at at
	bytes   int64             // of pending
	gap     bool              // something was given up: deltas lead nowhere until the next base

	writing    sync.Mutex // one snapshot at a time; guards what follows
	baseBytes  int64      // of the newest base as stored; 0: there is none, or it is not known
	deltaBytes int64      // of the deltas behind it
	deltas     int

	restoring sync.Mutex   // restore and sweep exclude each other
	newest    atomic.Int64 // where the newest snapshot leads
	reached   atomic.Int64 // newest logic version among the names in the store
}

func newKeeper(n *Node, c SnapshotConfig) (*keeper, error) {
	if c.Interval == 0 {
		c.Interval = snapshotInterval
	}
	if c.Keep == 0 {
		c.Keep = snapshotBases
	}
	k := &keeper{node: n, config: c, parts: make([]keptPartition, n.dep.InboxPartitions)}
	record, err := json.Marshal(n.dep)
	if err != nil {
		return nil, err
	}
	k.record = record
	if c.Bucket != nil {
		k.store = snapshot.NewStore(c.Bucket, SnapshotPrefix(n.config.Prefix, n.dep), c.Key, filepath.Join(n.config.DataDir, "snapshots.new"))
	}
	return k, nil
}

// SnapshotStatus counts what a node did with snapshots since it began.
type SnapshotStatus struct {
	On                                 bool
	Written, Failed, Damaged, Restored int64
}

func (k *keeper) status() SnapshotStatus {
	return SnapshotStatus{On: k.store != nil, Written: k.written.Load(), Failed: k.failed.Load(), Damaged: k.damaged.Load(), Restored: k.restored.Load()}
}

// SnapshotPrefix is what the names of a deployment's snapshots begin with.
func SnapshotPrefix(prefix string, dep *schemas.Deployment) string {
	return fmt.Sprintf("%s/%s-e%d", prefix, dep.ID, dep.Epoch)
}

func (k *keeper) header(q int, kind snapshot.Kind, logic int) snapshot.Header {
	return snapshot.Header{Record: k.record, Partition: q, Kind: kind, Logic: logic, Created: time.Now().UnixMilli()}
}

// opened says that a machine begins at a position.
func (k *keeper) opened(q int, db *store.Partition, position int64) {
	p := &k.parts[q]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.db, p.at, p.pending, p.bytes, p.meta = db, position, nil, 0, nil
	p.gap = p.newest.Load() < position // what was committed and not copied before the last end
}

// closed says that the machine has ended, and copies what is left, for at most flushLimit.
func (k *keeper) closed(q int) {
	if k.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	if err := k.delta(ctx, q); err != nil {
		k.fail(q, err)
	}
	p := &k.parts[q]
	p.mu.Lock()
	p.db = nil
	p.mu.Unlock()
}

// committed takes over a checkpoint that the store has. It copies what it keeps, and is called from the commit's
// goroutine, before the machine hears of it.
func (k *keeper) committed(q int, c *profile.Checkpoint) {
	if k.store == nil {
		return
	}
	p := &k.parts[q]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending == nil {
		p.pending, p.from, p.bytes = map[string][]byte{}, p.at, 0
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if old, ok := p.pending[string(ch.Key)]; ok {
			p.bytes -= int64(len(ch.Key) + len(old))
		}
		p.pending[string(ch.Key)] = slices.Clone(ch.Value)
		p.bytes += int64(len(ch.Key) + len(ch.Value))
	}
	p.at, p.meta = c.Position, slices.Clone(c.Meta)
	if p.bytes > maxPendingBytes {
		p.pending, p.bytes, p.gap = nil, 0, true
	}
}

// run makes snapshots until ctx ends.
func (k *keeper) run(ctx context.Context) error {
	if k.store == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	for sleep(ctx, k.config.Interval) {
		for q := range k.parts {
			err := k.delta(ctx, q)
			if err == nil {
				err = k.baseIfDue(ctx, q)
			}
			if err != nil && ctx.Err() == nil {
				k.fail(q, err)
			}
		}
	}
	return ctx.Err()
}

func (k *keeper) fail(q int, err error) {
	k.failed.Add(1)
	k.node.trouble(fmt.Sprintf("inbox %d: snapshot", q), err)
}

// delta copies what has changed since the newest one.
func (k *keeper) delta(ctx context.Context, q int) error {
	p := &k.parts[q]
	p.writing.Lock()
	defer p.writing.Unlock()
	p.mu.Lock()
	changes, from, to, meta, size, gap := p.pending, p.from, p.at, p.meta, p.bytes, p.gap
	p.pending, p.bytes = nil, 0
	p.mu.Unlock()
	if changes == nil || gap || to <= from {
		return nil // with a gap it would lead nowhere: the base has it
	}
	h := k.header(q, snapshot.Delta, schemas.LogicVersion)
	h.From, h.To = from, to
	info, err := k.store.Write(ctx, h, func(w *snapshot.Writer) ([]byte, error) {
		for _, key := range slices.Sorted(maps.Keys(changes)) {
			if err := w.Put([]byte(key), changes[key]); err != nil {
				return nil, err
			}
		}
		return meta, nil
	})
	if err != nil {
		p.again(changes, from, size)
		return err
	}
	k.noted(p, info)
	p.deltas++
	p.deltaBytes += info.Size
	return nil
}

// again puts back what could not be written, below what has come since.
func (p *keptPartition) again(changes map[string][]byte, from, size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, value := range p.pending {
		changes[key] = value
	}
	p.pending, p.from = changes, from
	if p.bytes += size; p.bytes > maxPendingBytes {
		p.pending, p.bytes, p.gap = nil, 0, true
	}
}

func (k *keeper) noted(p *keptPartition, info snapshot.Info) {
	k.written.Add(1)
	p.newest.Store(max(p.newest.Load(), info.To))
}

// baseIfDue makes a base when there is none to begin with, or reading the deltas would cost as much as reading it.
func (k *keeper) baseIfDue(ctx context.Context, q int) error {
	p := &k.parts[q]
	p.mu.Lock()
	db, at, gap := p.db, p.at, p.gap
	p.mu.Unlock()
	p.writing.Lock()
	due := gap || p.baseBytes == 0 || p.deltas >= maxDeltas || p.deltaBytes > max(p.baseBytes, minDeltaBytes)
	p.writing.Unlock()
	if db == nil || at == 0 || !due {
		return nil
	}
	if err := k.base(ctx, q, db, schemas.LogicVersion, baseRate); err != nil {
		return err
	}
	_, err := k.store.Prune(ctx, q, k.config.Keep)
	return err
}

// base copies a partition's whole state, at most rate bytes a second (0: as fast as it goes). Logic is the version
// that goes on from it.
func (k *keeper) base(ctx context.Context, q int, db *store.Partition, logic int, rate int64) error {
	p := &k.parts[q]
	// Deltas that come while the state is read lead on from it.
	p.mu.Lock()
	p.gap = false
	p.mu.Unlock()
	began, read := time.Now(), int64(0)
	info, err := k.store.Export(ctx, k.header(q, snapshot.Base, logic), func(begin func(int64, []byte) error, f func(key, value []byte) error) error {
		return db.Export(begin, func(key, value []byte) error {
			read += int64(len(key) + len(value))
			if rate > 0 && read%(1<<20) < int64(len(key)+len(value)) {
				ahead := time.Duration(float64(read)/float64(rate)*float64(time.Second)) - time.Since(began)
				if ahead > 0 && !sleep(ctx, ahead) {
					return ctx.Err()
				}
			}
			return f(key, value)
		})
	})
	if err != nil {
		p.mu.Lock()
		p.gap = true
		p.mu.Unlock()
		return fmt.Errorf("base: %w", err)
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	k.noted(p, info)
	p.baseBytes, p.deltaBytes, p.deltas = max(info.Size, 1), 0, 0
	return nil
}
