package traffic

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// output is what a faultless deployment says of one profile.
type output struct {
	id      uuid.UUID
	nodes   []node
	events  int64
	tags    map[string]string // values as JSON
	changes [][]byte
	doc     []byte
	version uint64
}

// faultless computes what must come out by playing the events in order, with a union of devices at the end.
func faultless(p *Plan, m *Model, sent int64) []*output {
	persons := p.walk(0, p.config.Persons, sent)
	var out []*output
	for k := range persons {
		who := &persons[k]
		whole := &output{nodes: []node{{k, -1}}, events: who.events[0]}
		all := slices.Clone(who.cells[0])
		for d := range devices {
			if who.linked>>d&1 == 1 {
				all.merge(who.cells[1+d])
				whole.nodes = append(whole.nodes, node{k, d})
				whole.events += who.events[1+d]
			} else if who.events[1+d] > 0 {
				out = append(out, settled(p, m, &output{nodes: []node{{k, d}}, events: who.events[1+d]}, who.cells[1+d]))
			}
		}
		out = append(out, settled(p, m, whole, all))
	}
	return out
}

func settled(p *Plan, m *Model, o *output, of cells) *output {
	o.id, o.tags = uuid.New(), map[string]string{}
	known := 0
	for _, n := range o.nodes {
		if n.device >= 0 {
			known++
		}
	}
	for i := range m.tags {
		if v := m.tagValue(&m.tags[i], of, known, start.Add(time.Hour).UnixMilli()); v != "" {
			o.tags[m.tags[i].name] = v
		}
	}
	return o.say(p)
}

