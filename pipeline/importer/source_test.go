package importer

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"portrait/schemas"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// transcript writes all that a source gives, and checks that the router's decoder takes each event.
func transcript(t *testing.T, s *Source) string {
	t.Helper()
	var b strings.Builder
	for {
		ev, bad, err := s.Next()
		switch {
		case errors.Is(err, io.EOF):
			return b.String()
		case err != nil:
			t.Fatal(err)
		case bad != nil:
			fmt.Fprintf(&b, "%v\n", bad)
			if ev.Value != nil || ev.Line != bad.Line {
				t.Errorf("bad line %d comes with %+v", bad.Line, ev)
			}
		default:
			fmt.Fprintf(&b, "line %d at %d: %s\n", ev.Line, ev.Time, ev.Value)
			for _, item := range schemas.DecodeEvents(ev.Value) {
				if item.Err != nil {
					t.Errorf("line %d: the router would reject it: %v", ev.Line, item.Err)
				}
			}
		}
	}
}

func TestTranscript(t *testing.T) {
	text, err := os.ReadFile("testdata/everything.mapping.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMapping(text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open("testdata/everything.csv", m)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := transcript(t, s)
	const golden = "testdata/everything.events"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\nwant (-update writes it anew)\n%s", got, want)
	}
}

func source(t *testing.T, in, mapping string) *Source {
	t.Helper()
	var m *Mapping
	if mapping != "" {
		var err error
		if m, err = ParseMapping([]byte(mapping)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(strings.NewReader(in), "test", int64(len(in)), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConvert(t *testing.T) {
	const at = `,"time":1323435000000,"identifiers":{"customer_id":["1"]},"properties":{}}`
	cases := []struct{ name, mapping, in, want string }{
		{"byte order mark", base, "\xef\xbb\xbfid,at\n1,2011-12-09T12:50:00Z\n", `line 2 at 1323435000000: {"event":"visited"` + at},
		{"zone in the time", base, "at,id\n2011-12-09T20:50:00.000+08:00,1\n", `line 2 at 1323435000000: {"event":"visited"` + at},
		{"event by column", strings.Replace(base, "visited", "{column: what}", 1), "what,id,at\nseen,1,2011-12-09T12:50:00Z\n,1,2011-12-09T12:50:00Z\n",
			`line 2 at 1323435000000: {"event":"seen"` + at + "\nline 3: column what: empty, and it names the event"},
		{"seconds", strings.Replace(base, "column: at", "column: at, layout: epoch_seconds", 1), "id,at\n1,1323435000\n1,1e9\n1,-999999999999999\n",
			`line 2 at 1323435000000: {"event":"visited"` + at + "\nline 3: column at: not an epoch in whole seconds\nline 4: column at: not an epoch in whole seconds"},
		{"milliseconds called seconds", strings.Replace(base, "column: at", "column: at, layout: epoch_seconds", 1), "id,at\n1,1323435000000\n1,999999999999999\n",
			"line 2: column at: after the year 9999 in seconds; of milliseconds the mapping says layout: epoch_milliseconds\n" +
				"line 3: column at: after the year 9999 in seconds; of milliseconds the mapping says layout: epoch_milliseconds"},
		{"milliseconds", strings.Replace(base, "column: at", "column: at, layout: epoch_milliseconds", 1), "id,at\n1,1323435000000\n1,\n",
			`line 2 at 1323435000000: {"event":"visited"` + at + "\nline 3: column at: not an epoch in whole milliseconds"},
		{"seconds called milliseconds", strings.Replace(base, "column: at", "column: at, layout: epoch_milliseconds", 1), "id,at\n1,1323435000\n1,1323435000000000\n",
			"line 2: column at: looks like seconds; then the mapping says layout: epoch_seconds\nline 3: column at: not an epoch in whole milliseconds"},
		{"bad UTF-8", base, "id,at\n\xff,2011-12-09T12:50:00Z\n", "line 2: column id: not UTF-8"},
		{"constant channel", base + "channel: web\n", "id,at\n1,2011-12-09T12:50:00Z\n",
			`line 2 at 1323435000000: {"event":"visited","time":1323435000000,"channel":"web","identifiers":{"customer_id":["1"]},"properties":{}}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := transcript(t, source(t, c.in, c.mapping)); got != c.want+"\n" {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// TestYoungEpoch: a time of 1970 to 1973 as a number would be taken for one in seconds; it comes through all the same.
func TestYoungEpoch(t *testing.T) {
	s := source(t, "id,at\n1,1971-01-01T00:00:00.250Z\n", base)
	ev, bad, err := s.Next()
	if bad != nil || err != nil {
		t.Fatal(bad, err)
	}
	if it := schemas.DecodeEvents(ev.Value)[0]; it.Err != nil || it.Event.TimeMS != 31536000250 || ev.Time != it.Event.TimeMS {
		t.Errorf("%s is %+v, %v", ev.Value, it.Event, it.Err)
	}
}

// TestHash: equal fields, equal id, whatever the quoting; a moved field border is another line.
func TestHash(t *testing.T) {
	mapping := base + "event_id: hash\n"
	in := "id,at,x\n" +
		"1,2011-12-09T12:50:00Z,ab\n" + `"1","2011-12-09T12:50:00Z","ab"` + "\n" +
		"1a,2011-12-09T12:50:00Z,b\n" + "1,2011-12-09T12:50:00Z,ab \n"
	s := source(t, in, mapping)
	var ids []string
	for range 4 {
		ev, bad, err := s.Next()
		if bad != nil || err != nil {
			t.Fatal(bad, err)
		}
		ids = append(ids, schemas.DecodeEvents(ev.Value)[0].Event.ID)
	}
	if ids[0] != ids[1] || ids[0] == ids[2] || ids[0] == ids[3] || len(ids[0]) != 32 {
		t.Errorf("ids %q", ids)
	}
}

func TestJSONL(t *testing.T) {
	in := `{"event":"a","time":"2011-12-09T12:50:00Z","more":1}` + "\n" +
		`[{"event":"a","time":5},{"event":"b","time":7},{"event":"c"}]` + "\n" +
		`  {"event":"a","time":"noon"}  ` + "\n" +
		"{\"event\":\"a\"\n" + "nonsense\n" + "[1,2]\n" + "{\"a\":1,\"a\":2}\n" + "{\"a\":\"\xff\"}\n" + "{} {}\n" + "7\n" + "{}\n" +
		`[{"event":"a","time":1772359200},{"event":"a","time":1772359200000000000}]`
	const want = `line 1 at 1323435000000: {"event":"a","time":"2011-12-09T12:50:00Z","more":1}
line 2 at 7: [{"event":"a","time":5},{"event":"b","time":7},{"event":"c"}]
line 3 at 0:   {"event":"a","time":"noon"}  
line 4: not valid JSON at byte 12: unexpected EOF
line 5: neither a JSON object (one event) nor an array of them
line 6: neither a JSON object (one event) nor an array of them
line 7: not valid JSON at byte 7: duplicate object member name
line 8: not valid JSON at byte 6: invalid UTF-8
line 9: not valid JSON at byte 3: invalid character '{' after top-level value
line 10: neither a JSON object (one event) nor an array of them
line 11 at 0: {}
line 12 at 0: [{"event":"a","time":1772359200},{"event":"a","time":1772359200000000000}]
`
	s := source(t, in, "")
	var b strings.Builder
	for {
		ev, bad, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if bad != nil {
			fmt.Fprintf(&b, "%v\n", bad)
		} else {
			fmt.Fprintf(&b, "line %d at %d: %s\n", ev.Line, ev.Time, ev.Value)
		}
	}
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

// TestReasonsTellNothing: what stands in a bad line is nobody's business, it may be a phone number.
func TestReasonsTellNothing(t *testing.T) {
	const secret = "13800138000"
	everything := base + "properties:\n  n: {column: n, type: integer}\n  m: {multiply: [n, id]}\n"
	in := "id,at,n\n" + secret + "," + secret + ",1\n" + "1,2011-12-09T12:50:00Z," + secret + "x\n" + "\"" + secret + "\n" +
		secret + "\n" + "1,2011-12-09T12:50:00Z," + secret + ".5\n" + "x" + secret + ",2011-12-09T12:50:00Z,1\n"
	got := transcript(t, source(t, in, everything))
	if strings.Count(got, "\n") != 6 || strings.Contains(got, secret) {
		t.Error(got)
	}
	jsonl := transcript(t, source(t, `{"`+secret+`":1,"`+secret+`":2}`+"\n"+`{"a":`+secret+"x}\n", ""))
	if strings.Count(jsonl, "\n") != 2 || strings.Contains(jsonl, secret) {
		t.Error(jsonl)
	}
}

func TestCompressed(t *testing.T) {
	plain := strings.Repeat(`{"event":"a","time":1}`+"\n", 5000)
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{g, z} {
		if _, err := io.WriteString(w, plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := transcript(t, source(t, plain, ""))
	for name, content := range map[string][]byte{"a.jsonl": []byte(plain), "a.jsonl.gz": gz.Bytes(), "a.jsonl.zst": zst.Bytes()} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := transcript(t, s); got != want {
				t.Error("other events than from the plain file")
			}
			if read, total := s.Progress(); read != total || total != int64(len(content)) {
				t.Errorf("progress %d of %d, want all of %d", read, total, len(content))
			}
			if name == "a.jsonl" {
				return
			}
			cut, err := New(bytes.NewReader(content[:len(content)-9]), "cut", 0, nil)
			for err == nil {
				_, _, err = cut.Next()
			}
			if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "input cut") {
				t.Errorf("a truncated file ends with %v", err)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	m, err := ParseMapping([]byte(base))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Open(dir, nil); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
	cases := []struct{ name, in, want string }{
		{"empty", "", "input f: it is empty"},
		{"column missing", "id,when\n", `input f: mapping: line 4, column 16: the file has no column "at"; it has id, when`},
		{"column twice", "id,at,id\n", `the file has more than one column "id"`},
		{"header", "id,\"at\n1,2\n", "input f: header: a quoted field is never closed"},
	}
	for _, c := range cases {
		if _, err := New(strings.NewReader(c.in), "f", 0, m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	broken := errors.New("disk on fire")
	if _, err := New(iotest.ErrReader(broken), "f", 0, nil); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
}
