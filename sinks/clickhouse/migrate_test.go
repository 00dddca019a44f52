package clickhouse

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"portrait/schemas"
)

// startDatabase starts an engine with all migrations applied and returns a connection to it.
func startDatabase(t *testing.T) (*Kept, driver.Conn) {
	t.Helper()
	e := keepTestEngine(t)
	if err := Migrate(t.Context(), e.DSN()); err != nil {
		t.Fatal(err)
	}
	return e, connectDatabase(t, e.DSN())
}

func connectDatabase(t *testing.T, dsn string) driver.Conn {
	t.Helper()
	conn, err := Connect(dsn)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, "connection", conn)
	return conn
}

func TestMigrateTwiceIsOnce(t *testing.T) {
	e, conn := startDatabase(t)
	steps := ask(t, conn, "SELECT count() FROM schema_migrations")
	if err := Migrate(t.Context(), e.DSN()); err != nil {
		t.Fatal(err)
	}
	if again := ask(t, conn, "SELECT count() FROM schema_migrations"); again != steps || steps == "0" {
		t.Fatalf("%s steps recorded after the first run, %s after the second", steps, again)
	}
}

// A position that was stored before blocks could be longer than a second is one of a sink that is up to date.
func TestMigratePositionsWithoutUntil(t *testing.T) {
	e := keepTestEngine(t)
	old := fstest.MapFS{}
	for _, name := range []string{"0001_positions.sql", "0002_events.sql", "0003_identity.sql", "0004_profiles.sql", "0005_aggregates.sql", "0006_views.sql", "0007_accounting.sql"} {
		text, err := fs.ReadFile(schemas.ClickHouse(), name)
		if err != nil {
			t.Fatal(err)
		}
		old[name] = &fstest.MapFile{Data: text}
	}
	if err := migrate(t.Context(), e.DSN(), old); err != nil {
		t.Fatal(err)
	}
	conn := connectDatabase(t, e.DSN())
	mustExec(t, conn, "INSERT INTO sink_positions (epoch, facts_partition, next_offset, rule_rows, rule_bytes, log_time) VALUES (1, 2, 30, 400, 5000, 6)")
	if err := Migrate(t.Context(), e.DSN()); err != nil {
		t.Fatal(err)
	}
	s, err := New(conn, testConfig(1))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Position(t.Context(), 2)
	if want := (Rule{Rows: 400, Bytes: 5000}); err != nil || p.Next != 30 || p.Rule != want {
		t.Errorf("position %+v, %v; want offset 30 and rule %v", p, err, want)
	}
}

func TestEveryTableAndColumnIsExplained(t *testing.T) {
	_, conn := startDatabase(t)
	// The feed is a trigger without rows of its own; its columns are those of its target.
	if got := ask(t, conn, `SELECT arrayStringConcat(groupArray(name), ', ') FROM system.tables
		WHERE database = 'portrait' AND comment = ''`); got != "" {
		t.Errorf("tables without a comment: %s", got)
	}
	if got := ask(t, conn, `SELECT arrayStringConcat(groupArray(table || '.' || name), ', ') FROM system.columns
		WHERE database = 'portrait' AND comment = '' AND table NOT IN ('events_per_minute_feed', 'surviving_profile')`); got != "" {
		t.Errorf("columns without a comment: %s", got)
	}
}

func TestEveryTableDeduplicatesAndSyncs(t *testing.T) {
	_, conn := startDatabase(t)
	got := ask(t, conn, `SELECT arrayStringConcat(groupArray(name), ', ') FROM system.tables
		WHERE database = 'portrait' AND engine LIKE '%MergeTree' AND name != 'schema_migrations'
		AND (toUInt64OrZero(extract(create_table_query, 'non_replicated_deduplication_window = ([0-9]+)')) < 10000
			OR create_table_query NOT LIKE '%fsync_after_insert = 1%'
			OR create_table_query NOT LIKE '%fsync_part_directory = 1%')`)
	if got != "" {
		t.Errorf("tables that would double a repeated block or lose it in a crash: %s", got)
	}
}

func TestMigrateRefuses(t *testing.T) {
	e := startTestEngine(t, t.TempDir())
	first := fstest.MapFS{"0001_a.sql": {Data: []byte("CREATE TABLE IF NOT EXISTS ${database}.a (n Int32) ENGINE = MergeTree ORDER BY n;\n")}}
	if err := migrate(t.Context(), e.DSN(), first); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"edited step", fstest.MapFS{"0001_a.sql": {Data: []byte("SELECT 1;\n")}}, "step 0001_a.sql was applied with another text"},
		{"hole in the numbers", fstest.MapFS{"0001_a.sql": first["0001_a.sql"], "0003_c.sql": {Data: []byte("SELECT 1;")}}, "want number 0002"},
		{"stray file", fstest.MapFS{"notes.sql": {}}, "want a name like"},
		{"broken statement", fstest.MapFS{"0001_a.sql": first["0001_a.sql"], "0002_b.sql": {Data: []byte("SELECT 1;\nCREATE NONSENSE;\n")}}, "step 0002_b.sql, statement 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := migrate(t.Context(), e.DSN(), c.files); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestDSN(t *testing.T) {
	for _, c := range []struct{ name, dsn, want string }{
		{"not a DSN", "localhost:9000:secret", "not of the form"},
		{"bad database", "clickhouse://u:secret@h:9000/a-b", "letters, digits and underscores"},
		{"no port", "clickhouse://u:secret@h/a", "not HOST:PORT"},
		{"a word", "tcp://secret", "not HOST:PORT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Connect(c.dsn)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Fatalf("error %v, want one with %q and without the password", err, c.want)
			}
		})
	}
}
