package machine_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"portrait/profile/machine"
	"portrait/schemas"
	"portrait/schemas/wire"
)

// said is everything a machine says to a log, as bytes, in order of each output.
type said struct {
	messages          [][]byte
	facts, tags, docs []byte
	dead, markers     int
	lastFact          uint64
}

// take appends effects. Numbers are written with each item, so that where a batch ends does not show.
func (s *said) take(t testing.TB, out *machine.Effects) {
	if s.messages == nil {
		s.messages = make([][]byte, len(out.Messages))
	}
	for q, list := range out.Messages {
		for i := range list {
			e := wire.Encoder{B: s.messages[q]}
			e.Uint(out.FirstSeq[q] + uint64(i))
			list[i].Encode(&e)
			s.messages[q] = e.B
		}
	}
	for i := range out.Facts {
		if seq := out.FactsSeq + uint64(i); seq != s.lastFact+1 {
			t.Fatalf("fact %d follows %d", seq, s.lastFact)
		}
		s.lastFact++
		e := wire.Encoder{B: s.facts}
		out.Facts[i].Encode(&e)
		s.facts = e.B
	}
	for _, c := range out.Tags {
		s.tags = fmt.Appendf(s.tags, "%s %s %s %s\n", c.Key, c.Tag, c.Kind, c.Value)
	}
	for _, d := range out.Docs {
		s.docs = fmt.Appendf(s.docs, "%s %d %v %s\n", d.Key, d.Version, d.Value == nil, d.Value)
	}
	s.dead += len(out.Dead)
	s.markers += out.Markers
}

// differ names the first output that is not the same.
func (s *said) differ(o *said) string {
	for q := range s.messages {
		if !bytes.Equal(s.messages[q], o.messages[q]) {
			return fmt.Sprintf("messages to %d", q)
		}
	}
	switch {
	case !bytes.Equal(s.facts, o.facts):
		return "facts: " + firstFactThatDiffers(s.facts, o.facts)
	case !bytes.Equal(s.tags, o.tags):
		return "tags"
	case !bytes.Equal(s.docs, o.docs):
		return "documents"
	case s.dead != o.dead || s.markers != o.markers:
		return "dead letters or markers"
	}
	return ""
}

// runner applies one partition's log from its beginning.
type runner struct {
	t    testing.TB
	c    *cluster
	self int
	log  [][]byte
	m    *machine.Machine
	view *memory
	next int64
	out  said
}

func newRunner(t testing.TB, c *cluster, q, cache int) *runner {
	r := &runner{t: t, c: c, self: q, log: c.members[q].log, view: &memory{state: map[string][]byte{}}}
	r.open(cache)
	return r
}

func (r *runner) open(cache int) {
	m, err := machine.Open(machine.Config{Deployment: &r.c.dep, Partition: r.self, ProfileKey: []byte("test"), CacheNodes: cache},
		r.view, r.view.position, r.view.meta)
	if err != nil {
		r.t.Fatal(err)
	}
	r.m, r.next = m, m.Position()
}

// apply applies n records as one batch.
func (r *runner) apply(n int) *machine.Effects {
	out := machine.NewEffects(len(r.c.members))
	for range n {
		if err := r.m.Apply(r.next, r.log[r.next], out); err != nil {
			r.t.Fatal(err)
		}
		r.next++
	}
	return out
}

func (r *runner) commit() {
	cut := r.m.Cut()
	cp := cut.Checkpoint()
	if !slices.IsSortedFunc(cp.Changes, func(a, b profileChange) int { return bytes.Compare(a.Key, b.Key) }) {
		r.t.Fatal("a checkpoint's changes are not in order")
	}
	r.view.commit(cp)
	r.m.Committed(cut.Number)
}

// state is all that a checkpoint at the end would hold.
func (r *runner) state() string {
	r.commit()
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(r.view.state)) {
		fmt.Fprintf(&b, "%q=%x\n", k, r.view.state[k])
	}
	fmt.Fprintf(&b, "meta=%x position=%d", r.view.meta, r.view.position)
	return b.String()
}

// ways are the ways in which one log may be applied. None of them may show in what is said, nor in the
// state at the end.
var ways = []struct {
	name  string
	cache int
	run   func(r *runner)
}{
	{"a huge cache, never a checkpoint", 1 << 20, func(r *runner) {
		for r.next < int64(len(r.log)) {
			r.out.take(r.t, r.apply(1))
		}
	}},
	{"again", 1 << 20, func(r *runner) {
		for r.next < int64(len(r.log)) {
			r.out.take(r.t, r.apply(1))
		}
	}},
	{"a tiny cache, a checkpoint behind every record", 1, func(r *runner) {
		for r.next < int64(len(r.log)) {
			r.out.take(r.t, r.apply(1))
			r.commit()
		}
	}},
	{"batches, a checkpoint behind each", 4, func(r *runner) {
		for r.next < int64(len(r.log)) {
			r.out.take(r.t, r.apply(int(min(7, int64(len(r.log))-r.next))))
			r.commit()
		}
	}},
	{"a restart before every record", 1, func(r *runner) {
		for r.next < int64(len(r.log)) {
			r.open(1)
			r.out.take(r.t, r.apply(1))
			r.commit()
		}
	}},
	{"a crash before every record, checkpoints seldom", 3, crashBeforeEvery},
	{"a checkpoint cut but not committed for long", 1, commitLate},
}

