package compare

import "testing"

const (
	first = `{"kind":"machine","machine":{"cores":2},"settings":{"tags":12},"cpu_ns":{"median":100,"min":90,"max":110,"n":3},
		"cpu_us_per_event":{"portrait":{"median":10,"min":10,"max":10,"n":1}},"stages":[{"stage":"tags","us_per_event":4}],"checks":[],"ok":true}`
	second = `{"kind":"machine","machine":{"cores":4},"settings":{"tags":12},"cpu_ns":{"median":80,"min":70,"max":95,"n":3},
		"cpu_us_per_event":{"portrait":{"median":5,"min":5,"max":5,"n":1}},"stages":[{"stage":"tags","us_per_event":3},{"stage":"new","us_per_event":1}]}`
)

func TestFiles(t *testing.T) {
	c, err := Files([][]byte{[]byte(first)}, [][]byte{[]byte(second)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Row{"cpu_ns": {Ratio: 0.8, Within: true}, "cpu_us_per_event portrait": {Ratio: 0.5}, "stage tags": {Ratio: 0.75}}
	if len(c.Rows) != len(want) {
		t.Errorf("%d rows: %+v", len(c.Rows), c.Rows)
	}
	for _, r := range c.Rows {
		if w := want[r.Figure]; r.Ratio != w.Ratio || r.Within != w.Within {
			t.Errorf("%s: ratio %v, within %v; want %+v", r.Figure, r.Ratio, r.Within, w)
		}
	}
	if len(c.Different) != 1 || c.Different[0] != "machine cores: 2, 4" {
		t.Errorf("differences %q", c.Different)
	}
	rounds, err := Files([][]byte{[]byte(first), []byte(second)}, [][]byte{[]byte(second), []byte(second)})
	if err != nil || rounds.Rows[0].A.Median != 90 || rounds.Rows[0].A.N != 2 {
		t.Errorf("rounds %+v, %v", rounds, err)
	}
	if Percent(0.8) != "-20 %" || Percent(1.25) != "+25 %" {
		t.Errorf("%s, %s", Percent(0.8), Percent(1.25))
	}
	for _, bad := range []string{"", "[]", "{}"} {
		if _, err := Files([][]byte{[]byte(first)}, [][]byte{[]byte(bad)}); err == nil {
			t.Errorf("%q was compared", bad)
		}
	}
}
