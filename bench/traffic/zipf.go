package traffic

import "math"

// zipf draws ranks 0..n-1 with probability proportional to 1/(rank+1)^theta, theta below 1: the method of
// J. Gray et al., "Quickly generating billion-record synthetic databases" (SIGMOD 1994), as in YCSB.
type zipf struct {
	n          float64
	alpha, eta float64
	zeta, half float64
}

func newZipf(n int, theta float64) *zipf {
	z := &zipf{n: float64(n), alpha: 1 / (1 - theta), zeta: zeta(n, theta), half: 1 + math.Pow(0.5, theta)}
	z.eta = (1 - math.Pow(2/z.n, 1-theta)) / (1 - zeta(2, theta)/z.zeta)
	return z
}

// zeta is the generalised harmonic number. Beyond a million terms the rest is the integral with its
// Euler-Maclaurin correction, whose error is below 10^-12.
func zeta(n int, theta float64) float64 {
	const exact = 1_000_000
	sum := 0.0
	for i := 1; i <= min(n, exact); i++ {
		sum += math.Pow(float64(i), -theta)
	}
	if n > exact {
		a, b := float64(exact), float64(n)
		sum += (math.Pow(b, 1-theta)-math.Pow(a, 1-theta))/(1-theta) + (math.Pow(b, -theta)-math.Pow(a, -theta))/2
	}
	return sum
}

// rank returns the rank for a uniform u in [0, 1).
func (z *zipf) rank(u float64) int {
	uz := u * z.zeta
	switch {
	case uz < 1:
		return 0
	case uz < z.half:
		return min(1, int(z.n)-1)
	}
	return min(int(z.n*math.Pow(z.eta*u-z.eta+1, z.alpha)), int(z.n)-1)
}
