package model

import "strings"

// timers checks what was decided, most of all by the passing of time: the tag was right at its deadline, and
// nothing that had happened by then was missing.
func (j *judge) timers() {
	for s, list := range j.Facts {
		for i, f := range list {
			if f.Kind != "tag" || f.Tag == "" || f.Tag == "phoned" {
				continue
			}
			if f.Cause != "timer" {
				j.atOnce(f, i)
				continue
			}
			past := j.history(f.Profile, i)
			want := j.tags(past, f.Deadline, 0)[f.Tag]
			if got := jsonValue(f.Value); got != want && !(want == nil && got == false) {
				j.fault("profile %s: at its deadline %d tag %s became %v, %d events give %v", f.Profile, f.Deadline, f.Tag, got, len(past), want)
			}
			if !j.Early {
				j.complete(f, s, i, past)
			}
		}
	}
}

// atOnce checks what was decided by an event or a merge: the tag was right at that moment.
func (j *judge) atOnce(f Fact, index int) {
	if f.Now == 0 || f.Cause != "event" && (f.Cause != "merge" || f.Value == "false" || f.Value == "null") {
		return // a loser's goodbye says nothing of its events
	}
	past := j.history(f.Profile, index)
	want := j.tags(past, f.Now, 0)[f.Tag]
	if got := jsonValue(f.Value); got != want && !(want == nil && got == false) {
		j.fault("profile %s: at %d tag %s became %v by %s, %d events give %v", f.Profile, f.Now, f.Tag, got, f.Cause, len(past), want)
	}
}

// complete checks that every event of a profile's that the log had before a deadline was counted by it. An
// event on its way by two hops may be late, so only identifiers that the root took itself are looked at.
func (j *judge) complete(f Fact, source, index int, past []*counted) {
	member := map[string]bool{j.Roots[f.Profile]: true}
	for _, m := range j.merges[f.Profile] {
		if m.index < index && j.Parents[m.root] == j.Roots[f.Profile] {
			member[m.root] = true
		}
	}
	has := map[string]bool{}
	for _, c := range past {
		has[c.ev.ID] = true
	}
	for _, ev := range j.Sent {
		if ev.Reject == "" && ev.Logged < f.Deadline && member[ev.Identifiers[0]] && !has[ev.ID] && len(j.usable(ev)) == len(ev.Identifiers) {
			j.fault("profile %s: tag %s was decided for %d without event %s of %d", f.Profile, f.Tag, f.Deadline, ev.ID, ev.Logged)
		}
	}
}

// jsonValue reads a tag's value.
func jsonValue(text string) any {
	switch text {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	}
	return strings.Trim(text, `"`)
}
