package feature_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portrait/profile/feature"
)

func TestZoneData(t *testing.T) {
	data, err := os.ReadFile("tzdata/zoneinfo.zip")
	if err != nil {
		t.Fatal(err)
	}
	const want = "8f55634d05f8bca1f7bc7c69c5933428c69357e0bdf565e5ba224e3f88ff12e8"
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Fatalf("SHA-256 %s, pinned %s: another file moves days, raise schemas.LogicVersion", got, want)
	}
}

func TestZoneUnknown(t *testing.T) {
	for _, name := range []string{"", "Local", "Mars/Olympus", "Asia", "Asia/", "../UTC", "asia/shanghai"} {
		if _, err := feature.LoadZone(name); err == nil {
			t.Errorf("zone %q was loaded", name)
		}
	}
}

func loadZone(t testing.TB, name string) *feature.Zone {
	t.Helper()
	zone, err := feature.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestZoneDays has the days that are not what one thinks.
func TestZoneDays(t *testing.T) {
	cases := []struct{ name, zone, time, day string }{
		{"before midnight", "Asia/Shanghai", "2026-11-20T15:59:59.999Z", "2026-11-20"},
		{"midnight", "Asia/Shanghai", "2026-11-20T16:00:00Z", "2026-11-21"},
		{"summer time in China", "Asia/Shanghai", "1988-07-01T15:00:00Z", "1988-07-02"},
		{"before 1970", "UTC", "1969-12-31T23:59:59.999Z", "1969-12-31"},
		{"long before", "Asia/Shanghai", "1899-12-31T15:54:17Z", "1900-01-01"},
		{"summer of 2100", "Europe/Berlin", "2100-07-01T22:00:00Z", "2100-07-02"},
		{"winter of 2100", "Europe/Berlin", "2100-12-01T22:59:59Z", "2100-12-01"},
		{"the last night of a leap year", "Europe/Berlin", "2096-12-31T23:00:00Z", "2097-01-01"},
		{"midnight is skipped", "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04"},
		{"before the skipped midnight", "America/Sao_Paulo", "2018-11-04T02:59:59.999Z", "2018-11-03"},
		{"before the skipped day", "Pacific/Apia", "2011-12-30T09:59:59.999Z", "2011-12-29"},
		{"behind the skipped day", "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"},
		{"a minute into the day", "America/St_Johns", "2010-11-07T02:30:30Z", "2010-11-07"},
		{"back over midnight: still the new day", "America/St_Johns", "2010-11-07T02:31:00Z", "2010-11-07"},
		{"midnight again", "America/St_Johns", "2010-11-07T03:30:00Z", "2010-11-07"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339Nano, c.time)
			if err != nil {
				t.Fatal(err)
			}
			day := loadZone(t, c.zone).Day(at.UnixMilli())
			if got := time.Unix(day*86400, 0).UTC().Format(time.DateOnly); got != c.day {
				t.Errorf("%s, want %s", got, c.day)
			}
		})
	}
}

// TestZoneStart checks that days never run backwards, that Start is where they begin, and that they
// are those of the time package, but for the hour that is repeated over midnight.
func TestZoneStart(t *testing.T) {
	names := []string{
		"UTC", "Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "America/St_Johns", "Pacific/Apia",
		"Asia/Kathmandu", "Pacific/Kiritimati", "America/Juneau", "Africa/Casablanca", "Australia/Lord_Howe",
	}
	for _, name := range names {
		zone := loadZone(t, name)
		location := location(name)
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				at := rapid.Int64Range(-4_000_000_000_000, 8_000_000_000_000).Draw(t, "time")
				if rapid.Bool().Draw(t, "at a change") {
					if change, _ := time.UnixMilli(at).In(location).ZoneBounds(); !change.IsZero() {
						at = change.UnixMilli() + rapid.Int64Range(-2*day, 2*day).Draw(t, "off")
					}
				}
				number := zone.Day(at)
				if start, next := zone.Start(number), zone.Start(number+1); start > at || at >= next {
					t.Fatalf("day %d of %d: from %d to %d", number, at, start, next)
				}
				start := zone.Start(number)
				if zone.Day(start) != number || zone.Day(start-1) >= number {
					t.Fatalf("day %d does not start at %d", number, start)
				}
				y, m, d := time.UnixMilli(at).In(location).Date()
				plain := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
				if change, _ := time.UnixMilli(at).In(location).ZoneBounds(); plain != number &&
					(plain > number || at-change.UnixMilli() > 2*day) {
					t.Fatalf("day %d, the time package has %d", number, plain)
				}
			})
		})
	}
}
