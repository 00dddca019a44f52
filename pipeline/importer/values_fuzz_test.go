package importer

import (
	"math/big"
	"strings"
	"testing"
)

// FuzzNumber compares with exact arithmetic on the same text.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"1", "-12.50", ".5", "+3", "1.", ".", "1,234", strings.Repeat("9", 61), "00.00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseNumber([]byte(s))
		if err != nil {
			if err.Error() == "" || n != nil {
				t.Fatalf("refused without a reason: %v", n)
			}
			return
		}
		want, ok := new(big.Rat).SetString(strings.TrimPrefix(s, "+"))
		if !ok {
			t.Fatalf("%q is no number to math/big", s)
		}
		got, ok := new(big.Rat).SetString(string(n.appendJSON(nil)))
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%q became %s", s, n.appendJSON(nil))
		}
	})
}

// FuzzJSONL: a line is an event with a time, or it is refused with a reason that does not quote it.
func FuzzJSONL(f *testing.F) {
	for _, s := range []string{`{"event":"a","time":5}`, `[{"time":"2011-12-09T12:50:00Z"},{}]`, `{"time":{}}`, "", "[", `{"a":"secret`, `[1]`, " {} "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		s, err := New(strings.NewReader(line), "fuzz", 0, nil)
		if err != nil {
			return
		}
		for range 10 {
			ev, bad, err := s.Next()
			if err != nil {
				return
			}
			if bad != nil && bad.Error() == "" || bad == nil && len(ev.Value) == 0 {
				t.Fatalf("event %+v, refused %v", ev, bad)
			}
		}
	})
}
