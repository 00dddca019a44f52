package feature

// grid divides time into numbered buckets and says how many of them a window covers: at an instant in
// bucket k those above k - span, up to k. Buckets of a sliding window have one width, counted from
// 1970; those of a calendar window are the days of a zone.
type grid struct {
	width int64 // ms; 0: calendar days
	span  int64 // buckets
	zone  *Zone // of calendar days
}

// bucket returns the number of the bucket that holds t, negative before 1970.
func (g *grid) bucket(t int64) int64 {
	if g.width == 0 {
		return g.zone.Day(t)
	}
	return floorDiv(holdTime(t), g.width)
}

// leaves returns the instant at which a bucket is no longer in the window.
func (g *grid) leaves(bucket int64) int64 {
	if g.width == 0 {
		return g.zone.Start(bucket + g.span)
	}
	return (bucket + g.span) * g.width
}

// cut returns the newest bucket that is out of the window at now, or at newest if that is later.
func (g *grid) cut(now, newest int64) int64 { return max(g.bucket(now), newest) - g.span }

// niceBuckets are the widths, in ms, that a bucket may have by default.
var niceBuckets = [...]int64{
	1, 2, 5, 10, 20, 50, 100, 200, 250, 500,
	1 * second, 2 * second, 5 * second, 10 * second, 15 * second, 20 * second, 30 * second,
	1 * minute, 2 * minute, 3 * minute, 5 * minute, 10 * minute, 15 * minute, 20 * minute, 30 * minute,
	1 * hour, 2 * hour, 3 * hour, 4 * hour, 6 * hour, 8 * hour, 12 * hour,
	1 * day, 2 * day, 3 * day, 5 * day, 7 * day, 10 * day, 15 * day, 30 * day,
}

const (
	second int64 = 1000
	minute       = 60 * second
	hour         = 60 * minute
	day          = 24 * hour
)

// DefaultBucket returns the width of the buckets, in ms, of a window that names none: the smallest nice
// one that divides the window into 8 to 30. Where none does, it is the largest that makes 31 to 128 (31
// days: 1d), else the smallest that divides it at all, else 0. So 30s has 1s, 5m 10s, 1h 2m, 1d 1h, 7d
// 6h, 30d 1d and 90d 3d.
func DefaultBucket(window int64) int64 {
	best := int64(0)
	for _, width := range niceBuckets {
		if width > window || window%width != 0 || window/width > maxBuckets {
			continue
		}
		switch buckets := window / width; {
		case buckets > 30:
			best = width
		case buckets >= 8 || best == 0:
			return width
		}
	}
	return best
}
