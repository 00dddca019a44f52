package importer

import (
	"errors"
	"math/big"
)

// maxDigits bounds the digits of one number, so that a product of columns stays small. Portrait's own
// amounts have at most 18.
const maxDigits = 60

// errNumber names no content: a column of a shifted line may hold anything.
var errNumber = errors.New("not a decimal number (want digits, at most one point, perhaps a minus sign)")

// number is an exact decimal: digits · 10^-scale.
type number struct {
	digits big.Int
	scale  int
}

// parseNumber reads "-12.50", ".5" or "+3". Thousands separators and exponents are refused: whether
// "1,234" is a thousand or one and a bit depends on who wrote it.
func parseNumber(s []byte) (*number, error) {
	negative := len(s) > 0 && s[0] == '-'
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	if len(s) > maxDigits {
		return nil, errNumber
	}
	digits := make([]byte, 0, maxDigits)
	scale, point := 0, false
	for _, c := range s {
		switch {
		case c == '.' && !point:
			point = true
		case c >= '0' && c <= '9':
			digits = append(digits, c)
			if point {
				scale++
			}
		default:
			return nil, errNumber
		}
	}
	if len(digits) == 0 {
		return nil, errNumber
	}
	n := &number{scale: scale}
	n.digits.SetString(string(digits), 10)
	if negative {
		n.digits.Neg(&n.digits)
	}
	return n, nil
}

// multiply sets n to n · m, exactly.
func (n *number) multiply(m *number) {
	n.digits.Mul(&n.digits, &m.digits)
	n.scale += m.scale
}

// appendJSON appends the shortest JSON number that is exactly n: "15.3", "-0.001", "0".
func (n *number) appendJSON(b []byte) []byte {
	text := n.digits.Append(nil, 10)
	if text[0] == '-' {
		b, text = append(b, '-'), text[1:]
	}
	scale := n.scale
	for scale > 0 && len(text) > 1 && text[len(text)-1] == '0' {
		text, scale = text[:len(text)-1], scale-1
	}
	if len(text) == 1 && text[0] == '0' {
		return append(b, '0')
	}
	if scale == 0 {
		return append(b, text...)
	}
	if len(text) <= scale {
		b = append(b, '0', '.')
		for i := len(text); i < scale; i++ {
			b = append(b, '0')
		}
		return append(b, text...)
	}
	b = append(b, text[:len(text)-scale]...)
	return append(append(b, '.'), text[len(text)-scale:]...)
}

// integral reports whether n has no fraction.
func (n *number) integral() bool {
	return n.scale == 0
}
