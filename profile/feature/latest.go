package feature

import (
	"encoding/binary"
	"math"

	"portrait/schemas/wire"
)

// latest is recency, and last without a property. Its state is the newest event's time, in a window
// too: once that one is out of the window, all are.
type latest struct {
	kind     ValueKind // KindDuration: its age; KindTime: itself
	windowed bool
	grid     grid
}

func newLatest(kind ValueKind, g *grid) *latest {
	l := &latest{kind: kind}
	if g != nil {
		l.windowed, l.grid = true, *g
	}
	return l
}

func (l *latest) update(state []byte, ev *wire.Event) []byte {
	if t, n := binary.Varint(state); n > 0 && t >= ev.Time {
		return state
	}
	return binary.AppendVarint(state[:0], ev.Time)
}

func (l *latest) merge(a, b []byte) []byte {
	x, _ := binary.Varint(a)
	y, _ := binary.Varint(b)
	return binary.AppendVarint(nil, max(x, y))
}

// in reports whether an event of that time is in the window at now, or at its own time if that is later.
func (l *latest) in(t, now int64) bool {
	if !l.windowed {
		return true
	}
	k := l.grid.bucket(t)
	return k > l.grid.cut(now, k)
}

func (l *latest) value(state []byte, now int64) Value {
	t, n := binary.Varint(state)
	switch present := n > 0 && l.in(t, now); {
	case l.kind == KindTime && present:
		return Value{Kind: KindTime, Int: t}
	case l.kind == KindTime:
		return Value{Kind: KindTime, Absent: true}
	case present:
		return Value{Kind: KindDuration, Int: max(holdTime(now)-holdTime(t), 0)}
	default:
		return Value{Kind: KindDuration, Int: Never, Absent: true}
	}
}

// nextChange: the age reaches c at t + c. An age is 0 at least, so a cut of 0 or less is never reached.
func (l *latest) nextChange(state []byte, now int64, cuts []int64) int64 {
	t, n := binary.Varint(state)
	if n <= 0 || !l.in(t, now) {
		return math.MaxInt64
	}
	next := int64(math.MaxInt64)
	if l.windowed {
		next = l.grid.leaves(l.grid.bucket(t))
	}
	if l.kind != KindDuration {
		return next
	}
	t, now = holdTime(t), holdTime(now)
	for _, c := range cuts {
		if c > 0 && c <= maxTime && t+c > now {
			next = min(next, t+c)
		}
	}
	return next
}

func (l *latest) bound() int { return binary.MaxVarintLen64 }
