package machine

import (
	"bytes"
	"errors"
	"testing"

	"portrait/profile/identity"
	"portrait/profile/tag"
	"portrait/schemas"
	"portrait/schemas/wire"
)

func fuzzDeployment() *schemas.Deployment {
	dep := schemas.DefaultDeployment()
	dep.ID, dep.InboxPartitions, dep.EventsPartitions = "fuzz", 2, 2
	return &dep
}

const fuzzCatalog = `name: fuzz
features:
  views: {kind: count, event: view, window: 60s, bucket: 2s}
  cats: {kind: distinct, event: view, property: category}
tags:
  curious: {when: "views > 0"}
`

func fuzzCompile(f testing.TB, yaml string, version int64) *catalog {
	m := &Machine{dep: fuzzDeployment(), compiler: CompileCatalog}
	c, err := m.compile([]byte(yaml), version)
	if err != nil {
		f.Fatal(err)
	}
	return c
}

// encoded is an entry as the store holds it.
func encoded(e *entry) []byte {
	var enc wire.Encoder
	e.encode(&enc)
	return enc.B
}

// someState is a profile with something in every field.
func someState(c *catalog) *state {
	p := newState(c)
	p.features.set(0, []byte{2, 2})
	p.features.set(1, []byte{0, 0})
	p.setTag("curious", "true")
	p.recent.set([]recent{{7, 100}, {9, 90}})
	p.absorbed = []former{{[16]byte{1}, "phone:2"}}
	p.events, p.firstSeen, p.lastSeen, p.docAt, p.docDue, p.due = 3, -1, 100, 90, 200, 150
	p.changeVersion, p.docVersion = 1<<40, 5
	return p
}

// FuzzDecodeState: a stored or absorbed profile is refused as malformed, or it says the same when it is
// written again; under the catalogue it was written with and under another one.
func FuzzDecodeState(f *testing.F) {
	compiled, none := fuzzCompile(f, fuzzCatalog, 3), fuzzCompile(f, "name: none\n", 4)
	var e wire.Encoder
	someState(compiled).encode(&e)
	f.Add(e.B)
	e.B = nil
	newState(none).encode(&e)
	f.Add(e.B)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, active := range []*catalog{compiled, none} {
			d := wire.NewDecoder(b)
			p := newState(active)
			p.decode(d, active)
			if err := d.Close(); err != nil {
				if !errors.Is(err, wire.ErrMalformed) {
					t.Fatalf("refused without a reason: %v", err)
				}
				return
			}
			var first, second wire.Encoder
			p.encode(&first)
			again := wire.NewDecoder(first.B)
			q := newState(active)
			q.decode(again, active)
			q.encode(&second)
			if err := again.Close(); err != nil || !bytes.Equal(first.B, second.B) {
				t.Fatalf("two encodings of one profile: %v", err)
			}
		}
	})
}

// FuzzDecodeMeta: the part of a checkpoint that is not a node is refused with a reason, or it says the
// same when it is written again.
func FuzzDecodeMeta(f *testing.F) {
	dep := fuzzDeployment()
	var full meta
	full.init(dep)
	full.deployed, full.cursor, full.catalog, full.decided = true, "phone:1", 3, 1<<40
	full.pending = []pendingCatalog{{version: 9, parts: [][]byte{[]byte("name: a\n"), nil}}}
	f.Add(full.encode())
	f.Add([]byte{metaVersion})
	f.Add([]byte{metaVersion + 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m meta
		m.init(dep)
		if err := m.decode(b, dep.Hash()); err != nil {
			if err.Error() == "" {
				t.Fatal("refused without a reason")
			}
			return
		}
		first := m.encode()
		var again meta
		again.init(dep)
		if err := again.decode(first, dep.Hash()); err != nil || !bytes.Equal(first, again.encode()) {
			t.Fatalf("two encodings of one meta: %v", err)
		}
	})
}

// oneEntry is a store with one node.
type oneEntry []byte

func (v oneEntry) Load([]byte) ([]byte, error) { return v, nil }

func (oneEntry) Scan(_, _ []byte, _ int, _ func(key, value []byte) bool) error { return nil }

// FuzzColdRead: whatever a store holds under an identifier, the machine says what is wrong with it, or has
// a node that it can serialise.
func FuzzColdRead(f *testing.F) {
	compiled := fuzzCompile(f, fuzzCatalog, 3)
	root := entry{Node: *identity.NewNode("phone:1", 5), profile: someState(compiled)}
	f.Add(encoded(&root))
	child := entry{Node: identity.Node{Node: wire.Node{ID: "phone:1", Born: 5}, Parent: wire.Node{ID: "phone:0", Born: 2}}}
	f.Add(encoded(&child))
	none := fuzzCompile(f, "name: none\n", 0) // once: compiling takes longer than everything else of an execution
	compile := func([]byte, int64, *schemas.Deployment) (*tag.Catalog, error) { return none.Catalog, nil }
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Open(Config{Deployment: fuzzDeployment(), ProfileKey: []byte("k"), Compile: compile}, oneEntry(b), 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.lookup("phone:1")
		if err != nil {
			if err.Error() == "" || e != nil {
				t.Fatal("refused without a reason")
			}
			return
		}
		if e != nil && len(encoded(e)) == 0 {
			t.Fatal("a node of nothing")
		}
	})
}
