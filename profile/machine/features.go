package machine

import "math/bits"

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
// The zero value is empty.
type features struct {
	touched places
	states  [][]byte // of the touched ones, ascending
}

// get returns the state of feature i, nil if no event has touched it.
func (f *features) get(i int) []byte {
	if at, ok := f.touched.place(i); ok {
		return f.states[at]
	}
	return nil
}

// set replaces the state of feature i. A nil state changes nothing where there was none.
func (f *features) set(i int, state []byte) {
	at, ok := f.touched.place(i)
	switch {
	case ok:
		f.states[at] = state
	case state != nil:
		f.touched.add(i)
		f.states = append(f.states, nil)
		copy(f.states[at+1:], f.states[at:])
		f.states[at] = state
	}
}

// append sets the state of feature i, which is above all that are there.
func (f *features) append(i int, state []byte) {
	f.touched.add(i)
	f.states = append(f.states, state)
}

// each calls do for the touched features, ascending.
func (f *features) each(do func(i int, state []byte)) {
	at := 0
	f.touched.each(func(i int) {
		do(i, f.states[at])
		at++
	})
}
