package torture

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"portrait/bench"
	"portrait/bench/generator"
	"portrait/bench/ledger"
	"portrait/pipeline/kafka"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Each way in which the profiles topic and ClickHouse can differ is seen, and what may differ is not.
func TestDocumentsSeeDamage(t *testing.T) {
	record := func(key string, version int, age time.Duration, value string) kafka.Record {
		r := kafka.Record{Key: []byte(key), Time: noon.Add(-age).UnixMilli(), Value: []byte(value),
			Headers: []kafka.Header{{Key: "version", Value: strconv.AppendInt(nil, int64(version), 10)}}}
		if value == "" {
			r.Value = nil
		}
		return r
	}
	const old, young = time.Minute, time.Second
	records := []kafka.Record{
		record("a", 1, old, "doc"), record("a", 5, old, "doc"), record("a", 3, old, "doc"), // the last one from a zombie
		record("b", 2, old, "doc"), record("b", 4, young, "doc"),
		record("gone", 2, old, "doc"), record("gone", 9, old, ""),
		record("new", 1, young, "doc"),
	}
	for _, c := range []struct {
		name   string
		stored map[string]uint64
		want   bench.Check
	}{
		{"as it should be", map[string]uint64{"a": 5, "b": 2}, bench.Check{OK: true}},
		{"the young one is stored already", map[string]uint64{"a": 5, "b": 4, "new": 1}, bench.Check{OK: true}},
		{"the older one won", map[string]uint64{"a": 3, "b": 2}, bench.Check{Lost: 1}},
		{"one is missing", map[string]uint64{"a": 5}, bench.Check{Lost: 1}},
		{"a version that nobody published", map[string]uint64{"a": 6, "b": 2}, bench.Check{Wrong: 1}},
		{"a deleted one is still there", map[string]uint64{"a": 5, "b": 2, "gone": 2}, bench.Check{Doubled: 1}},
		{"one that was never there", map[string]uint64{"a": 5, "b": 2, "x": 2}, bench.Check{Wrong: 1}},
	} {
		docs := documents{}
		if err := docs.add(records, noon.Add(-fresh)); err != nil {
			t.Fatal(err)
		}
		got := docs.compare(c.stored)
		if got.OK != c.want.OK || got.Lost != c.want.Lost || got.Doubled != c.want.Doubled || got.Wrong != c.want.Wrong {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if err := (documents{}).add([]kafka.Record{{Key: []byte("a")}}, noon); err == nil {
		t.Error("a document without a version passes")
	}
}

func TestDeadLettersSeeDamage(t *testing.T) {
	for have, want := range map[int64]bench.Check{7: {OK: true}, 6: {Lost: 1}, 9: {Doubled: 2}} {
		got := compareDeadLetters(have, 7)
		if got.OK != want.OK || got.Lost != want.Lost || got.Doubled != want.Doubled {
			t.Errorf("%d of 7: %+v", have, got)
		}
	}
}

// What stands in portrait.events too rarely, or again without a doubt, or from a stranger, is seen; what the broker's doubt
// doubled goes into the ledger.
func TestCopiesSeeDamage(t *testing.T) {
	g, err := generator.New(generator.Config{Seed: 3, Rate: 200, Duration: 10 * time.Second, Start: noon})
	if err != nil {
		t.Fatal(err)
	}
	var values [][]byte
	var records []generator.Record
	for {
		r, _, ok := g.Next(nil)
		if !ok {
			break
		}
		records, values = append(records, r), append(values, r.Value)
	}
	for _, c := range []struct {
		name    string
		topic   [][]byte
		retries int64
		want    bench.Check
		repeats int64
	}{
		{"each as planned", values, 0, bench.Check{OK: true}, 0},
		{"a batch again, after a request in doubt", append(append([][]byte{}, values...), values[:20]...), 1, bench.Check{OK: true}, 20},
		{"one again, and no request was in doubt", append(append([][]byte{}, values...), values[7]), 0, bench.Check{Doubled: 1}, 1},
		{"an acknowledged one is missing", values[1:], 3, bench.Check{Lost: 1}, 0},
		{"a stranger", append(append([][]byte{}, values...), []byte("{}")), 3, bench.Check{Wrong: 1}, 0},
	} {
		l, counted := ledger.New(g.Run()), newCopies()
		for i := range records {
			counted.handed(&records[i])
			l.Record(records[i].Event, noon.Add(records[i].At))
		}
		stored, duplicates, rejected := l.Counts()
		strangers := int64(0)
		for _, value := range c.topic {
			if !counted.found(value) {
				strangers++
			}
		}
		repeats, got := counted.settle(l, int32(g.Planned()), c.retries, strangers)
		if got.OK != c.want.OK || got.Lost != c.want.Lost || got.Doubled != c.want.Doubled || got.Wrong != c.want.Wrong || repeats != c.repeats {
			t.Errorf("%s: %d repeats, %+v", c.name, repeats, got)
		}
		s, d, r := l.Counts()
		if s != stored || d+r != duplicates+rejected+c.repeats {
			t.Errorf("%s: the ledger counts %d, %d, %d after %d, %d, %d", c.name, s, d, r, stored, duplicates, rejected)
		}
		if l.BySeq(0) == nil || l.BySeq(0).Kind != records[0].Event.Kind {
			t.Errorf("%s: the ledger lost the original", c.name)
		}
	}
}

// A configuration that cannot work is refused before anything starts.
func TestConfig(t *testing.T) {
	whole := Config{Command: []string{"portrait"}, Dir: t.TempDir(), Broker: Embedded, Nodes: 3, Faults: 15, Duration: 3 * time.Minute, Rate: 100, Out: t.Output()}
	if err := whole.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"command": func(c *Config) { c.Command = nil }, "broker": func(c *Config) { c.Broker = "kafka" }, "nodes": func(c *Config) { c.Nodes = 0 },
		"faults": func(c *Config) { c.Faults = 100 }, "duration": func(c *Config) { c.Duration = time.Second }, "rate": func(c *Config) { c.Rate = 0 },
	} {
		c := whole
		spoil(&c)
		if _, err := Run(context.Background(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Whatever the number of nodes, each role has somebody; with three or more nobody is alone in one.
func TestRolesOf(t *testing.T) {
	for nodes := 1; nodes <= 12; nodes++ {
		holders := map[string]int{}
		for n := range nodes {
			for _, role := range strings.Split(rolesOf(n, nodes), ",") {
				holders[role]++
			}
		}
		least := 1
		if nodes >= 3 {
			least = 2
		}
		for _, role := range []string{"router", "machine", "sink"} {
			if holders[role] < least {
				t.Errorf("%d nodes: %v", nodes, holders)
			}
		}
	}
}
