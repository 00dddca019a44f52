package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"portrait/pipeline/kafka"
	"portrait/schemas"
)

// lineWriter hands over each line written; nobody listening any more does not block it.
type lineWriter struct {
	ctx   context.Context
	lines chan string
}

func (w *lineWriter) Write(b []byte) (int, error) {
	for _, line := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		select {
		case w.lines <- line:
		case <-w.ctx.Done():
		}
	}
	return len(b), nil
}

// tailing is a `portrait tags tail` under way.
type tailing struct {
	lines  chan string
	cancel func()
	ended  chan error
}

func (d *deployment) tail(t *testing.T, args ...string) *tailing {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &tailing{lines: make(chan string), cancel: cancel, ended: make(chan error, 1)}
	c := root()
	c.SetArgs(append([]string{"tags", "tail", "--data", d.dir}, args...))
	c.SetOut(&lineWriter{ctx, f.lines})
	go func() { f.ended <- c.ExecuteContext(ctx) }()
	t.Cleanup(cancel)
	return f
}

// until reads lines until each of want was in one, and returns them.
func (f *tailing) until(t *testing.T, want ...string) (lines []string) {
	t.Helper()
	missing := map[string]bool{}
	for _, w := range want {
		missing[w] = true
	}
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	for len(missing) > 0 {
		select {
		case line := <-f.lines:
			lines = append(lines, line)
			for w := range missing {
				if strings.Contains(line, w) {
					delete(missing, w)
				}
			}
		case err := <-f.ended:
			t.Fatalf("ended before %v: %v", missing, err)
		case <-limit.C:
			t.Fatalf("nothing of %v in %q", missing, lines)
		}
	}
	return lines
}

func testTagsTail(t *testing.T, d *deployment) {
	t.Run("everything, then what comes", func(t *testing.T) {
		f := d.tail(t, "--from-beginning")
		f.until(t, "entered  buyer true", "lifecycle potential")
		d.send(t, fmt.Sprintf(`{"event":"order_paid","time":%d,"identifiers":{"device_id":"d4"}}`, time.Now().UnixMilli()))
		f.until(t, "lifecycle customer")
		f.cancel()
		if err := <-f.ended; err != nil {
			t.Errorf("interrupted: %v", err)
		}
	})
	t.Run("one tag as JSON", func(t *testing.T) {
		f := d.tail(t, "--from-beginning", "--json", "--tag", "buyer")
		for _, line := range f.until(t, `"entered"`) {
			var c schemas.TagChange
			if err := json.Unmarshal([]byte(line), &c); err != nil || c.Tag != "buyer" {
				t.Errorf("%s: %v", line, err)
			}
		}
	})
	t.Run("one profile", func(t *testing.T) {
		out, err := d.ask(t, "profile", "device_id:d2")
		if err != nil {
			t.Fatal(err)
		}
		var doc schemas.ProfileDoc
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		f := d.tail(t, "--from-beginning", "--profile", strings.ToUpper(doc.ProfileID))
		for _, line := range f.until(t, "potential") {
			mustContain(t, "line", line, doc.ProfileID)
		}
	})
	_, err := d.ask(t, "tags", "tail", "--profile", "device_id:d2")
	mustFail(t, err, 1, "no profile's id")
}

// TestTailDropsRepeats: what comes twice, or late, is printed once.
func TestTailDropsRepeats(t *testing.T) {
	change := func(profile string, epoch int, version uint64) kafka.Record {
		b, err := json.Marshal(schemas.TagChange{ProfileID: profile, Tag: "t", Change: schemas.Entered, Value: true, Epoch: epoch, Version: version})
		if err != nil {
			t.Fatal(err)
		}
		return kafka.Record{Key: []byte(profile), Value: b, Headers: []kafka.Header{{Key: "tag", Value: []byte("t")}}}
	}
	var out bytes.Buffer
	f := &tail{out: &out, latest: newLatest(10), tailOptions: tailOptions{json: true}}
	for _, r := range []kafka.Record{
		change("a", 1, 5), change("a", 1, 5), change("a", 1, 4), change("b", 1, 4), change("a", 1, 7),
		change("a", 2, 1), change("a", 1, 9), change("b", 1, 4), change("a", 2, 2),
	} {
		if err := f.record(&r); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var c schemas.TagChange
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %d.%d", c.ProfileID, c.Epoch, c.Version))
	}
	if want := "a 1.5, b 1.4, a 1.7, a 2.1, a 2.2"; strings.Join(got, ", ") != want {
		t.Errorf("kept %s, want %s", strings.Join(got, ", "), want)
	}
}

// TestLatestIsBounded: the profiles seen last are remembered, and at most twice as many as said.
func TestLatestIsBounded(t *testing.T) {
	l := newLatest(100)
	for i := range 1000 {
		profile := fmt.Sprint(i)
		if !l.isNew(profile, 1, 1) || l.isNew(profile, 1, 1) {
			t.Fatalf("profile %d", i)
		}
		if n := len(l.younger) + len(l.old); n > 200 {
			t.Fatalf("%d profiles remembered", n)
		}
	}
	for i := 901; i < 1000; i++ {
		if l.isNew(fmt.Sprint(i), 1, 1) {
			t.Errorf("profile %d is forgotten already", i)
		}
	}
}

func TestChangeLine(t *testing.T) {
	for name, c := range map[string]struct {
		change schemas.TagChange
		want   string
	}{
		"entered": {schemas.TagChange{Change: schemas.Entered, Tag: "buyer", Value: true, Previous: false}, "entered  buyer true"},
		"left":    {schemas.TagChange{Change: schemas.Left, Tag: "stage", Previous: "new"}, "left     stage new → -"},
		"changed": {schemas.TagChange{Change: schemas.Changed, Tag: "stage", Value: "old", Previous: "new"}, "changed  stage new → old"},
		"merged":  {schemas.TagChange{Change: schemas.Merged, Winner: "w"}, "merged   into w"},
	} {
		t.Run(name, func(t *testing.T) { mustContain(t, "line", changeLine(&c.change), c.want) })
	}
}
