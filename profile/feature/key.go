package feature

import (
	"math"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// textOf returns a property as text: a string, true or false, a number in its shortest exact form (so
// that 5 and 5.0 are the same). Null, objects and arrays are no text.
func textOf(p *wire.Prop) (string, bool) {
	switch p.Kind {
	case wire.PropString, wire.PropBool:
		return p.Text, true
	case wire.PropNumber:
		if d, err := schemas.ParseDecimal(p.Text); err == nil {
			return d.String(), true
		}
		return p.Text, true // beyond the range of amounts: as it was written
	default:
		return "", false
	}
}

// keyOf returns the hash of textOf, without making the text.
func keyOf(p *wire.Prop) (uint64, bool) {
	switch p.Kind {
	case wire.PropString, wire.PropBool:
		return hash(p.Text), true
	case wire.PropNumber:
		if d, err := schemas.ParseDecimal(p.Text); err == nil {
			var buf [24]byte
			return hash(d.Append(buf[:0])), true
		}
		return hash(p.Text), true
	default:
		return 0, false
	}
}

// hash is FNV-1a (64 bits), finished as MurmurHash3 does so that all bits depend on all of the text;
// "the smallest hashes" is then a fair choice among keys. It is part of the state's format.
func hash[T string | []byte](s T) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return finish(h)
}

// hashDay is the hash of a calendar day as a key.
func hashDay(number int64) uint64 { return finish(uint64(number) + 0x9e3779b97f4a7c15) }

func finish(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// addHeld adds two counts below 2^63 and holds the sum there. Counts never fall, so it is associative.
func addHeld(a, b uint64) uint64 { return min(a+b, math.MaxInt64) }
