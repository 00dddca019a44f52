package schemas_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"portrait/schemas"
)

// badInput is a row of testdata/bad-input.md, which the README shows.
type badInput struct {
	name    string
	value   []byte
	results []string // per item: "accepted", "rejected reason", "repaired rule"
}

func readBadInput(t *testing.T) []badInput {
	t.Helper()
	text, err := os.ReadFile("testdata/bad-input.md")
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer(
		"⟨nothing⟩", "", "⟨byte ff⟩", "\xff", "⟨byte order mark⟩", "\ufeff", "⟨129 bytes⟩", strings.Repeat("x", 129), "⟨257 bytes⟩", strings.Repeat("x", 257),
		"⟨300 bytes⟩", strings.Repeat("xy", 150), "⟨2 MB⟩", strings.Repeat("x", 2<<20),
		"⟨40 deep⟩", strings.Repeat("[", 40)+strings.Repeat("]", 40),
		"⟨10,000 properties⟩", list(10_000, `"p%d":1`), "⟨65 values⟩", list(65, `"d%d"`),
		"⟨10,001 events⟩", list(10_001, `{"event":"login","identifiers":{"device_id":"d%d"}}`),
	)
	var rows []badInput
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) < 3 {
			t.Fatalf("row %q has %d cells", line, len(cells))
		}
		row := badInput{name: cells[0], value: []byte(fill.Replace(strings.Trim(cells[1], "`")))}
		for _, r := range strings.Split(cells[2], ";") {
			row.results = append(row.results, strings.Trim(strings.ReplaceAll(r, "`", ""), " |"))
		}
		rows = append(rows, row)
	}
	return rows
}

func list(n int, format string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(parts, ",")
}

// TestBadInputDecodes runs the README's table as far as decoding goes; pipeline/router runs all of it.
func TestBadInputDecodes(t *testing.T) {
	rows := readBadInput(t)
	if len(rows) < 40 {
		t.Fatalf("%d rows; the table was not read", len(rows))
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			items := schemas.DecodeEvents(row.value)
			if len(items) != len(row.results) {
				t.Fatalf("%d items, the table has %d", len(items), len(row.results))
			}
			for i, it := range items {
				want := ""
				if r, ok := strings.CutPrefix(row.results[i], "rejected "); ok && r != string(schemas.ReasonNoIdentifier) {
					want = r
				}
				got := ""
				if it.Err != nil {
					got = string(it.Err.Reason)
				}
				if got != want {
					t.Errorf("item %d: %q, the table says %q (%v)", i, got, want, it.Err)
				}
				if it.Index != i || (it.Event == nil) == (it.Err == nil) {
					t.Errorf("item %d: index %d, event %v, error %v", i, it.Index, it.Event, it.Err)
				}
			}
		})
	}
}

