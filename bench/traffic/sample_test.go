package traffic

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestSample renders events of two rounds and two runs: what must change changes, people stay apart, the rest stays.
func TestSample(t *testing.T) {
	begin := time.UnixMilli(1_800_000_000_000)
	lines := []SampleLine{
		{3, []byte(`{"event":"paid","event_id":"x","time":5,"identifiers":{"phone":"139-1234 5678","device_id":["d\"1",7,null]},"properties":{"a":1.50},"more":[1]}`)},
		{4, []byte(`{"identifiers":{"email":"a@b.example","openid@wx":"null"},"event":"seen"}`)},
	}
	usable := func(kind, value string) bool { return value != "null" }
	render := func(run string, n int64) (text, key string, ids map[string]any) {
		s, err := NewSample(run, begin, lines, usable)
		if err != nil {
			t.Fatal(err)
		}
		s, err = s.Then(0, Stretch{Start: begin, Rate: 10})
		if err != nil {
			t.Fatal(err)
		}
		b, k := s.Append(nil, nil, n)
		var e struct {
			ID          string `json:"event_id"`
			Time        int64
			Identifiers map[string]any
		}
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if got, ok := s.Seq([]byte(e.ID)); !ok || got != n || e.Time != begin.UnixMilli()+100*n {
			t.Errorf("event %d has id %s and time %d", n, e.ID, e.Time)
		}
		return string(b), string(k), e.Identifiers
	}
	text, key, ids := render("samplers", 0)
	if !strings.HasSuffix(text, `,"properties":{"a":1.50},"more":[1]}`) || !strings.Contains(text, `"device_id":["d\"1~samplers-0","7~samplers-0",null]`) {
		t.Errorf("event 0: %s", text)
	}
	phone := ids["phone"].(string)
	if len(phone) != len("139-1234 5678") || phone[:5] != "139-1" || phone[8] != ' ' || phone == "139-1234 5678" {
		t.Errorf("the phone became %q", phone)
	}
	if _, again, later := render("samplers", 2); later["phone"] == ids["phone"] || again == key {
		t.Errorf("the next round has phone %v, key %s", later["phone"], again)
	}
	if _, other, others := render("samplert", 0); others["phone"] == ids["phone"] || other != key {
		t.Errorf("another run has phone %v, key %s", others["phone"], other)
	}
	if text, _, _ = render("samplers", 3); !strings.HasSuffix(text, `,"identifiers":{"email":"a~samplers-1@b.example","openid@wx":"null"},"event":"seen"}`) {
		t.Errorf("event 3: %s", text)
	}
	if _, err := NewSample("samplers", begin, nil, usable); err == nil {
		t.Error("an empty sample was taken")
	}
}
