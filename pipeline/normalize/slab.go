package normalize

import (
	"unsafe"

	"portrait/schemas/wire"
)

// slab is memory for the small lists and texts of many events, a few kilobytes at a time: one by one they were a
// fifth of a router's time. What was given out is never written again.
type slab struct {
	freeProps []wire.Prop
	freeTexts []string
	freeBytes []byte
}

// The sizes of a piece. Whoever keeps one event keeps the pieces it is in.
const (
	slabProps = 512
	slabTexts = 256
	slabBytes = 8 << 10
)

// props returns an empty list with room for n.
func (s *slab) props(n int) []wire.Prop {
	if n > len(s.freeProps) {
		s.freeProps = make([]wire.Prop, max(n, slabProps))
	}
	out := s.freeProps[:0:n]
	s.freeProps = s.freeProps[n:]
	return out
}

// texts returns an empty list with room for n.
func (s *slab) texts(n int) []string {
	if n > len(s.freeTexts) {
		s.freeTexts = make([]string, max(n, slabTexts))
	}
	out := s.freeTexts[:0:n]
	s.freeTexts = s.freeTexts[n:]
	return out
}

// join returns the texts one behind the other.
func (s *slab) join(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > len(s.freeBytes) {
		s.freeBytes = make([]byte, max(n, slabBytes))
	}
	out := s.freeBytes[:0:n]
	s.freeBytes = s.freeBytes[n:]
	for _, p := range parts {
		out = append(out, p...)
	}
	return unsafe.String(unsafe.SliceData(out), n)
}