func TestDecodeEvent(t *testing.T) {
	base := schemas.RawEvent{Name: "a"}
	cases := []struct {
		name, value string
		want        func(ev *schemas.RawEvent)
	}{
		{"least", `{"event":"a"}`, func(*schemas.RawEvent) {}},
		{"white space around", " \r\n\t{ \"event\" : \"a\" }\n", func(*schemas.RawEvent) {}},
		{"null is absent", `{"event":"a","event_id":null,"time":null,"channel":null,"identifiers":null,"properties":null}`, func(*schemas.RawEvent) {}},
		{"id and channel", `{"event":"a","event_id":"e1","channel":"mini_program"}`, func(ev *schemas.RawEvent) { ev.ID, ev.Channel = "e1", "mini_program" }},
		{"id as an integer", `{"event":"a","event_id":12345678901234567890}`, func(ev *schemas.RawEvent) { ev.ID = "12345678901234567890" }},
		{"time in ms", `{"event":"a","time":1772359200123}`, func(ev *schemas.RawEvent) { ev.TimeMS, ev.HasTime = 1772359200123, true }},
		{"time in text", `{"event":"a","time":"2026-03-01T18:00:00.1239+08:00"}`, func(ev *schemas.RawEvent) { ev.TimeMS, ev.HasTime = 1772359200123, true }},
		{"time zero", `{"event":"a","time":"1970-01-01T00:00:00Z"}`, func(ev *schemas.RawEvent) { ev.HasTime = true }},
		{"identifiers", `{"event":"a","identifiers":{"customer_id":7,"phone":["1",2,null],"openid@wx1":"o","unionid":null}}`, func(ev *schemas.RawEvent) {
			ev.Identifiers = []schemas.RawIdentifier{{Type: "customer_id", Value: "7"}, {Type: "phone", Value: "1"}, {Type: "phone", Value: "2"}, {Type: "openid@wx1", Value: "o"}}
		}},
		{"kinds of properties", `{"event":"a","properties":{"n":null,"b":false,"i":1.50,"big":123456789012345678901234567890,"e":-1E-7,"s":"x","l":[1, "2"],"o":{"k":{}}}}`, func(ev *schemas.RawEvent) {
			ev.Props = []schemas.RawProp{{Key: "n"}, {Key: "b", Kind: schemas.RawBool, Text: "false"}, {Key: "i", Kind: schemas.RawNumber, Text: "1.50"},
				{Key: "big", Kind: schemas.RawNumber, Text: "123456789012345678901234567890"}, {Key: "e", Kind: schemas.RawNumber, Text: "-1E-7"},
				{Key: "s", Kind: schemas.RawString, Text: "x"}, {Key: "l", Kind: schemas.RawJSON, Text: `[1, "2"]`}, {Key: "o", Kind: schemas.RawJSON, Text: `{"k":{}}`}}
		}},
		{"escapes", `{"\u0065vent":"a","properties":{"k\n":"\"\u4e2d\ud83d\ude00\/"}}`, func(ev *schemas.RawEvent) {
			ev.Props = []schemas.RawProp{{Key: "k\n", Kind: schemas.RawString, Text: "\"中😀/"}}
		}},
		{"unknown fields", `{"app":1,"event":"a","context":{"ip":"::1"}}`, func(ev *schemas.RawEvent) {
			ev.Props = []schemas.RawProp{{Key: "$app", Kind: schemas.RawNumber, Text: "1"}, {Key: "$context", Kind: schemas.RawJSON, Text: `{"ip":"::1"}`}}
		}},
		{"unknown field that clashes", `{"app":1,"event":"a","properties":{"$app":2,"$$app":3}}`, func(ev *schemas.RawEvent) {
			ev.Props = []schemas.RawProp{{Key: "$app", Kind: schemas.RawNumber, Text: "2"}, {Key: "$$app", Kind: schemas.RawNumber, Text: "3"}, {Key: "$$$app", Kind: schemas.RawNumber, Text: "1"}}
		}},
		{"nested as deep as allowed", `{"event":"a","properties":{"t":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}}`, func(ev *schemas.RawEvent) {
			ev.Props = []schemas.RawProp{{Key: "t", Kind: schemas.RawJSON, Text: strings.Repeat("[", 30) + strings.Repeat("]", 30)}}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := base
			c.want(&want)
			items := schemas.DecodeEvents([]byte(c.value))
			if len(items) != 1 || items[0].Err != nil {
				t.Fatalf("%+v, error %v", items, items[0].Err)
			}
			if !reflect.DeepEqual(*items[0].Event, want) {
				t.Errorf("got  %+v\nwant %+v", *items[0].Event, want)
			}
		})
	}
}

// TestLimitsFit sees that what is just within a limit passes; the table has what is just beyond.
func TestLimitsFit(t *testing.T) {
	cases := []struct{ name, value string }{
		{"name", `{"event":"` + strings.Repeat("x", schemas.MaxNameBytes) + `"}`},
		{"channel", `{"event":"a","channel":"` + strings.Repeat("x", schemas.MaxChannelBytes) + `"}`},
		{"event id", `{"event":"a","event_id":"` + strings.Repeat("x", schemas.MaxEventIDBytes) + `"}`},
		{"properties", `{"event":"a","properties":{` + list(schemas.MaxProps-1, `"p%d":1`) + `},"unknown":1}`},
		{"identifiers", `{"event":"a","identifiers":{"x":[` + list(schemas.MaxIdentifiers, `%d`) + `]}}`},
		{"bytes", `{"event":"a","properties":{"p":"` + strings.Repeat("x", schemas.MaxEventBytes-35) + `"}}`},
		{"last time", fmt.Sprintf(`{"event":"a","time":%d}`, int64(schemas.MaxEventTime))},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if it := schemas.DecodeEvents([]byte(c.value))[0]; it.Err != nil {
				t.Error(it.Err)
			}
		})
	}
	t.Run("events", func(t *testing.T) {
		value := "[" + list(schemas.MaxEventsPerRecord, `{"event":"e%d"}`) + "]"
		items := schemas.DecodeEvents([]byte(value))
		if len(items) != schemas.MaxEventsPerRecord || items[len(items)-1].Event.Name != "e9999" || items[0].Event.Name != "e0" {
			t.Errorf("%d items", len(items))
		}
	})
}

