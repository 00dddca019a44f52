package feature

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"time"
)

// zoneinfo is the time-zone database of tzdata/README.md; the host's is never read.
//
//go:embed tzdata/zoneinfo.zip
var zoneinfo []byte

// Times are held inside these bounds (about 2.3 million years around 1970), so that no arithmetic on
// them can overflow.
const (
	minTime int64 = -1 << 56
	maxTime int64 = 1 << 56
)

func holdTime(t int64) int64 { return min(max(t, minTime), maxTime) }

// Zone tells the calendar days of a time zone. It is immutable and safe for concurrent use.
//
// A day that has begun does not end before the next one begins: where clocks go back over midnight, the
// hour that is repeated still belongs to the new day. So days never run backwards, whatever the zone.
type Zone struct {
	name    string
	periods []period // ascending; the first begins before any time
}

// period is a stretch of time with one offset from UTC.
type period struct {
	start  int64 // ms
	offset int64 // ms, added to UTC
	floor  int64 // latest day reached before start
}

// LoadZone returns the zone of an IANA name ("Asia/Shanghai", "UTC") from the data in the binary. It
// fails on a name that the data does not have; "Local" is one.
func LoadZone(name string) (*Zone, error) {
	archive, err := zip.NewReader(bytes.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return nil, fmt.Errorf("time zone data: %w", err)
	}
	file := slices.IndexFunc(archive.File, func(f *zip.File) bool { return f.Name == name })
	if file < 0 || archive.File[file].FileInfo().IsDir() {
		return nil, fmt.Errorf("time zone %q is not known; use an IANA name, for example Asia/Shanghai or UTC", name)
	}
	r, err := archive.File[file].Open()
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w", name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w", name, err)
	}
	location, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w", name, err)
	}
	return &Zone{name: name, periods: periods(location)}, nil
}

// periods lists all changes of the offset until the year 2400 (the last rule's offset stands from then
// on), so that a look-up is a binary search in a small table and needs neither cache nor lock.
func periods(location *time.Location) []period {
	t := time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC).In(location)
	end := time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)
	_, seconds := t.Zone()
	list := []period{{start: math.MinInt64, offset: int64(seconds) * 1000, floor: math.MinInt64}}
	for {
		_, next := t.ZoneBounds()
		if next.IsZero() || !next.Before(end) {
			return list
		}
		if !next.After(t) { // ZoneBounds lets leap years end a day early (Go 1.26): step over the rest
			next = t.Add(time.Hour)
		}
		t = next
		_, seconds := t.Zone()
		last := list[len(list)-1]
		p := period{start: t.UnixMilli(), offset: int64(seconds) * 1000}
		if p.offset == last.offset {
			continue
		}
		p.floor = last.day(p.start - 1)
		list = append(list, p)
	}
}

func (p *period) day(t int64) int64 { return max(p.floor, floorDiv(t+p.offset, day)) }

// Name returns the IANA name.
func (z *Zone) Name() string { return z.name }

// Day returns the calendar day of a time in ms, as days since 1970-01-01 (negative before).
func (z *Zone) Day(t int64) int64 {
	t = holdTime(t)
	lo, hi := 0, len(z.periods) // periods[lo].start <= t < periods[hi].start
	for hi-lo > 1 {
		m := int(uint(lo+hi) >> 1)
		if z.periods[m].start <= t {
			lo = m
		} else {
			hi = m
		}
	}
	return z.periods[lo].day(t)
}

// Start returns the first instant, in ms, at which Day is at least number. It is not midnight where the
// zone skips midnight, or the whole day.
func (z *Zone) Start(number int64) int64 {
	// The period in which the day is reached is the last one that does not begin behind it.
	i := sort.Search(len(z.periods)-1, func(i int) bool { return z.periods[i+1].floor >= number })
	p := &z.periods[i]
	return max(p.start, number*day-p.offset)
}

// floorDiv divides rounding down, as bucket numbers before 1970 need it.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