// say writes the changes and the document.
func (o *output) say(p *Plan) *output {
	o.changes, o.version = nil, 0
	tags := map[string]json.RawMessage{}
	for _, name := range slices.Sorted(keys(o.tags)) {
		before := o.version
		o.version += 3
		tags[name] = json.RawMessage(o.tags[name])
		o.changes = append(o.changes, fmt.Appendf(nil, `{"id":"x","profile_id":"%s","tag":"%s","change":"entered","value":%s,"version":%d,"previous_version":%d}`,
			o.id, name, o.tags[name], o.version, before))
	}
	ids := map[string][]string{}
	for _, n := range o.nodes {
		if n.device < 0 {
			ids["customer_id"] = append(ids["customer_id"], fmt.Sprintf("c%s%010d", p.config.Run, n.person))
		} else {
			ids["device_id"] = append(ids["device_id"], fmt.Sprintf("d%s%010d-%d", p.config.Run, n.person, n.device))
		}
	}
	o.doc, _ = json.Marshal(map[string]any{"profile_id": o.id.String(), "tag_version": o.version, "events": o.events, "identifiers": ids, "tags": tags})
	return o
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func observe(t *testing.T, p *Plan, m *Model, out []*output) *Observed {
	t.Helper()
	o := NewObserved(p, m)
	for _, x := range out {
		for _, c := range x.changes {
			if err := o.Change(c); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.Document([]byte(x.id.String()), x.doc, x.version+1); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// TestVerify sees a faultless run pass, and each kind of damage fail.
func TestVerify(t *testing.T) {
	p := plan(t, func(c *Config, _ *Stretch) { c.Merges = 0.1 })
	m := twelve()
	const sent = 5000
	now := start.Add(time.Hour).UnixMilli()
	for _, c := range []struct {
		name   string
		damage func([]*output) []*output
		after  func(*Observed)
		fails  string
	}{
		{name: "faultless"},
		{name: "an event less", damage: func(o []*output) []*output { o[7].events--; o[7].say(p); return o }, fails: "events per profile"},
		{name: "an event more", damage: func(o []*output) []*output { o[7].events++; o[7].say(p); return o }, fails: "events per profile"},
		{name: "a tag too many", damage: func(o []*output) []*output { o[3].tags["silent"] = "true"; o[3].say(p); return o }, fails: "tags"},
		{name: "a tag missing", damage: func(o []*output) []*output { delete(o[3].tags, "lifecycle"); o[3].say(p); return o }, fails: "tags"},
		{name: "another value", damage: func(o []*output) []*output { o[3].tags["lifecycle"] = `"dormant"`; o[3].say(p); return o }, fails: "tags"},
		{name: "a value nobody knows", damage: func(o []*output) []*output { o[3].tags["lifecycle"] = `"x"`; o[3].say(p); return o }, fails: "tag topic"},
		{name: "a profile missing", damage: func(o []*output) []*output { return o[1:] }, fails: "identity"},
		{name: "a device lost", damage: func(o []*output) []*output {
			k := slices.IndexFunc(o, func(x *output) bool { return len(x.nodes) > 2 })
			o[k].nodes = o[k].nodes[:2]
			o[k].say(p)
			return o
		}, fails: "identity"},
		{name: "a profile that should have gone", damage: func(o []*output) []*output {
			k := slices.IndexFunc(o, func(x *output) bool { return len(x.nodes) > 2 })
			return append(o, (&output{id: uuid.New(), nodes: o[k].nodes[1:2], tags: map[string]string{}}).say(p))
		}, fails: "identity"},
		{name: "a change lost", damage: func(o []*output) []*output { o[3].changes = o[3].changes[1:]; return o }, fails: "tag topic"},
		{name: "a change that the document lacks", after: func(o *Observed) {
			for id, x := range o.profiles {
				_ = o.Change(fmt.Appendf(nil, `{"profile_id":"%s","tag":"silent","change":"left","value":false,"version":%d,"previous_version":%d}`, id, x.changed+1, x.changed))
				break
			}
		}, fails: "tag topic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := faultless(p, m, sent)
			if c.damage != nil {
				out = c.damage(out)
			}
			o := observe(t, p, m, out)
			if c.after != nil {
				c.after(o)
			}
			var failed []string
			for _, check := range o.Verify(p, m, sent, now) {
				if !check.OK {
					failed = append(failed, check.Name+": "+check.Detail)
				}
			}
			if c.fails == "" && len(failed) > 0 || c.fails != "" && !strings.Contains(strings.Join(failed, "\n"), c.fails+":") {
				t.Errorf("failed checks %q, want %q among them", failed, c.fails)
			}
		})
	}
}

// TestRepeats: what was seen already is dropped, a tombstone ends a profile, and other runs do not count.
func TestRepeats(t *testing.T) {
	p, m := plan(t, nil), twelve()
	out := faultless(p, m, 500)
	o := observe(t, p, m, out)
	changes, events := o.Changes, o.Events
	if err := o.Change(out[0].changes[0]); err != nil || o.Repeats != 1 || o.Changes != changes {
		t.Errorf("a repeat: %v, %d repeats, %d changes more", err, o.Repeats, o.Changes-changes)
	}
	if events != 600 { // 500 and a hundred preloaded ones
		t.Errorf("documents count %d events, want 600", events)
	}
	if err := o.Document([]byte(out[0].id.String()), nil, out[0].version+2); err != nil || o.Events != events-out[0].events {
		t.Errorf("a tombstone: %v, %d events are left of %d", err, o.Events, events)
	}
	if err := o.Document([]byte(out[0].id.String()), out[0].doc, out[0].version+1); err != nil || o.Events != events-out[0].events {
		t.Errorf("an older document behind its tombstone: %v, %d events", err, o.Events)
	}
	if err := o.Document([]byte(uuid.NewString()), []byte(`{"events":5,"identifiers":{"customer_id":["somebody"]},"tags":{},"tag_version":0}`), 1); err != nil || o.Events != events-out[0].events {
		t.Errorf("a profile of another run: %v, %d events", err, o.Events)
	}
	for _, bad := range []string{"", "[]", `{"profile_id":"x"}`, `{"profile_id":`} {
		if o.Change([]byte(bad)) == nil {
			t.Errorf("change %q was taken", bad)
		}
	}
}