// TestReasons has what the table is too short for: which reason wins, and the first byte beyond a limit.
func TestReasons(t *testing.T) {
	cases := []struct {
		name, value string
		want        schemas.Reason
	}{
		{"one byte too many", `{"event":"a","properties":{"p":"` + strings.Repeat("x", schemas.MaxEventBytes-34) + `"}}`, schemas.ReasonEventTooLarge},
		{"one property too many", `{"event":"a","properties":{` + list(schemas.MaxProps, `"p%d":1`) + `},"unknown":1}`, schemas.ReasonTooManyProperties},
		{"deeper than the parser goes", `{"event":"a","properties":{"p":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}}`, schemas.ReasonTooDeep},
		{"an array deeper than the parser goes", strings.Repeat("[", 20_000), schemas.ReasonTooDeep},
		{"an unknown field too deep", `{"event":"a","x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, schemas.ReasonTooDeep},
		{"bad UTF-8 before a syntax error", "{\"event\":\"\xff\"} x", schemas.ReasonInvalidUTF8},
		{"bad UTF-8 before another syntax error", "{\"event\":\"\xff\",}", schemas.ReasonInvalidUTF8},
		{"a syntax error before bad UTF-8", "{\"event\":,\"\xff\"}", schemas.ReasonNotJSON},
		{"bad UTF-8 in a name", "{\"\xff\":1}", schemas.ReasonInvalidUTF8},
		{"brackets in text are not depth", `{"event":"a" "` + strings.Repeat(`[\"{`, 50) + `"}`, schemas.ReasonNotJSON},
		{"a name twice, once escaped", `{"event":"a","\u0065vent":"a"}`, schemas.ReasonDuplicateKey},
		{"a name twice, deep inside", `{"event":"a","properties":{"o":[{"k":1,"k":1}]}}`, schemas.ReasonDuplicateKey},
		{"a minus is no integer", `{"event":"a","event_id":-}`, schemas.ReasonNotJSON},
		{"milliseconds with a fraction", `{"event":"a","time":1772359200000.5}`, schemas.ReasonBadTime},
		{"a time that is true", `{"event":"a","time":true}`, schemas.ReasonWrongShape},
		{"a name of white space", `{"event":" \t"}`, schemas.ReasonEmptyName},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			items := schemas.DecodeEvents([]byte(c.value))
			if len(items) != 1 || items[0].Err == nil || items[0].Err.Reason != c.want {
				t.Errorf("%d items, %v; want %s", len(items), items[0].Err, c.want)
			}
		})
	}
}

// TestTimeInSeconds: the detail is what a producer reads in ClickHouse, so it has the remedy.
func TestTimeInSeconds(t *testing.T) {
	it := schemas.DecodeEvents([]byte(`{"event":"a","time":1772359200}`))[0]
	if it.Err == nil || it.Err.Detail != "time, at byte 30: looks like seconds; send milliseconds, or RFC 3339 text" {
		t.Errorf("%+v, %v", it.Event, it.Err)
	}
}

// TestDetailsHoldNoContent plants a number where errors are made and looks for it in what they say.
func TestDetailsHoldNoContent(t *testing.T) {
	const secret = "13912345670"
	for _, value := range []string{
		`{"event":"a","` + secret + `":1,"` + secret + `":2}`,
		`{"event":"a","identifiers":{"` + secret + `":{"x":1}}}`,
		`{"event":"a","time":"` + secret + `"}`,
		`{"event":"a","time":-` + secret + `}`,
		`{"event":"a","time":` + secret + `}`,
		`{"event":"a","properties":"` + secret + `"}`,
		`{"event":"a","properties":{"` + secret + "\xff" + `":1}}`,
		`{"event":"a","properties":{"` + secret + `":` + secret + `x}}`,
		secret, secret + "x", `"` + secret + `"`,
	} {
		it := schemas.DecodeEvents([]byte(value))[0]
		if it.Err == nil {
			t.Errorf("%s: accepted", value)
		} else if strings.Contains(it.Err.Error(), secret) {
			t.Errorf("%s: the error shows content: %v", value, it.Err)
		}
	}
}

func TestDecodeKeepsNothingBetweenRecords(t *testing.T) {
	d := schemas.NewEventDecoder()
	values := []string{
		`{"event":"a","event_id":"1","time":5,"channel":"c","identifiers":{"x":"1"},"properties":{"p":1},"unknown":1}`,
		`{"event":"b"`, `[{"event":"b","x":1},{"event":""}]`, `{"event":"b"}`,
	}
	for range 2 {
		for _, v := range values {
			want := schemas.DecodeEvents([]byte(v))
			k := 0
			d.Each([]byte(v), func(it schemas.Item) {
				w := want[k]
				k++
				if fmt.Sprint(it.Err) != fmt.Sprint(w.Err) || it.Event != nil && fmt.Sprint(*it.Event) != fmt.Sprint(*w.Event) {
					t.Errorf("%s: got %v %v, want %v %v", v, it.Event, it.Err, w.Event, w.Err)
				}
			})
		}
	}
}
