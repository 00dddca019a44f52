package machine

import (
	"math/bits"
	"slices"
)

// places says where the things that a profile has, of many that there are, stand in a list of them: a bit for
// each that is there, and its rank among them. The zero value is empty.
type places []uint64

// place returns where thing i is, or would be, in the list, and whether it is there.
func (p places) place(i int) (at int, ok bool) {
	word := i / 64
	for k := range min(word, len(p)) {
		at += bits.OnesCount64(p[k])
	}
	if word >= len(p) {
		return at, false
	}
	bit := uint64(1) << (i % 64)
	return at + bits.OnesCount64(p[word]&(bit-1)), p[word]&bit != 0
}

// len returns how many things are there.
func (p places) len() (n int) {
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	return n
}

func (p *places) add(i int) {
	for len(*p) <= i/64 {
		*p = append(*p, 0)
	}
	(*p)[i/64] |= 1 << (i % 64)
}

// each calls do for the things that are there, ascending.
func (p places) each(do func(i int)) {
	for word, w := range p {
		for ; w != 0; w &= w - 1 {
			do(word*64 + bits.TrailingZeros64(w))
		}
	}
}

func (p places) remove(i int) { p[i/64] &^= 1 << (i % 64) }

// features holds the states of the features that some event has touched, by their index in a catalogue. A
// profile touches few of a large catalogue's: with a slot for each, 300 features were 7 KiB per profile.
//
// The states stand one behind the other in one piece of memory. A slice per state was half of all objects in
// memory, and what the collector of garbage has to visit is what delays events while it runs.
// The zero value is empty.
type features struct {
	touched places
	ends    []uint32 // where the state of each touched feature ends in data, ascending
	data    []byte
}

// len returns how many features are touched.
func (f *features) len() int { return len(f.ends) }

// get returns the state of feature i, nil if no event has touched it. It is overwritten by the next set.
func (f *features) get(i int) []byte {
	at, ok := f.touched.place(i)
	if !ok {
		return nil
	}
	from := f.start(at)
	return f.data[from:f.ends[at]:f.ends[at]]
}

// start is where the state of the touched feature at a place begins.
func (f *features) start(at int) uint32 {
	if at == 0 {
		return 0
	}
	return f.ends[at-1]
}

// set replaces the state of feature i, which may be what get returned, changed in place. An empty state
// changes nothing where there was none.
func (f *features) set(i int, state []byte) {
	at, ok := f.touched.place(i)
	if !ok {
		if len(state) == 0 {
			return
		}
		f.touched.add(i)
		f.ends = slices.Insert(f.ends, at, f.start(at))
	}
	from, to := int(f.start(at)), int(f.ends[at])
	by, size := len(state)-(to-from), len(f.data)
	if by <= 0 { // state may lie here: it is copied before what follows moves over it
		copy(f.data[from:], state)
		copy(f.data[to+by:], f.data[to:])
		f.data = f.data[:size+by]
	} else {
		f.data = slices.Grow(f.data, by)[:size+by]
		copy(f.data[to+by:], f.data[to:size])
		copy(f.data[from:], state)
	}
	for k := at; k < len(f.ends) && by != 0; k++ {
		f.ends[k] = uint32(int(f.ends[k]) + by)
	}
}

// append sets the state of feature i, which is above all that are there.
func (f *features) append(i int, state string) {
	f.touched.add(i)
	f.data = append(f.data, state...)
	f.ends = append(f.ends, uint32(len(f.data)))
}

// each calls do for the touched features, ascending.
func (f *features) each(do func(i int, state []byte)) {
	at, from := 0, uint32(0)
	f.touched.each(func(i int) {
		to := f.ends[at]
		do(i, f.data[from:to:to])
		at, from = at+1, to
	})
}
