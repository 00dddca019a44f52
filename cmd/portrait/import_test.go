package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"portrait/sinks/clickhouse"
)

// writer returns a function that writes a file of a directory and says where it is.
func writer(t *testing.T, dir string) func(name, text string) (path string) {
	return func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// Files of history become a deployment of its own: good lines are stored, a bad one is named and left out.
func TestImportFresh(t *testing.T) {
	needEngine(t)
	const mapping = `event: order_paid
event_id: hash
channel: web
identifiers:
  - {type: customer_id, column: customer}
time: {column: at, layout: "2006-01-02 15:04:05", zone: Asia/Shanghai}
properties:
  amount: {multiply: [quantity, price]}
`
	for _, c := range []struct {
		name, file, content, mapping string
		line                         int      // the bad one
		want                         []string // event, time in UTC, amount
		tag                          string   // of the last customer at the end of time
	}{
		{name: "JSONL", file: "events.jsonl", line: 2, content: `{"event_id":"a","event":"order_paid","time":"2020-03-01T10:00:00Z","identifiers":{"customer_id":"c1"},"properties":{"amount":19.99}}
{"event_id":"b","event":"order_paid","time":"2020-03-01T11:00:00Z",
{"event_id":"c","event":"page_viewed","time":"2020-03-02T10:00:00Z","identifiers":{"customer_id":"c1"}}
{"event_id":"d","event":"order_paid","time":"2020-03-03T10:00:00Z","identifiers":{"customer_id":"c1"},"properties":{"amount":5}}
`, want: []string{"order_paid 2020-03-01 10:00:00.000 19.99", "page_viewed 2020-03-02 10:00:00.000 ", "order_paid 2020-03-03 10:00:00.000 5"}, tag: "repeat"},
		{name: "CSV", file: "orders.csv", mapping: mapping, line: 3, content: `customer,at,quantity,price
c1,2020-03-01 18:00:00,3,0.10
c1,yesterday,1,1.00
c1,2020-03-02 18:00:00,2,2.55
`, want: []string{"order_paid 2020-03-01 10:00:00.000 0.3", "order_paid 2020-03-02 10:00:00.000 5.1"}, tag: "repeat"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write := writer(t, dir)
			data := filepath.Join(dir, "data")
			arguments := []string{"import", "--data", data, "--new", "--clock", "event"}
			if c.mapping != "" {
				arguments = append(arguments, "--map", write("mapping.yaml", c.mapping))
			}
			stdout, stderr := runPortrait(t, startLimit+time.Minute, append(arguments, write(c.file, c.content))...)
			if want := fmt.Sprintf("%d lines sent, 1 left out", len(c.want)); !strings.Contains(stdout, want) {
				t.Errorf("stdout %q, want %q", stdout, want)
			}
			if want := fmt.Sprintf("line %d", c.line); !strings.Contains(stderr, want) {
				t.Errorf("stderr does not name %s:\n%s", want, stderr)
			}
			if have := ask(t, data, "SELECT concat(event, ' ', toString(time), ' ', JSONExtractRaw(properties, 'amount')) FROM portrait.events ORDER BY time"); !slices.Equal(have, c.want) {
				t.Errorf("stored %q, want %q", have, c.want)
			}
			if have := ask(t, data, "SELECT JSONExtractString(tags, 'lifecycle') FROM portrait.profiles_now"); !slices.Equal(have, []string{c.tag}) {
				t.Errorf("lifecycle %q, want one profile that is %q", have, c.tag)
			}
		})
	}
}

