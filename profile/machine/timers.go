package machine

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/google/btree"

	"portrait/profile"
)

// never is the due time of a profile without a timer.
const never int64 = math.MaxInt64

// timer is one entry of the index, which is read in (due, id) order. There is exactly one per profile
// with a due time, so a restart finds the same index.
type timer struct {
	due int64
	id  string
}

// timers is the index of due times. Its persistent form is a key per timer.
type timers struct {
	tree    *btree.BTreeG[timer]
	changed map[timer]bool // against the last cut: true only here, false only there
}

func (t *timers) init() {
	t.tree = btree.NewG(32, func(a, b timer) bool { return a.due < b.due || a.due == b.due && a.id < b.id })
	t.changed = map[timer]bool{}
}

func (t *timers) first() (timer, bool) { return t.tree.Min() }

// set moves the entry's timer; the entry is dirty.
func (t *timers) set(e *entry, due int64) {
	p := e.profile
	if p.due == due {
		return
	}
	if p.due != never {
		old := timer{p.due, e.ID}
		t.tree.Delete(old)
		t.note(old, false)
	}
	if p.due = due; due != never {
		now := timer{due, e.ID}
		t.tree.ReplaceOrInsert(now)
		t.note(now, true)
	}
}

// note keeps what differs from the last cut: a timer that came and went between two cuts, as most do,
// is never written.
func (t *timers) note(k timer, set bool) {
	if before, ok := t.changed[k]; ok && before != set {
		delete(t.changed, k)
		return
	}
	t.changed[k] = set
}

// register makes a timer fire at due or earlier: a later one is not written, firing re-checks.
func (t *timers) register(e *entry, due int64) {
	if due < e.profile.due {
		t.set(e, due)
	}
}

// cut appends the changes of the index since the last cut; the caller sorts.
func (t *timers) cut(list []profile.Change) []profile.Change {
	set := []byte{metaVersion}
	for k, here := range t.changed {
		c := profile.Change{Key: k.key()}
		if here {
			c.Value = set
		}
		list = append(list, c)
	}
	clear(t.changed)
	return list
}

const timerPrefix = 't'

func (k timer) key() []byte {
	b := append(make([]byte, 0, 9+len(k.id)), timerPrefix)
	b = binary.BigEndian.AppendUint64(b, uint64(k.due)^1<<63) // ascending also below zero
	return append(b, k.id...)
}

// loadTimers reads the index of a restored partition.
func (m *Machine) loadTimers() error {
	m.timers.init()
	after := []byte{timerPrefix}
	for {
		var last []byte
		err := m.view.Scan(after, []byte{timerPrefix}, 10_000, func(key, _ []byte) bool {
			if len(key) > 9 {
				due := int64(binary.BigEndian.Uint64(key[1:9]) ^ 1<<63)
				m.timers.tree.ReplaceOrInsert(timer{due, string(key[9:])})
			}
			last = slices.Clone(key)
			return true
		})
		if err != nil {
			return fmt.Errorf("machine: timers: %w", err)
		}
		if last == nil {
			return nil
		}
		after = last
	}
}
