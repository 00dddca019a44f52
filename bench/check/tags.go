package check

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"portrait/bench"
	"portrait/bench/ledger"
	"portrait/schemas"
)

func (c *checker) versionsGapless() (bench.Check, error) {
	d := differences{count: c.Topic.gapped, lost: c.Topic.gapped, first: slices.Clone(c.Topic.gaps)}
	return d.result("%d changes kept of %d profiles, %d dropped as repeats", c.Topic.Kept(), len(c.Topic.profiles),
		c.Topic.dropped), nil
}

// replay is the state that a consumer of the topic held at the instant.
type replay struct {
	tags   []ledger.Tags // as Topic.profiles
	people []int32       // person of each profile, -1: of another run
}

// person finds out whose a profile of the topic is. A merged profile is its winner's.
func (c *checker) person(p *profile) int32 {
	list, _ := p.canonical() // replay tells of those that cannot be read
	for _, identifier := range list {
		if person, ok := c.owner[identifier]; ok {
			return person
		}
	}
	return -1
}

func (c *checker) replay(d *differences) replay {
	r := replay{tags: make([]ledger.Tags, len(c.Topic.profiles)), people: make([]int32, len(c.Topic.profiles))}
	for i := range c.Topic.profiles {
		if _, err := c.Topic.profiles[i].canonical(); err != nil {
			d.add("%v", err)
		}
		r.people[i] = c.person(&c.Topic.profiles[i])
	}
	instant := c.instant.UnixMilli()
	for i := range c.Topic.changes {
		ch := &c.Topic.changes[i]
		if ch.kind == schemas.Merged || ch.kind == schemas.Erased || r.people[ch.profile] < 0 ||
			ch.cause == schemas.CauseTimer && ch.at > instant {
			continue
		}
		tag, ok := tagOf(c.Topic.word[ch.tag])
		if !ok {
			d.add("%s: unknown tag %q", ch.id, c.Topic.word[ch.tag])
			continue
		}
		value, err := tagValue(c.Topic.word[ch.value])
		if err != nil || (ch.kind == schemas.Left) != (value == "") {
			d.add("%s: %s with value %s", ch.id, ch.kind, c.Topic.word[ch.value])
			continue
		}
		r.tags[ch.profile][tag] = value
	}
	return r
}

func tagOf(name string) (ledger.Tag, bool) {
	for t := range ledger.TagCount {
		if t.String() == name {
			return t, true
		}
	}
	return 0, false
}

// tagValue reads a value of the contract: true, false or null, or an enum's value.
func tagValue(raw string) (string, error) {
	var v any
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		return "", err
	}
	switch v := v.(type) {
	case nil:
		return "", nil
	case bool:
		if v {
			return "true", nil
		}
		return "", nil
	case string:
		return v, nil
	}
	return "", fmt.Errorf("%s is neither a boolean nor a text", raw)
}

// tagsFinal compares the state of each person's surviving profile.
func (c *checker) tagsFinal() (bench.Check, error) {
	var d differences
	r := c.replay(&d)
	alive := map[int32][]int{} // person -> surviving profiles
	for i := range c.Topic.profiles {
		p := &c.Topic.profiles[i]
		if r.people[i] >= 0 && !p.merged {
			alive[r.people[i]] = append(alive[r.people[i]], i)
		}
		if p.merged && r.tags[i] != (ledger.Tags{}) {
			d.add("profile %s was merged and left tags on: %v", p.id, r.tags[i])
		}
	}
	undetermined, compared := 0, 0
	for i, p := range c.people {
		profiles := alive[p.Number]
		if len(profiles) != 1 {
			d.add("person %d has %d surviving profiles on the topic", p.Number, len(profiles))
			continue
		}
		want := &c.expected[i]
		for tag := range ledger.TagCount {
			compared++
			if want.Undetermined[tag] {
				undetermined++
				continue
			}
			if have := r.tags[profiles[0]][tag]; have != want.Tags[tag] {
				d.add("person %d, profile %s: %s is %q instead of %q", p.Number, c.Topic.profiles[profiles[0]].id, tag, have, want.Tags[tag])
			}
		}
	}
	share := float64(undetermined) / float64(max(compared, 1))
	if share >= MaxUndetermined {
		d.add("too many undetermined: choose an instant at which less happens")
	}
	return d.result("%d tags of %d people, %d (%.2f %%) undetermined within %v of %s", compared, len(c.people),
		undetermined, 100*share, Margin, c.instant.UTC().Format("15:04:05.000")), nil
}

