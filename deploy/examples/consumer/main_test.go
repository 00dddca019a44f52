package main

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func change(version, previous int, rest string) *kgo.Record {
	return &kgo.Record{Topic: "portrait.tags", Key: []byte("p"), Headers: []kgo.RecordHeader{{Key: "tag", Value: []byte("t")}},
		Value: fmt.Appendf(nil, `{"profile_id":"p","epoch":1,"version":%d,"previous_version":%d,%s}`, version, previous, rest)}
}

// document has a version of its own; an empty body is a tombstone.
func document(version, tagVersion int, tags string) *kgo.Record {
	k := &kgo.Record{Topic: "portrait.profiles", Key: []byte("p"), Headers: []kgo.RecordHeader{
		{Key: "version", Value: fmt.Append(nil, version)}, {Key: "epoch", Value: []byte("1")}}}
	if tags != "" {
		k.Value = fmt.Appendf(nil, `{"profile_id":"p","epoch":1,"version":%d,"tag_version":%d,"tags":%s}`, version, tagVersion, tags)
	}
	return k
}

func TestApply(t *testing.T) {
	const vip, silent = `"tag":"vip","change":"entered","value":true`, `"tag":"silent","change":"entered","value":true`
	for _, c := range []struct {
		name    string
		records []*kgo.Record
		want    map[string]any
		notes   int
		gaps    int
	}{
		{"changes alone", []*kgo.Record{change(1, 0, vip), change(2, 1, silent), change(3, 2, `"tag":"vip","change":"left","value":false`)},
			map[string]any{"silent": true}, 3, 0},
		{"an enum", []*kgo.Record{change(1, 0, `"tag":"l","change":"entered","value":"new"`), change(2, 1, `"tag":"l","change":"changed","value":"repeat"`)},
			map[string]any{"l": "repeat"}, 2, 0},
		{"a zombie says it all again", []*kgo.Record{change(1, 0, vip), change(2, 1, `"tag":"vip","change":"left","value":false`), change(1, 0, vip)},
			map[string]any{}, 2, 0},
		{"bootstrap from a document", []*kgo.Record{document(9, 5, `{"vip":true}`), change(5, 4, vip), change(7, 5, silent)},
			map[string]any{"vip": true, "silent": true}, 1, 0},
		{"a document that is older than the changes", []*kgo.Record{change(1, 0, vip), change(4, 1, silent), document(2, 1, `{"vip":true}`)},
			map[string]any{"vip": true, "silent": true}, 2, 0},
		{"a gap, and the document that closes it", []*kgo.Record{change(1, 0, vip), change(4, 3, silent), document(5, 4, `{"silent":true}`)},
			map[string]any{"silent": true}, 2, 1},
		{"a kind of later versions", []*kgo.Record{change(1, 0, vip), change(2, 1, `"tag":"vip","change":"weighed","value":3`), change(3, 2, silent)},
			map[string]any{"vip": true, "silent": true}, 3, 0},
		{"merged", []*kgo.Record{change(1, 0, vip), change(2, 1, `"tag":"vip","change":"left","value":false`), change(3, 2, `"change":"merged","value":null,"winner":"q"`), document(4, 0, "")},
			map[string]any{}, 3, 0},
		{"erased with its tags", []*kgo.Record{change(1, 0, vip), change(2, 1, `"change":"erased","value":null`)}, map[string]any{}, 2, 0},
		{"a document repeated behind its tombstone", []*kgo.Record{document(2, 1, `{"vip":true}`), document(4, 0, ""), document(2, 1, `{"vip":true}`)},
			map[string]any{}, 0, 0},
		{"another epoch", []*kgo.Record{change(9, 0, vip), {Key: []byte("p"), Value: []byte(`{"epoch":2,"version":5,"previous_version":0,"tag":"vip","change":"left","value":false}`)}},
			map[string]any{}, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			profiles := make(map[string]record)
			notes, gaps := 0, 0
			for _, k := range c.records {
				if note := apply(profiles, k); note != "" {
					notes++
					gaps += strings.Count(note, "gap")
				}
			}
			if got := profiles["p"].Tags; !maps.Equal(got, c.want) || notes != c.notes || gaps != c.gaps {
				t.Errorf("tags %v, %d notes, %d gaps; want %v, %d, %d", got, notes, gaps, c.want, c.notes, c.gaps)
			}
		})
	}
}
