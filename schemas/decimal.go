package schemas

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Decimal is an amount in fixed point with six decimals (1.50 is 1_500_000), so that sums are exact
// and the same on every processor. It is what ClickHouse stores as Decimal(18, 6).
type Decimal int64

// DecimalOne is the Decimal of 1.
const DecimalOne Decimal = 1_000_000

// MaxDecimal bounds one amount (not a sum): 10^12 minus the last digit, what Decimal(18, 6) holds.
const MaxDecimal Decimal = 999_999_999_999_999_999

var (
	errDecimalSyntax = errors.New("not a decimal number")
	errDecimalRange  = errors.New("decimal out of range: at most 10^12 in absolute value")
)

// ParseDecimal reads a JSON number, exponent allowed. Digits behind the sixth decimal are rounded
// half away from zero. It fails on anything else and on amounts beyond MaxDecimal.
func ParseDecimal(s string) (Decimal, error) {
	negative := strings.HasPrefix(s, "-")
	digits := strings.TrimPrefix(s, "-")
	exponent := 0
	if k := strings.IndexAny(digits, "eE"); k >= 0 {
		power, plus := strings.CutPrefix(digits[k+1:], "+")
		e, err := strconv.Atoi(power)
		if err != nil || e > 400 || e < -400 || plus && (power[0] == '+' || power[0] == '-') {
			return 0, errDecimalSyntax
		}
		digits, exponent = digits[:k], e
	}
	whole, fraction, dot := strings.Cut(digits, ".")
	if whole == "" || dot && fraction == "" {
		return 0, errDecimalSyntax
	}
	digits = whole + fraction
	point := len(whole) + exponent + 6 // digits before this index make the integer of micros
	var n uint64
	for i := 0; i < len(digits); i++ {
		c := digits[i]
		if c < '0' || c > '9' {
			return 0, errDecimalSyntax
		}
		if i < point {
			if n > uint64(MaxDecimal) {
				return 0, errDecimalRange
			}
			n = n*10 + uint64(c-'0')
		} else if i == point && c >= '5' {
			n++
		}
	}
	for i := len(digits); i < point && n != 0; i++ {
		if n > uint64(MaxDecimal) {
			return 0, errDecimalRange
		}
		n *= 10
	}
	if n > uint64(MaxDecimal) {
		return 0, errDecimalRange
	}
	if negative {
		return -Decimal(n), nil
	}
	return Decimal(n), nil
}

// String writes the shortest exact form: "77183.6", "-0.000001", "3".
func (d Decimal) String() string {
	var buf [24]byte
	return string(d.Append(buf[:0]))
}

// Append appends String to b.
func (d Decimal) Append(b []byte) []byte {
	u := uint64(d)
	if d < 0 {
		b, u = append(b, '-'), -u
	}
	b = strconv.AppendUint(b, u/uint64(DecimalOne), 10)
	micros := u % uint64(DecimalOne)
	if micros == 0 {
		return b
	}
	b = append(b, '.')
	for div := uint64(DecimalOne) / 10; micros > 0; div /= 10 {
		b = append(b, byte('0'+micros/div))
		micros %= div
	}
	return b
}

// Float returns the nearest float64. It is correctly rounded up to 2^53 micros (about 9·10^9), so a
// decimal compares with a constant of a rule as one would expect.
func (d Decimal) Float() float64 { return float64(d) / float64(DecimalOne) }

// AddSaturated returns a + b, held at the ends of the range instead of wrapping around.
func (d Decimal) AddSaturated(b Decimal) Decimal {
	s := d + b
	if d > 0 && b > 0 && s < 0 {
		return math.MaxInt64
	}
	if d < 0 && b < 0 && s >= 0 {
		return math.MinInt64
	}
	return s
}
