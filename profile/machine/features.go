package machine

import "math/bits"

// features holds the states of the features that some event has touched, by their index in a catalogue. A
// profile touches few of a large catalogue's: with a slot for each, 300 features were 7 KiB per profile.
// The zero value is empty.
type features struct {
	touched []uint64 // a bit per feature
	states  [][]byte // of the touched ones, ascending
}

// place returns where the state of feature i is, or would be, and whether it is there.
func (f *features) place(i int) (at int, ok bool) {
	word := i / 64
	if word >= len(f.touched) {
		return len(f.states), false
	}
	for _, w := range f.touched[:word] {
		at += bits.OnesCount64(w)
	}
	bit := uint64(1) << (i % 64)
	return at + bits.OnesCount64(f.touched[word]&(bit-1)), f.touched[word]&bit != 0
}

// get returns the state of feature i, nil if no event has touched it.
func (f *features) get(i int) []byte {
	if at, ok := f.place(i); ok {
		return f.states[at]
	}
	return nil
}

// set replaces the state of feature i. A nil state changes nothing where there was none.
func (f *features) set(i int, state []byte) {
	at, ok := f.place(i)
	switch {
	case ok:
		f.states[at] = state
	case state != nil:
		for len(f.touched) <= i/64 {
			f.touched = append(f.touched, 0)
		}
		f.touched[i/64] |= 1 << (i % 64)
		f.states = append(f.states, nil)
		copy(f.states[at+1:], f.states[at:])
		f.states[at] = state
	}
}

// each calls do for the touched features, ascending.
func (f *features) each(do func(i int, state []byte)) {
	at := 0
	for word, w := range f.touched {
		for ; w != 0; w &= w - 1 {
			do(word*64+bits.TrailingZeros64(w), f.states[at])
			at++
		}
	}
}
