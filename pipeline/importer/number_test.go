package importer

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNumber(t *testing.T) {
	cases := []struct{ in, want string }{
		{"2.55", "2.55"}, {"15.30", "15.3"}, {"-0.50", "-0.5"}, {"+3", "3"}, {".5", "0.5"}, {"7.", "7"},
		{"0", "0"}, {"-0", "0"}, {"000", "0"}, {"0.000", "0"}, {"-0.001", "-0.001"}, {"100", "100"},
		{"0012.300", "12.3"}, {"123456789012345678901234567890.5", "123456789012345678901234567890.5"},
		{"", ""}, {"-", ""}, {".", ""}, {"1,234", ""}, {"1e3", ""}, {"1.2.3", ""}, {"--1", ""}, {"NaN", ""}, {"1 ", ""},
		{"１", ""}, {strings.Repeat("9", maxDigits+1), ""},
	}
	for _, c := range cases {
		n, err := parseNumber([]byte(c.in))
		if (err == nil) != (c.want != "") {
			t.Errorf("%q: error %v", c.in, err)
		}
		if err == nil && string(n.appendJSON(nil)) != c.want {
			t.Errorf("%q: %s, want %s", c.in, n.appendJSON(nil), c.want)
		}
	}
}

// TestProductIsExact compares with rational numbers.
func TestProductIsExact(t *testing.T) {
	decimal := rapid.StringMatching(`-?[0-9]{1,20}(\.[0-9]{1,20})?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := decimal.Draw(t, "a"), decimal.Draw(t, "b")
		n, err := parseNumber([]byte(a))
		if err != nil {
			t.Fatal(err)
		}
		m, err := parseNumber([]byte(b))
		if err != nil {
			t.Fatal(err)
		}
		n.multiply(m)
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		got, ok := new(big.Rat).SetString(string(n.appendJSON(nil)))
		if !ok || got.Cmp(x.Mul(x, y)) != 0 {
			t.Fatalf("%s · %s = %s", a, b, n.appendJSON(nil))
		}
	})
}
