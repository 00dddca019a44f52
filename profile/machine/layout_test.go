package machine

import (
	"bytes"
	"errors"
	"testing"

	"portrait/profile/identity"
	"portrait/schemas/wire"
)

// layoutMachine has catalogue 3 active, and one before it that had other features and tags, too.
func layoutMachine(t testing.TB) (m *Machine, former *catalog) {
	active := fuzzCompile(t, fuzzCatalog, 3)
	former = fuzzCompile(t, `name: fuzz
features:
  aaa: {kind: count, event: buy}
  cats: {kind: distinct, event: view, property: category}
  views: {kind: count, event: view, window: 60s, bucket: 2s}
tags:
  always: {when: "aaa >= 0"}
  curious: {when: "views > 0"}
`, 2)
	m = &Machine{dep: fuzzDeployment(), cat: active, layouts: map[int64]*layout{3: active.layout(), 2: former.layout()}}
	m.cache.init(10, DefaultCacheBytes)
	return m, former
}

// written is a profile in both encodings.
func written(p *state) (packed, encoded []byte) {
	var a, b wire.Encoder
	p.pack(&a)
	p.encode(&b)
	return a.B, b.B
}

// TestPack: what is stored by index says the same as what is sent by name, for a profile of the active
// catalogue and for one of a catalogue before, and it is shorter.
func TestPack(t *testing.T) {
	m, former := layoutMachine(t)
	for _, c := range []*catalog{m.cat, former} {
		p := someState(c)
		if c == former {
			p.setTag("always", "true")
			p.setTag("curious", "very") // as of an enum
		}
		packed, encoded := written(p)
		if len(packed) >= len(encoded)-20 {
			t.Errorf("catalogue %d: %d bytes by index, %d by name", c.Version, len(packed), len(encoded))
		}
		d := wire.NewDecoder(packed)
		q := newState(m.cat)
		if err := m.unpack(q, d); err != nil || d.Close() != nil {
			t.Fatalf("catalogue %d: %v, %v", c.Version, err, d.Close())
		}
		if _, again := written(q); !bytes.Equal(again, encoded) {
			t.Errorf("catalogue %d: it says something else when it is read again", c.Version)
		}
		if c == m.cat && (q.def != c || q.value(0) != "true" || !bytes.Equal(q.features.get(1), p.features.get(1))) {
			t.Error("features and tags are not where the active catalogue has them")
		}
		if c == former && (q.def != nil || len(q.raw) != 2) {
			t.Error("a profile of another catalogue was aligned by reading it")
		}
	}
}

// TestVersion1 reads an entry as it was stored before there were layouts.
func TestVersion1(t *testing.T) {
	m, _ := layoutMachine(t)
	p := someState(m.cat)
	e := wire.Encoder{B: []byte{1}}
	identity.NewNode("phone:1", 5).Encode(&e)
	p.encode(&e)
	m.view = oneEntry(e.B)
	got, err := m.lookup("phone:1")
	if err != nil {
		t.Fatal(err)
	}
	_, want := written(p)
	if _, again := written(got.profile); !bytes.Equal(again, want) {
		t.Error("it says something else")
	}
	m.view = oneEntry(append([]byte{entryVersion + 1}, e.B[1:]...))
	if _, err := m.lookup("phone:2"); err == nil {
		t.Error("an entry of a version to come was read")
	}
}

// TestLayoutKept: a layout is stored with the first cut under its catalogue, and found again.
func TestLayoutKept(t *testing.T) {
	m, former := layoutMachine(t)
	m.unsaved, m.view, m.layouts = map[string][]byte{}, oneEntry(nil), map[int64]*layout{}
	if err := m.learn(); err != nil {
		t.Fatal(err)
	}
	text := m.unsaved[string(layoutKey(3))]
	if text == nil || len(m.unsaved) != 1 {
		t.Fatalf("unsaved: %v", m.unsaved)
	}
	clear(m.unsaved)
	m.view = oneEntry(text)
	if err := m.learn(); err != nil || len(m.unsaved) != 0 {
		t.Errorf("stored again: %v, %v", m.unsaved, err)
	}
	m.view = oneEntry(former.layout().encode())
	l, err := m.layoutOf(2)
	if err != nil || len(l.hashes) != 3 || l.tags[0] != "always" || l.hashes[1] != former.Features[1].Hash {
		t.Errorf("%+v, %v", l, err)
	}
	m.view = oneEntry(nil)
	if _, err := m.layoutOf(1); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a layout that is not there: %v", err)
	}
}

// FuzzUnpack: a stored profile is refused as malformed, or it says the same when it is written again.
func FuzzUnpack(f *testing.F) {
	m, former := layoutMachine(f)
	m.view = oneEntry(nil)
	for _, c := range []*catalog{m.cat, former} {
		packed, _ := written(someState(c))
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := wire.NewDecoder(b)
		p := newState(m.cat)
		err := m.unpack(p, d)
		if err == nil {
			err = d.Close()
		}
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		packed, encoded := written(p)
		q := newState(m.cat)
		if err := m.unpack(q, wire.NewDecoder(packed)); err != nil {
			t.Fatal(err)
		}
		if _, again := written(q); !bytes.Equal(encoded, again) {
			t.Fatal("two encodings of one profile")
		}
	})
}
