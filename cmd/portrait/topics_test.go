package main

import (
	"encoding/json"
	"strings"
	"testing"

	"portrait/pipeline"
)

func testTopics(t *testing.T, d *deployment) {
	out, err := d.ask(t, "topics")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 8 {
		t.Errorf("%d lines, want a head and seven topics:\n%s", len(lines), out)
	}
	mustContain(t, "topics", out, "portrait.events ", "portrait.router", "portrait.machine", "7 days", "compacted", "out: tag changes")
	if out, err = d.ask(t, "topics", "--partitions"); err != nil {
		t.Fatal(err)
	}
	mustContain(t, "topics", out, "partition 3", "offsets 0 to")
	if out, err = d.ask(t, "topics", "--json"); err != nil {
		t.Fatal(err)
	}
	var topics []pipeline.TopicStatus
	if err := json.Unmarshal([]byte(out), &topics); err != nil {
		t.Fatal(err)
	}
	for _, s := range topics {
		switch s.Name {
		case "portrait.events":
			if s.Partitions[0].End < 8 || len(s.Partitions) != 4 || s.RetentionMS != 7*24*3600*1000 || s.MaxMessageBytes != 4<<20 {
				t.Errorf("events: %+v", s)
			}
		case "portrait.rejected":
			if s.Partitions[0].End != 1 || s.Group != "" || s.Lag() != 0 {
				t.Errorf("rejected: %+v", s)
			}
		}
	}
}

func TestLag(t *testing.T) {
	partitions := []pipeline.PartitionStatus{{Start: 10, End: 30, Committed: 25}, {Start: 10, End: 30, Committed: -1}, {Start: 10, End: 30, Committed: 4}}
	for name, c := range map[string]struct {
		group string
		want  int64
	}{"a group": {"g", 45}, "no group": {"", 0}} {
		if s := (pipeline.TopicStatus{Group: c.group, Partitions: partitions}); s.Lag() != c.want {
			t.Errorf("%s: %d, want %d", name, s.Lag(), c.want)
		}
	}
}
