package clickhouse

import (
	"testing"
	"time"
)

// A server that stood still for ten seconds in the middle of a reload made merges invisible for a minute and a half.
func TestRestOfSurvivors(t *testing.T) {
	for _, c := range []struct {
		name               string
		took, before, want time.Duration
	}{
		{"the first one", 20 * time.Millisecond, 0, 0},
		{"steady", 20 * time.Millisecond, 20 * time.Millisecond, 180 * time.Millisecond},
		{"the server stood still", 10 * time.Second, 20 * time.Millisecond, 180 * time.Millisecond},
		{"afterwards", 20 * time.Millisecond, 10 * time.Second, 180 * time.Millisecond},
		{"a hundred million merges", 5 * time.Second, 4 * time.Second, 36 * time.Second},
	} {
		if got := rest(c.took, c.before); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