// ask starts the ClickHouse of a data directory that nobody uses any more, and returns the first column of an answer.
func ask(t *testing.T, data, sql string) (column []string) {
	t.Helper()
	engine, err := clickhouse.StartEngine(t.Context(), clickhouse.EngineConfig{Dir: filepath.Join(data, "clickhouse"), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	conn, err := clickhouse.Connect(engine.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rows, err := clickhouse.Texts(t.Context(), conn, sql)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		column = append(column, row[0])
	}
	return column
}

// What is decided once comes from --config, and what became of every line is told, also of those that the router rejected.
func TestImportFreshWithConfiguration(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	write := writer(t, dir)
	// Both are the same day in Shanghai, and two days in Auckland.
	input := write("events.jsonl", `{"event_id":"a","event":"order_paid","time":"2020-03-01T10:00:00Z","identifiers":{"customer_id":"c1"}}
{"event_id":"b","event":"order_paid","time":"2020-03-01T12:00:00Z","identifiers":{"customer_id":"c1"}}
{"event_id":"b","event":"order_paid","time":"2020-03-01T12:00:00Z","identifiers":{"customer_id":"c1"}}
{"event_id":"c","event":"order_paid","time":"yesterday","identifiers":{"customer_id":"c1"}}
`)
	config := write("portrait.yaml", "catalog: "+write("catalogue.yaml", `name: days
features:
  active: {kind: distinct, event: "*", property: "@day", days: 7}
tags:
  regular: {when: "active >= 2"}
`)+"\ndeployment: {clock: event, time_zone: Pacific/Auckland, events_partitions: 1, inbox_partitions: 1}\n")
	data := filepath.Join(dir, "data")
	stdout, stderr := runPortrait(t, startLimit+time.Minute, "import", "--data", data, "--new", "--config", config, input)
	for _, want := range []string{"4 lines sent, 0 left out", "2 events, 1 duplicates, 1 rejected", "FROM rejections"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout %q, want %q\n%s", stdout, want, stderr)
		}
	}
	const sql = "SELECT concat(JSONExtractRaw(features, 'active'), ' ', tags, ' ', toString(source), ' ', toString(toDate(as_of))) FROM portrait.profiles_now"
	if have, want := ask(t, data, sql), []string{`2 {"regular":true} 0 2020-03-01`}; !slices.Equal(have, want) {
		t.Errorf("days, tags, inbox partition and date %q, want %q", have, want)
	}
}

// A configuration of a deployment that is not embedded is refused, not ignored.
func TestImportFreshRefusesOthersServers(t *testing.T) {
	for _, c := range []struct{ key, config string }{
		{"kafka.brokers", "kafka: {brokers: [\"127.0.0.1:1\"]}\n"},
		{"clickhouse.dsn", "clickhouse: {dsn: \"clickhouse://portrait@127.0.0.1:1/portrait\"}\n"},
		{"clickhouse.off", "clickhouse: {off: true}\n"},
	} {
		t.Run(c.key, func(t *testing.T) {
			dir := t.TempDir()
			config, input := filepath.Join(dir, "portrait.yaml"), filepath.Join(dir, "events.jsonl")
			for path, text := range map[string]string{config: c.config, input: "{}\n"} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := runImport(t.Context(), importOptions{data: filepath.Join(dir, "data"), config: config, fresh: true}, []string{input})
			if err == nil || !strings.Contains(err.Error(), config) || !strings.Contains(err.Error(), c.key) {
				t.Errorf("error %v, want one that names %s and %s", err, config, c.key)
			}
		})
	}
}

// A column that the input does not have is named with its place in the mapping file.
func TestImportNamesTheMapping(t *testing.T) {
	dir := t.TempDir()
	mapping, input := filepath.Join(dir, "orders.mapping.yaml"), filepath.Join(dir, "orders.csv")
	for path, text := range map[string]string{
		mapping: "event: order_paid\nidentifiers:\n  - {type: customer_id, column: whom}\ntime: {column: at}\n",
		input:   "who,at\nc1,2020-03-01T10:00:00Z\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := runImport(t.Context(), importOptions{mapping: mapping}, []string{input})
	for _, want := range []string{mapping + ": ", input, "line 3, column 33", `no column "whom"; it has who, at`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

// testImport: a running deployment is asked for its types before anything is sent.
func testImport(t *testing.T, d *deployment) {
	write := writer(t, t.TempDir())
	mapping := write("orders.mapping.yaml", "event: order_paid\nidentifiers:\n  - {type: customer, column: who}\ntime: {column: at}\n")
	_, err := d.ask(t, "import", "--map", mapping, write("orders.csv", "who,at\nc1,2020-03-01T10:00:00Z\n"))
	mustFail(t, err, 1, mapping+": line 3, column 6", `"customer"`, "use customer_id,")
}

// An identifier type that the deployment does not have would make every line one of nobody: nothing is made or sent.
func TestImportKnowsTheTypes(t *testing.T) {
	dir := t.TempDir()
	write := writer(t, dir)
	mapping := write("orders.mapping.yaml", "event: order_paid\nidentifiers:\n  - {type: customer, column: who}\ntime: {column: at}\n")
	input, data := write("orders.csv", "who,at\nc1,2020-03-01T10:00:00Z\n"), filepath.Join(dir, "data")
	err := runImport(t.Context(), importOptions{mapping: mapping, data: data, fresh: true}, []string{input})
	if want := mapping + `: line 3, column 6: the deployment has no identifier type "customer"; use customer_id,`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q in it", err, want)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a deployment was made")
	}
}

// A directory that holds something is not taken for a new one.
func TestImportRefusesAFullDirectory(t *testing.T) {
	dir := t.TempDir()
	input := filepath.Join(dir, "events.jsonl")
	if err := os.WriteFile(input, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := runImport(t.Context(), importOptions{data: dir, fresh: true, clock: "event", catalog: "private-domain"}, []string{input})
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("error %v", err)
	}
}

// A history that is interrupted says how far it came, and that its directory is of no use.
func TestImportInterrupted(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	var lines strings.Builder
	for day := range 10_000 { // a slice each: minutes
		fmt.Fprintf(&lines, `{"event":"login","time":%d,"identifiers":{"device_id":"d1"}}`+"\n", (int64(day)+1)*24*time.Hour.Milliseconds())
	}
	input, data := writer(t, dir)("events.jsonl", lines.String()), filepath.Join(dir, "data")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for pause(ctx, 20*time.Millisecond) == nil {
			if _, err := findRunning(data); err == nil {
				_ = pause(ctx, time.Second) // ended early: cancelled anyway
				return
			}
		}
	}()
	err := runImport(ctx, importOptions{data: data, fresh: true, clock: "event", slice: defaultSlice}, []string{input})
	mustFail(t, err, 1, "import: interrupted when events were taken up to line ", " of "+input, "what is in "+data+" is incomplete: delete it and begin again")
	if errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "cancel") {
		t.Errorf("%v speaks of what a reader does not know", err)
	}
}

// TestImportReached: the other moments at which a signal can come.
func TestImportReached(t *testing.T) {
	for _, c := range []struct {
		job  *importJob
		want string
	}{
		{nil, "while the deployment was being made"},
		{&importJob{input: "a.csv"}, "before the first line"},
		{&importJob{input: "a.csv", line: 7, Lines: 5, Bad: 1}, "when events were taken up to line 7 of a.csv, 5 in all"},
		{&importJob{input: "a.csv", line: 7, Lines: 5, Bad: 1, sent: true}, "when all 5 lines were sent, and not all of them stored"},
	} {
		if have := c.job.reached(); have != c.want {
			t.Errorf("%q, want %q", have, c.want)
		}
	}
}