// crashBeforeEvery loses what came since the last checkpoint, up to five records, before each record,
// and sees the same words again.
func crashBeforeEvery(r *runner) {
	words := map[int64]*said{}
	once := func(before uint64) {
		at := r.next
		now := &said{lastFact: before}
		now.take(r.t, r.apply(1))
		if old := words[at]; old != nil {
			if what := old.differ(now); what != "" {
				r.t.Fatalf("record %d: other %s when said again", at, what)
			}
		}
		words[at] = now
	}
	facts := []uint64{0} // last fact before each record
	for target := int64(0); target < int64(len(r.log)); target++ {
		r.open(3)
		for r.next <= target {
			at := r.next
			once(facts[at])
			if int64(len(facts)) == at+1 {
				facts = append(facts, words[at].lastFact)
			}
		}
		if target%5 == 4 {
			r.commit()
		}
	}
	for at := range int64(len(r.log)) {
		r.out.join(words[at])
	}
}

// join appends what one record said.
func (s *said) join(o *said) {
	if s.messages == nil {
		s.messages = make([][]byte, len(o.messages))
	}
	for q := range o.messages {
		s.messages[q] = append(s.messages[q], o.messages[q]...)
	}
	s.facts, s.tags, s.docs = append(s.facts, o.facts...), append(s.tags, o.tags...), append(s.docs, o.docs...)
	s.dead, s.markers = s.dead+o.dead, s.markers+o.markers
}

// commitLate cuts every third record and commits each cut only when the next one is due, as a store
// does that waits for acknowledgements: what was cut is neither dirty nor in the store meanwhile.
func commitLate(r *runner) {
	var late func()
	for r.next < int64(len(r.log)) {
		r.out.take(r.t, r.apply(1))
		if r.next%3 == 0 {
			if late != nil {
				late()
			}
			cut := r.m.Cut()
			late = func() { r.view.commit(cut.Checkpoint()); r.m.Committed(cut.Number) }
		}
	}
	if late != nil {
		late()
	}
}

// TestSameLogSameBytes applies the logs of a random shop, with merges, timers, crashes, zombies and two
// changes of catalogue in the middle, in all ways.
func TestSameLogSameBytes(t *testing.T) {
	for seed := range seeds(4, 1) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed, "{phone: {max: 3}}", func(d *schemas.Deployment) {
				d.TimersPerRecord = 1 + int(seed%3)
				d.QueueLimit = []int{1, 64}[seed%2]
			})
			w.faulty = true
			w.live(20)
			w.activate(2, secondCatalog)
			w.live(15)
			w.activate(3, thirdCatalog)
			w.live(15)
			w.settle(50_000)
			for q := range w.members {
				var first *said
				var state string
				for _, way := range ways {
					r := newRunner(t, w.cluster, q, way.cache)
					way.run(r)
					now := r.state()
					if first == nil {
						first, state = &r.out, now
						w.sameAsCluster(t, q, first)
						continue
					}
					if what := first.differ(&r.out); what != "" {
						t.Fatalf("partition %d, %s: other %s", q, way.name, what)
					}
					if now != state {
						t.Fatalf("partition %d, %s: another state at the end\n%s", q, way.name, firstLineThatDiffers(state, now))
					}
				}
			}
			if len(w.faults) > 0 {
				t.Fatal(w.faults)
			}
		})
	}
}

// sameAsCluster compares with what the machine said in the cluster, with its own crashes.
func (w *world) sameAsCluster(t *testing.T, q int, s *said) {
	var facts []byte
	for seq := uint64(1); seq <= uint64(len(w.members[q].facts)); seq++ {
		facts = append(facts, w.members[q].facts[seq]...)
	}
	if !bytes.Equal(facts, s.facts) {
		t.Fatalf("partition %d: other facts than in the cluster", q)
	}
}

func firstLineThatDiffers(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			return fmt.Sprintf("%s\n%s", x[i], y[min(i, len(y)-1)])
		}
	}
	return ""
}

func rootsOf(r *runner) int { return len(machine.Roots(r.m)) }

func firstFactThatDiffers(a, b []byte) string {
	x, y := wire.NewDecoder(a), wire.NewDecoder(b)
	for x.Rest() > 0 && y.Rest() > 0 {
		var f, g wire.Fact
		f.Decode(x)
		g.Decode(y)
		if p, q := factText(&f), factText(&g); p != q {
			return p + " / " + q
		}
	}
	return "one has more"
}

// factText writes a fact with what its kind holds.
func factText(f *wire.Fact) string {
	body := []any{f.Event, f.Rejected, f.Merge, f.Edge, f.Tag, f.Doc}
	return fmt.Sprintf("%d of kind %d: %+v", f.Version, f.Kind, body[[...]int{0, 0, 0, 1, 2, 3, 4, 5}[f.Kind]])
}
