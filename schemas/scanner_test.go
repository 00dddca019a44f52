package schemas

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// readBy reads one event with the scanner alone, and with jsontext alone.
func readBy(b []byte) (scanned, read *RawEvent) {
	d := NewEventDecoder()
	d.text = string(b)
	if d.plain(d.text) {
		scanned = copyEvent(&d.ev)
	}
	d.reset(b)
	if ev, err := d.event(b); err == nil {
		read = copyEvent(ev)
	}
	return scanned, read
}

func copyEvent(ev *RawEvent) *RawEvent {
	c := *ev
	c.Identifiers, c.Props = slices.Clone(ev.Identifiers), slices.Clone(ev.Props)
	return &c
}

// FuzzScanner holds the scanner against jsontext: what it accepts is the same event there.
func FuzzScanner(f *testing.F) {
	for _, s := range []string{
		`{"event":"a","event_id":"1","time":5,"channel":"c","identifiers":{"x":["1",2,null],"y":3},"properties":{"p":1.50e+3,"o":{"k":[1,{}]}},"u":"中"}`,
		`{"event":"a","time":1772359200}`, `{"event":"a","time":99999999999}`, `{"event":"a","time":100000000000}`, `{"event":"a","time":"1971-01-01T00:00:00Z"}`,
		`{"event":"a\n\"","t":true,"f":false,"n":null}`, ` { "event" : "a" , "x" : [ ] } `, `{"event":"a",}`, `{"event":"a"} x`, `{"event":"a" "b":1}`, `{"event":"a","x":[1,]}`,
		`{"event":"a","x":[,1]}`, `{"event":"a","x":{"y"}}`, `{"event":"a","x":{"y":1,"y":2}}`, `{"event":"a","event":"b"}`, `{"event":"a","x":01}`, `{"event":"a","x":-}`,
		`{"event":"a","x":1.}`, `{"event":"a","x":1e}`, `{"event":"a","x":truex}`, `{"event":"a","x":[}`, `{"event":"a","x":{]}`, "{\"event\":\"\xff\"}", `{"event":"a","x":"\u00e9"}`,
		`{"event":"a","x\n":1}`, `{"event"`, `{`, `{}`, `{"event":"a"}}`, `{"event":"a",1:2}`, `{"event":"a","x"::1}`, `{,"event":"a"}`, `{"event":"a","x":"` + "\x01" + `"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if b = trimSpace(b); len(b) == 0 || b[0] != '{' || len(b) > MaxEventBytes {
			return
		}
		scanned, read := readBy(b)
		if scanned != nil && !reflect.DeepEqual(scanned, read) {
			t.Fatalf("%q\nscanner  %+v\njsontext %+v", b, scanned, read)
		}
	})
}

// TestScannerReadsWhatIsUsual: falling back for every event would be right, and slow.
func TestScannerReadsWhatIsUsual(t *testing.T) {
	for _, s := range []string{
		`{"event_id":"0192f0c1","event":"order_paid","time":"2026-03-01T00:00:00Z","identifiers":{"phone":"13912345670","openid@wxapp1":["a","b"]},"properties":{"amount":328.50,"name":"面霜","list":[1,2,{"a":"b\n"}]}}`,
		"{\n  \"event\" : \"a\" , \"identifiers\" : { \"x\" : 1 } ,\t\"properties\" : { } }",
		`{"event":"a","n":null,"t":true,"f":false,"e":-1.5e-3}`, `{"event":"\u4e2d\ud83d\ude00","a\/b":"\"\\","properties":{"\u9762\u971c":"\u9762"}}`,
	} {
		if scanned, read := readBy([]byte(s)); scanned == nil || !reflect.DeepEqual(scanned, read) {
			t.Errorf("%s\nscanner  %+v\njsontext %+v", s, scanned, read)
		}
	}
}

// TestScannerLeavesTheRare names what jsontext decides.
func TestScannerLeavesTheRare(t *testing.T) {
	many := `{"event":"a"`
	for i := range scanNames {
		many += fmt.Sprintf(`,"x%d":1`, i)
	}
	for _, s := range []string{many + "}"} {
		if scanned, read := readBy([]byte(s)); scanned != nil || read == nil {
			t.Errorf("%s\nscanner  %+v\njsontext %+v", s, scanned, read)
		}
	}
}
