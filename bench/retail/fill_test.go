package retail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"portrait/schemas"
	"portrait/sinks/clickhouse"
)

func TestMain(m *testing.M) {
	if clickhouse.IsChild() {
		os.Exit(clickhouse.ChildMain(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// whole are the relations that the queries read, as views in a database of their own: a case damages
// one view, and the tables stay as they are.
var whole = map[string]string{
	"events": "SELECT * FROM portrait.events", "duplicates": "SELECT * FROM portrait.duplicates",
	"rejections": "SELECT * FROM portrait.rejections", "profiles_now": "SELECT * FROM portrait.profiles_now",
}

// person is what stands for the pipeline here: a profile that remembers ids and keeps features.
type person struct {
	id       uuid.UUID
	key      string
	ids      []string // the latest DedupeIDs
	known    map[string]bool
	features *features
	seen     int64 // ms, newest event
}

func (p *person) duplicate(id string) bool {
	if p.known[id] {
		return true
	}
	if p.known[id] = true; len(p.ids) == DedupeIDs {
		delete(p.known, p.ids[0])
		p.ids = p.ids[1:]
	}
	p.ids = append(p.ids, id)
	return false
}

// warehouse is a running engine, filled with the whole data set.
type warehouse struct {
	http string
	conn ch.Conn
}

func openWarehouse(t *testing.T) *warehouse {
	t.Helper()
	e, err := clickhouse.StartEngine(t.Context(), clickhouse.EngineConfig{Dir: t.TempDir(), Log: t.Output()})
	if errors.Is(err, clickhouse.ErrEngineUnavailable) && !strings.Contains(os.Getenv("PORTRAIT_REQUIRE"), "clickhouse") {
		t.Skipf("no embedded ClickHouse here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Logf("close engine: %v", err)
		}
	})
	conn, err := ch.Open(&ch.Options{Addr: []string{e.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := clickhouse.Migrate(t.Context(), e.DSN()); err != nil {
		t.Fatal(err)
	}
	w := &warehouse{http: e.HTTPAddr(), conn: conn}
	w.fill(t)
	w.exec(t, "CREATE DATABASE damaged")
	for name, sql := range whole {
		w.see(t, name, sql)
	}
	w.see(t, "events_now", "SELECT * FROM damaged.events")
	return w
}

func (w *warehouse) exec(t *testing.T, sql string) {
	t.Helper()
	if err := w.conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// see makes damaged.name show what a query selects.
func (w *warehouse) see(t *testing.T, name, sql string) {
	t.Helper()
	w.exec(t, "CREATE OR REPLACE VIEW damaged."+name+" AS "+sql)
}

// damaged asks the damaged views instead of the tables.
func (w *warehouse) damaged(ctx context.Context, sql string) ([][]string, error) {
	return w.query(ctx, strings.ReplaceAll(sql, "portrait.", "damaged."))
}

// query is the Query that Evaluate gets: HTTP answers as text.
func (w *warehouse) query(ctx context.Context, sql string) ([][]string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.http, strings.NewReader(sql+"\nFORMAT TabSeparated"))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s\n%s", body, sql)
	}
	var rows [][]string
	for line := range strings.Lines(string(body)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows, nil
}

// fill runs all lines through the importer, and through a pipeline of the simplest kind.
func (w *warehouse) fill(t *testing.T) {
	t.Helper()
	source, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	catalogue := readCatalogue(t)
	people := map[string]*person{}
	const columns = "events (profile_id, event_id, event, time, properties, events_partition, events_offset, events_index)"
	events := w.batch(t, columns)
	duplicates := w.batch(t, "duplicates (events_partition, events_offset, events_index)")
	decoder := schemas.NewEventDecoder()
	for offset := int64(0); ; offset++ {
		line, bad, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || bad != nil {
			t.Fatal(err, bad)
		}
		decoder.Each(line.Value, func(item schemas.Item) {
			if item.Err != nil {
				t.Fatalf("line %d: the router would reject it: %v", line.Line, item.Err)
			}
			ev := item.Event
			if len(ev.Identifiers) != 1 || ev.TimeMS != line.Time {
				t.Fatalf("line %d: %+v", line.Line, ev)
			}
			key := ev.Identifiers[0].Type + ":" + ev.Identifiers[0].Value
			p := people[key]
			if p == nil {
				p = &person{id: uuid.NewSHA1(uuid.NameSpaceOID, []byte(key)), key: key, known: map[string]bool{}, features: newFeatures(catalogue)}
				people[key] = p
			}
			p.seen = line.Time
			if p.duplicate(ev.ID) {
				err = duplicates.Append(int32(0), offset, int32(0))
				return
			}
			p.features.update(t, ev)
			_, properties, _ := bytes.Cut(line.Value, []byte(`"properties":`))
			err = events.Append(p.id, ev.ID, ev.Name, time.UnixMilli(line.Time).UTC(),
				string(properties[:len(properties)-1]), int32(0), offset, int32(0))
		})
		if err != nil {
			t.Fatal(err)
		}
		if events.Rows() == 100_000 {
			send(t, events)
			events = w.batch(t, columns)
		}
	}
	send(t, events)
	send(t, duplicates)
	w.fillProfiles(t, people)
}

func (w *warehouse) fillProfiles(t *testing.T, people map[string]*person) {
	t.Helper()
	profiles := w.batch(t, "profiles (profile_id, as_of, identifiers, features)")
	for _, p := range people {
		asOf := min(p.seen+36*time.Hour.Milliseconds(), ReferenceTime.UnixMilli())
		if err := profiles.Append(p.id, time.UnixMilli(asOf).UTC(), []string{p.key}, p.features.json(asOf)); err != nil {
			t.Fatal(err)
		}
	}
	send(t, profiles)
}

type batch interface {
	Append(values ...any) error
	Rows() int
	Send() error
}

func (w *warehouse) batch(t *testing.T, table string) batch {
	t.Helper()
	b, err := w.conn.PrepareBatch(t.Context(), "INSERT INTO portrait."+table)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func send(t *testing.T, b batch) {
	t.Helper()
	if err := b.Send(); err != nil {
		t.Fatal(err)
	}
}
