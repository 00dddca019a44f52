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

	"portrait/pipeline/importer"
	"portrait/pipeline/normalize"
	"portrait/schemas"
	"portrait/schemas/wire"
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

const (
	eventColumns     = "events (profile_id, event_id, event, time, properties, events_partition, events_offset, events_index)"
	duplicateColumns = "duplicates (events_partition, events_offset, events_index)"
)

// filling stands for the pipeline: it decodes and normalises events as the router does, finds their
// person by the only identifier they have, and drops what that person's profile remembers.
type filling struct {
	decoder            *schemas.EventDecoder
	normalizer         *normalize.Normalizer
	catalogue          []schemas.FeatureSpec
	people             map[string]*person
	events, duplicates batch
}

// fill runs all lines through the importer into the tables.
func (w *warehouse) fill(t *testing.T) {
	t.Helper()
	keys, err := normalize.NewKeys(make([]byte, normalize.KeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	deployment := schemas.DefaultDeployment()
	deployment.KeyID, deployment.KeyCheck = keys.ID(), keys.KeyCheck()
	normalizer, err := normalize.New(&deployment, keys)
	if err != nil {
		t.Fatal(err)
	}
	source, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	f := &filling{schemas.NewEventDecoder(), normalizer, readCatalogue(t), map[string]*person{},
		w.batch(t, eventColumns), w.batch(t, duplicateColumns)}
	for offset := int64(0); ; offset++ {
		line, bad, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || bad != nil {
			t.Fatal(err, bad)
		}
		f.decoder.Each(line.Value, func(item schemas.Item) { err = f.add(line, item, offset) })
		if err != nil {
			t.Fatalf("line %d: %v", line.Line, err)
		}
		if f.events.Rows() == 100_000 {
			send(t, f.events)
			f.events = w.batch(t, eventColumns)
		}
	}
	send(t, f.events)
	send(t, f.duplicates)
	w.fillProfiles(t, f.people)
}

func (f *filling) add(line importer.Event, item schemas.Item, offset int64) error {
	if item.Err != nil {
		return fmt.Errorf("the router would reject it: %w", item.Err)
	}
	var ev wire.Event
	var repairs normalize.Repairs
	f.normalizer.Event(item.Event, &ev, &repairs)
	if len(ev.Identifiers) != 1 || repairs != (normalize.Repairs{}) || item.Event.TimeMS != line.Time {
		return fmt.Errorf("the router changes it: %v %+v", &repairs, ev)
	}
	key := ev.Identifiers[0]
	p := f.people[key]
	if p == nil {
		p = &person{id: uuid.NewSHA1(uuid.NameSpaceOID, []byte(key)), key: key, known: map[string]bool{}, features: newFeatures(f.catalogue)}
		f.people[key] = p
	}
	p.seen = line.Time
	if p.duplicate(ev.ID) {
		return f.duplicates.Append(int32(0), offset, int32(0))
	}
	if err := p.features.update(item.Event); err != nil {
		return err
	}
	_, properties, _ := bytes.Cut(line.Value, []byte(`"properties":`))
	return f.events.Append(p.id, ev.ID, ev.Name, time.UnixMilli(line.Time).UTC(),
		string(properties[:len(properties)-1]), int32(0), offset, int32(0))
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
