package check

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"portrait/schemas"
)

func changeJSON(t *testing.T, c schemas.TagChange) []byte {
	t.Helper()
	c.EventTime, c.DecidedAt = "2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00.250Z"
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTopicDropsByVersionAndFindsGaps(t *testing.T) {
	for _, c := range []struct {
		name          string
		chain         [][2]uint64 // version, previous_version
		kept, dropped int64
		gaps          int64
	}{
		{"in order", [][2]uint64{{5, 0}, {9, 5}, {12, 9}}, 3, 0, 0},
		{"a repeat", [][2]uint64{{5, 0}, {9, 5}, {9, 5}, {12, 9}}, 3, 1, 0},
		{"a replay from the start", [][2]uint64{{5, 0}, {9, 5}, {5, 0}, {9, 5}, {12, 9}}, 3, 2, 0},
		{"one lost", [][2]uint64{{5, 0}, {12, 9}}, 2, 0, 1},
		{"the first lost", [][2]uint64{{9, 5}}, 1, 0, 1},
		{"a version from nowhere", [][2]uint64{{5, 0}, {9, 0}}, 2, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic := NewTopic()
			for _, v := range c.chain {
				if _, err := topic.Add(changeJSON(t, schemas.TagChange{ID: "e1-p0-1-0", ProfileID: "a", Tag: "silent",
					Change: schemas.Entered, Value: true, Version: v[0], PreviousVersion: v[1]})); err != nil {
					t.Fatal(err)
				}
			}
			if topic.Kept() != c.kept || topic.Dropped() != c.dropped || topic.gapped != c.gaps {
				t.Fatalf("kept %d, dropped %d, gaps %d; want %d, %d, %d", topic.Kept(), topic.Dropped(), topic.gapped, c.kept, c.dropped, c.gaps)
			}
		})
	}
}

func TestTopicRefusesWhatIsNoChange(t *testing.T) {
	for _, c := range []struct{ name, value string }{
		{"no JSON", `{"id":`},
		{"no profile", `{"id":"e1-p0-1-0","version":3,"change":"left"}`},
		{"no version", `{"id":"e1-p0-1-0","profile_id":"a","change":"left"}`},
		{"no change", `{"id":"e1-p0-1-0","profile_id":"a","version":3}`},
		{"a time that is none", `{"id":"e1-p0-1-0","profile_id":"a","version":3,"change":"left","event_time":"noon"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := NewTopic().Add([]byte(c.value)); err == nil || !strings.HasPrefix(err.Error(), "tag change: ") {
				t.Fatalf("error %v", err)
			}
		})
	}
}

func TestTopicTellsWhatItSaw(t *testing.T) {
	seen, err := NewTopic().Add(changeJSON(t, schemas.TagChange{ID: "e1-p0-1-0", ProfileID: "a", Tag: "lifecycle", Change: schemas.Changed,
		Value: "repeat", Version: 7, Cause: schemas.Cause{Kind: schemas.CauseEvent, EventID: "ev-1"}}))
	if err != nil {
		t.Fatal(err)
	}
	if !seen.Kept || seen.Profile != "a" || seen.Tag != "lifecycle" || seen.Value != `"repeat"` || seen.Cause.EventID != "ev-1" ||
		seen.DecidedAt.Sub(seen.EventTime).Milliseconds() != 250 {
		t.Fatalf("%+v", seen)
	}
}

func TestCloneIsIndependent(t *testing.T) {
	topic := NewTopic()
	add := func(version, previous uint64, profile string) {
		if _, err := topic.Add(changeJSON(t, schemas.TagChange{ID: "e1-p0-1-0", ProfileID: profile, Tag: "silent", Change: schemas.Entered,
			Value: true, Version: version, PreviousVersion: previous, Identifiers: map[string][]string{"phone": {"k1:aa"}}})); err != nil {
			t.Fatal(err)
		}
	}
	add(1, 0, "a")
	clone := topic.Clone()
	add(2, 1, "a")
	add(3, 0, "b")
	if clone.Kept() != 1 || len(clone.profiles) != 1 || clone.profiles[0].version != 1 {
		t.Fatalf("the clone grew: %d kept, %+v", clone.Kept(), clone.profiles)
	}
}

func TestCanonical(t *testing.T) {
	for _, c := range []struct {
		name string
		in   map[string][]string
		want []string
	}{
		{"values alone", map[string][]string{"phone": {"k1:aa", "k1:bb"}}, []string{"phone:k1:aa", "phone:k1:bb"}},
		{"a scope", map[string][]string{"openid@wxapp1": {"o1"}}, []string{"openid@wxapp1:o1"}},
		{"types in front already", map[string][]string{"openid": {"openid@wxapp1:o1"}}, []string{"openid@wxapp1:o1"}},
		{"none", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := json.Marshal(c.in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := (&profile{identifiers: text}).canonical()
			slices.Sort(got)
			if err != nil || !slices.Equal(got, c.want) {
				t.Fatalf("%v, %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestPatience(t *testing.T) {
	for _, c := range []struct {
		name    string
		cause   schemas.CauseKind
		device  string
		decided string
		want    time.Duration
	}{
		{"a timer a little late", schemas.CauseTimer, "mine", "2026-03-01T12:00:00.250Z", 2 * time.Second},
		{"a timer far behind", schemas.CauseTimer, "mine", "2026-03-01T12:00:07.500Z", 8500 * time.Millisecond},
		{"a merge far behind", schemas.CauseMerge, "mine", "2026-03-01T12:00:04.000Z", 5 * time.Second},
		{"an event sent late", schemas.CauseEvent, "mine", "2026-03-01T12:00:07.500Z", 2 * time.Second},
		{"somebody of an earlier run", schemas.CauseTimer, "other", "2026-03-01T13:00:00.000Z", 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := json.Marshal(schemas.TagChange{ID: "e1-p0-1-0", ProfileID: "a", Tag: "silent", Change: schemas.Entered, Value: true, Version: 1,
				EventTime: "2026-03-01T12:00:00.000Z", DecidedAt: c.decided, Cause: schemas.Cause{Kind: c.cause},
				Identifiers: map[string][]string{"device_id": {c.device}}})
			if err != nil {
				t.Fatal(err)
			}
			topic := NewTopic()
			if _, err := topic.Add(b); err != nil {
				t.Fatal(err)
			}
			check := &checker{Input: Input{Topic: topic}, owner: map[string]int32{"device_id:mine": 3}}
			if got := check.patience(); got != c.want {
				t.Fatalf("%v, want %v", got, c.want)
			}
		})
	}
}
