package feature

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func (a wide) big() *big.Int {
	v := new(big.Int).Lsh(big.NewInt(a.hi), 64)
	return v.Add(v, new(big.Int).SetUint64(a.lo))
}

// TestWide compares the 128-bit integer with math/big, over its whole range.
func TestWide(t *testing.T) {
	draw := rapid.Custom(func(t *rapid.T) wide {
		w := wide{rapid.Int64Range(math.MinInt64/4, math.MaxInt64/4).Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
		if rapid.Bool().Draw(t, "narrow") {
			w = wideOf(rapid.Int64().Draw(t, "v"))
		}
		return w
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		x, y := a.big(), b.big()
		if sum := a.add(b).big(); sum.Cmp(new(big.Int).Add(x, y)) != 0 {
			t.Fatalf("%v + %v = %v", x, y, sum)
		}
		if a.less(b) != (x.Cmp(y) < 0) {
			t.Fatalf("%v < %v is %v", x, y, a.less(b))
		}
		held := x
		if !x.IsInt64() {
			held = big.NewInt(math.MaxInt64)
			if x.Sign() < 0 {
				held = big.NewInt(math.MinInt64)
			}
		}
		if a.held() != held.Int64() {
			t.Fatalf("%v is held at %d", x, a.held())
		}
		code := appendWide(nil, a)
		back, n := readWide(append(code, 0xff))
		if back != a || n != len(code) || n != sizeVarint(code) || n > maxWide {
			t.Fatalf("%v reads back as %v from %d of %d bytes", x, back.big(), n, len(code))
		}
		if _, n := readWide(code[:len(code)-1]); n != 0 {
			t.Fatal("a number that is cut short was read")
		}
	})
}
