package machine

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/google/btree"

	"portrait/profile"
)

// never is the due time of a profile without a timer.
const never int64 = math.MaxInt64

// timer is one entry of an index, which is read in (due, id) order.
type timer struct {
	due int64
	id  string
}

func (k timer) less(l timer) bool { return k.due < l.due || k.due == l.due && k.id < l.id }

// timers is an index of due times, at most one per profile; a restart finds the same one. Its persistent form
// is a key per timer. There are two of them, because one changes every few seconds and the other hardly ever:
// when time alone may change a tag, and when a document that waits for its interval goes out.
type timers struct {
	prefix  byte // of its keys
	tree    *btree.BTreeG[timer]
	changed map[timer]bool // since the last cut, whether it is there now
}

func (t *timers) init(prefix byte) {
	t.prefix, t.tree, t.changed = prefix, btree.NewG(32, timer.less), map[timer]bool{}
}

// move takes a profile's timer from one due time to another.
func (t *timers) move(id string, from, to int64) {
	if from == to {
		return
	}
	if from != never {
		old := timer{from, id}
		t.tree.Delete(old)
		t.note(old, false)
	}
	if to != never {
		t.insert(timer{to, id})
	}
}

func (t *timers) insert(k timer) {
	if _, there := t.tree.ReplaceOrInsert(k); !there {
		t.note(k, true)
	}
}

// setDue moves when time alone may change a tag of the entry's profile; the entry is dirty.
func (m *Machine) setDue(e *entry, due int64) {
	m.deadlines.move(e.ID, e.profile.due, due)
	e.profile.due = due
}

// register makes a deadline fire at due or earlier: a later one is not written, firing re-checks.
func (m *Machine) register(e *entry, due int64) {
	if due < e.profile.due {
		m.setDue(e, due)
	}
}

// setDoc moves when the document of the entry's profile goes out, 0: none waits; the entry is dirty.
func (m *Machine) setDoc(e *entry, at int64) {
	before := e.profile.docDue
	e.profile.docDue = at
	m.documents.move(e.ID, cmp.Or(before, never), cmp.Or(at, never))
}

// wake is when the profile's next timer fires.
func (p *state) wake() int64 { return min(p.due, cmp.Or(p.docDue, never)) }

// firstTimer returns the timer that fires next.
func (m *Machine) firstTimer() (timer, bool) {
	k, ok := m.deadlines.tree.Min()
	if l, waits := m.documents.tree.Min(); waits && (!ok || l.less(k)) {
		return l, true
	}
	return k, ok
}

// note keeps what was touched since the last cut, a timer that came and went, too: a cut becomes a delta, which has to
// lead on from any state in between (package snapshot), and another owner, who cut elsewhere, may have
// written that timer, or deleted one that went and came.
func (t *timers) note(k timer, set bool) { t.changed[k] = set }

// cut gives away the changes of the index since the last cut. There will be about as many again.
func (t *timers) cut() touched {
	list := touched{t.prefix, t.changed}
	t.changed = make(map[timer]bool, len(list.timers))
	return list
}

// changes appends what the timers are in the store, in any order.
func (t *touched) changes(list []profile.Change) []profile.Change {
	set := []byte{metaVersion}
	for k, here := range t.timers {
		c := profile.Change{Key: k.key(t.prefix)}
		if here {
			c.Value = set
		}
		list = append(list, c)
	}
	return list
}

// Keys of timers: the prefix, the due time, the identifier of the profile's root.
const (
	deadlinePrefix = 't'
	documentPrefix = 'd'
)

func (k timer) key(prefix byte) []byte {
	b := append(make([]byte, 0, 9+len(k.id)), prefix)
	b = binary.BigEndian.AppendUint64(b, uint64(k.due)^1<<63) // ascending also below zero
	return append(b, k.id...)
}

// loadTimers reads the indexes of a restored partition.
func (m *Machine) loadTimers() error {
	m.deadlines.init(deadlinePrefix)
	m.documents.init(documentPrefix)
	for _, t := range [...]*timers{&m.deadlines, &m.documents} {
		if err := t.load(m.view); err != nil {
			return fmt.Errorf("machine: timers: %w", err)
		}
	}
	return nil
}

func (t *timers) load(view View) error {
	after := []byte{t.prefix}
	for {
		var last []byte
		err := view.Scan(after, []byte{t.prefix}, 10_000, func(key, _ []byte) bool {
			if len(key) > 9 {
				due := int64(binary.BigEndian.Uint64(key[1:9]) ^ 1<<63)
				t.tree.ReplaceOrInsert(timer{due, string(key[9:])})
			}
			last = slices.Clone(key)
			return true
		})
		if err != nil || last == nil {
			return err
		}
		after = last
	}
}
