package feature

import (
	"math"
	"math/bits"
)

// wide is a signed integer of 128 bits. Sums are kept in it and held at the ends of 64 bits only when
// they are read: a sum that saturated on the way would depend on the order of its parts (the largest
// number + 1 - 1), and merge would not be associative. 2^63 amounts of 10^12 still fit.
type wide struct {
	hi int64
	lo uint64
}

// maxWide is the most bytes a wide takes.
const maxWide = 19

func wideOf(v int64) wide { return wide{v >> 63, uint64(v)} }

func (a wide) add(b wide) wide {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	return wide{a.hi + b.hi + int64(carry), lo}
}

func (a wide) less(b wide) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

func (a wide) zero() bool { return a.hi == 0 && a.lo == 0 }

// held returns a as 64 bits, or the end of the range it is beyond.
func (a wide) held() int64 {
	if a.hi == int64(a.lo)>>63 {
		return int64(a.lo)
	}
	if a.hi < 0 {
		return math.MinInt64
	}
	return math.MaxInt64
}

// appendWide appends a as a zigzag varint of up to 128 bits: one byte for -64 to 63, and each number
// in one way only.
func appendWide(b []byte, a wide) []byte {
	sign := uint64(a.hi >> 63)
	hi, lo := uint64(a.hi)<<1|a.lo>>63, a.lo<<1
	hi, lo = hi^sign, lo^sign
	for hi != 0 || lo >= 0x80 {
		b = append(b, byte(lo)|0x80)
		hi, lo = hi>>7, lo>>7|hi<<57
	}
	return append(b, byte(lo))
}

// readWide reads what appendWide wrote, and how many bytes that were; 0 if b is cut short.
func readWide(b []byte) (wide, int) {
	var u uint64
	for i := 0; i < len(b) && i < 9; i++ { // 63 bits: nearly always
		c := b[i]
		u |= uint64(c&0x7f) << (7 * i & 63)
		if c < 0x80 {
			return wideOf(int64(u>>1) ^ -int64(u&1)), i + 1
		}
	}
	return readLong(b)
}

func readLong(b []byte) (wide, int) {
	var hi, lo uint64
	for i := 0; i < len(b) && i < maxWide; i++ {
		c := uint64(b[i] & 0x7f)
		if shift := uint(7 * i); shift < 64 {
			lo |= c << shift
			hi |= c >> (64 - shift) // a shift of 64 gives 0
		} else {
			hi |= c << (shift - 64)
		}
		if b[i] < 0x80 {
			sign := -(lo & 1)
			return wide{int64(hi>>1 ^ sign), (lo>>1 | hi<<63) ^ sign}, i + 1
		}
	}
	return wide{}, 0
}

// sizeVarint returns how many bytes the varint at the front of b takes.
func sizeVarint(b []byte) int {
	for i := range b {
		if b[i] < 0x80 {
			return i + 1
		}
	}
	return len(b)
}