// patience is how far the pipeline was behind at worst, and a second more: decided_at is the largest stamp that the machine
// had seen, so an event may have been counted so much before a deadline, or a merge, that lay before it.
func (c *checker) patience() time.Duration {
	behind := int64(0)
	for i := range c.Topic.changes {
		ch := &c.Topic.changes[i]
		// Not those of people of an earlier run: their deadlines passed while nothing ran.
		if ch.cause != schemas.CauseEvent && c.person(&c.Topic.profiles[ch.profile]) >= 0 {
			behind = max(behind, ch.decided-ch.at)
		}
	}
	return max(ledger.Slack, time.Duration(behind)*time.Millisecond+time.Second)
}

// spell is a tag that entered, and until when it was on, in ms.
type spell struct {
	*change
	until int64
}

// tagsHistory looks at the way there: what lasted was noticed, and nothing was said that is not so.
func (c *checker) tagsHistory() (bench.Check, error) {
	var d differences
	entered := make(map[int32][]*spell, len(c.people))
	open := map[[2]int32]*spell{} // profile and tag: the latest
	for i := range c.Topic.changes {
		ch := &c.Topic.changes[i]
		if ch.kind != schemas.Entered && ch.kind != schemas.Left {
			continue
		}
		person := c.person(&c.Topic.profiles[ch.profile])
		if person < 0 {
			continue
		}
		at := [2]int32{ch.profile, ch.tag}
		if ch.kind == schemas.Entered {
			open[at] = &spell{change: ch, until: math.MaxInt64}
			entered[person] = append(entered[person], open[at])
		} else if open[at] != nil {
			open[at].until = ch.since()
		}
	}
	patience := c.patience()
	absences, once := 0, 0
	for _, p := range c.people {
		story := c.Ledger.Story(p, c.AsOf, patience)
		var had [ledger.TagCount]bool
		for _, ch := range entered[p.Number] {
			tag, ok := tagOf(c.Topic.word[ch.tag])
			if !ok {
				continue // tags_final says so
			}
			had[tag] = true
			against := story.Contradicts
			if ch.cause == schemas.CauseTimer {
				against = story.ContradictsDeadline
			}
			if against(tag, ch.since()) {
				d.add("person %d: %s: %s entered, but the events say otherwise", p.Number, ch.id, tag)
			}
		}
		for tag, must := range story.Ever {
			if must {
				once++
			}
			if must && !had[tag] {
				d.miss("person %d: %s never entered", p.Number, ledger.Tag(tag))
			}
		}
		absences += len(story.Must)
		for _, e := range story.Must {
			if !slices.ContainsFunc(entered[p.Number], func(ch *spell) bool {
				return c.Topic.word[ch.tag] == e.Tag.String() && ch.at < e.End &&
					(ch.since() >= e.Due || e.Stale && ch.until >= e.Due)
			}) {
				d.miss("person %d: %s did not enter at %d", p.Number, e.Tag, e.Due)
			}
		}
	}
	return d.result("%d absences and %d tags that must have entered, of %d people, with a patience of %v", absences, once,
		len(c.people), patience), nil
}

// since is the instant, in ms, at which a change was true: a timer's deadline, else when it was decided.
func (ch *change) since() int64 {
	if ch.cause == schemas.CauseTimer {
		return ch.at
	}
	return ch.decided
}

// tagsTopicVsClickHouse compares what both sides hold of the changes decided between the start of the
// run and a margin before AsOf.
func (c *checker) tagsTopicVsClickHouse() (bench.Check, error) {
	var d differences
	from, to := c.Ledger.Run.Start, c.AsOf.Add(-Margin).UnixMilli()
	rows, err := c.ask(6, fmt.Sprintf("SELECT id, toString(profile_id), tag, change, value, toString(version) FROM %s.tag_changes "+
		"WHERE decided_at >= fromUnixTimestamp64Milli(toInt64(%d)) AND decided_at < fromUnixTimestamp64Milli(toInt64(%d))", c.Database, from, to))
	if err != nil {
		return bench.Check{}, err
	}
	stored := make(map[string][]string, len(rows))
	for _, row := range rows {
		if _, ok := stored[row[0]]; ok {
			d.again("%s is stored twice", row[0])
		}
		stored[row[0]] = row
	}
	compared := 0
	for i := range c.Topic.changes {
		ch := &c.Topic.changes[i]
		if ch.decided < from || ch.decided >= to {
			continue
		}
		compared++
		row, ok := stored[ch.id]
		if !ok {
			d.miss("%s is not in ClickHouse", ch.id)
			continue
		}
		delete(stored, ch.id)
		want := [...]string{ch.id, c.Topic.profiles[ch.profile].id, c.Topic.word[ch.tag], string(ch.kind),
			c.Topic.word[ch.value], fmt.Sprint(ch.version)}
		if !slices.Equal(row, want[:]) {
			d.add("%s: stored as %v, published as %v", ch.id, row[1:], want[1:])
		}
	}
	for id := range stored {
		d.add("%s is not on the topic", id)
	}
	return d.result("%d changes on the topic, %d rows in ClickHouse", compared, len(rows)), nil
}
