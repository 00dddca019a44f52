package traffic

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// story is what a faultless system tells of a plan: its records in order, written from the tags after each event.
func story(t *testing.T, p *Plan, m *Model, sent int64) (records []string) {
	t.Helper()
	type told struct {
		id      string
		version int
		tags    map[string]string
	}
	people := make([]told, p.config.Persons)
	for n := p.First(); n < sent; n++ {
		e := p.Event(n)
		who := &people[e.Person]
		if who.tags == nil {
			who.id, who.tags = uuid.NewString(), map[string]string{}
		}
		var all cells
		for k := p.First(); k <= n; k++ { // from the beginning each time: nothing is carried along
			if o := p.Event(k); o.Person == e.Person {
				all.add(&o)
			}
		}
		id := fmt.Sprintf("%s-%013d", p.config.Run, n)
		if n < 0 {
			id = fmt.Sprintf("%s-%013d", p.config.Run, 9_000_000_000_000-n)
		}
		for i := range m.tags {
			tag := &m.tags[i]
			value := m.tagValue(tag, all, 0, e.Time)
			if value == who.tags[tag.name] {
				continue
			}
			who.tags[tag.name] = value
			if value == "" && tag.cases == nil {
				value = "false"
			} else if value == "" {
				value = "null"
			}
			who.version++
			records = append(records, fmt.Sprintf(`{"profile_id":%q,"tag":%q,"value":%s,"version":%d,"previous_version":%d,`+
				`"cause":{"kind":"event","event_id":%q},"identifiers":{"customer_id":["c%s%010d"]}}`,
				who.id, tag.name, value, who.version, who.version-1, id, p.config.Run, e.Person))
		}
	}
	return records
}

func toldPlan(t *testing.T) (*Plan, *Model) {
	t.Helper()
	p, err := New(Config{Seed: 7, Run: "run00001", Persons: 20, Preload: start, Keys: Zipf})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.Then(0, Stretch{Start: start.Add(time.Second), Rate: 100}); err != nil {
		t.Fatal(err)
	}
	m, err := NewModel(12)
	if err != nil {
		t.Fatal(err)
	}
	return p, m
}

// TestTold compares what a faultless system tells with the plan, and finds each fault that is put in.
func TestTold(t *testing.T) {
	p, m := toldPlan(t)
	const sent = 600
	records := story(t, p, m, sent)
	want, err := NewTold(p, m)
	if err != nil {
		t.Fatal(err)
	}
	want.Expect(p, p.First(), 100) // in two pieces
	want.Expect(p, 100, sent)
	if int(want.Changes) != len(records) || len(want.Causes) != len(records) || len(records) < 100 {
		t.Fatalf("%d changes are expected, %d are told", want.Changes, len(records))
	}
	replace := func(from, to string) func([]string) []string {
		return func(list []string) []string {
			for i := range list {
				if changed := strings.Replace(list[i], from, to, 1); changed != list[i] {
					list[i] = changed
					break
				}
			}
			return list
		}
	}
	cases := []struct {
		name  string
		spoil func([]string) []string
		ok    bool
	}{
		{"as it must be", func(l []string) []string { return l }, true},
		{"each one twice", func(l []string) []string {
			var twice []string
			for _, r := range l {
				twice = append(twice, r, r)
			}
			return twice
		}, true},
		{"one lost", func(l []string) []string { return append(l[:50:50], l[51:]...) }, false},
		{"the last one lost", func(l []string) []string { return l[:len(l)-1] }, false},
		{"another value", replace(`"value":true`, `"value":false`), false},
		{"another tag", replace(`"tag":"explorer"`, `"tag":"big_basket"`), false},
		{"a tag that is none", replace(`"tag":"explorer"`, `"tag":"explored"`), false},
		{"another event", replace("run00001-0", "run00001-1"), false},
		{"a gap", replace(`"version":4,"previous_version":3`, `"version":4,"previous_version":2`), false},
		{"another person", replace(`c`+p.config.Run+`0000000003`, `c`+p.config.Run+`0000000004`), false},
		{"somebody unknown", replace(`"customer_id"`, `"openid"`), false},
		{"by a timer", replace(`"event_id"`, `"id"`), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			told, err := NewTold(p, m)
			if err != nil {
				t.Fatal(err)
			}
			before := strings.Join(records, "\n")
			list := c.spoil(strings.Split(before, "\n"))
			if after := strings.Join(list, "\n"); after == before && c.name != "as it must be" {
				t.Fatal("nothing was spoiled")
			}
			for i, r := range list {
				n, ok, err := told.Received([]byte(r))
				if err != nil {
					t.Fatal(err)
				}
				if c.name == "as it must be" && (!ok || n != want.Causes[i]) {
					t.Fatalf("record %d: event %d, %v; want %d", i, n, ok, want.Causes[i])
				}
			}
			if check := told.Compare("told", want); check.OK != c.ok {
				t.Errorf("%+v", check)
			}
		})
	}
}

// TestToldRefuses what it cannot judge.
func TestToldRefuses(t *testing.T) {
	p, m := toldPlan(t)
	told, err := NewTold(p, m)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "[]", `{"profile_id":"x"}`, `{"version":-1}`, `{"version":"a"}`, `{"cause":1}`} {
		if _, _, err := told.Received([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	merging, err := New(Config{Run: "run00001", Persons: 20, Keys: Uniform, Merges: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewTold(merging, m); err == nil {
		t.Error("a plan with merges was taken")
	}
}
