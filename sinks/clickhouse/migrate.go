package clickhouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"portrait/schemas"
)

// minimum is the first version whose deduplication works as the sink needs it.
const minimumMajor, minimumMinor = 24, 7

// migrationsTable records what has been applied. It is the one table that no migration makes.
const migrationsTable = `CREATE TABLE IF NOT EXISTS ${database}.schema_migrations
(
    number     UInt32   COMMENT 'Number of the step',
    name       String   COMMENT 'Name of its file',
    checksum   String   COMMENT 'SHA-256 of the file: an applied step is never edited',
    applied_at DateTime('UTC') DEFAULT now() COMMENT 'When it was applied'
)
ENGINE = MergeTree ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Migrations that have been applied'`

// migration is one file of schemas.ClickHouse.
type migration struct {
	number     uint32
	name       string
	checksum   string
	statements []string // placeholders not filled in yet
}

// Migrate makes the database if need be and applies the migrations of package schemas that it does
// not have yet, in order. A step that was applied with another text than today's is an error that
// names it. Steps can be repeated, so a migration that was interrupted is finished by the next call.
func Migrate(ctx context.Context, dsn string) error {
	return migrate(ctx, dsn, schemas.ClickHouse())
}

func migrate(ctx context.Context, dsn string, files fs.FS) error {
	steps, err := readMigrations(files)
	if err != nil {
		return fmt.Errorf("clickhouse migrations: %w", err)
	}
	o, err := parseDSN(dsn)
	if err != nil {
		return err
	}
	fill := filler(o.Auth)
	o.Auth.Database = "" // it may not exist yet
	conn, err := ch.Open(o)
	if err != nil {
		return fmt.Errorf("clickhouse migrations: %w", err)
	}
	err = applyAll(ctx, conn, steps, fill)
	if err := errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("clickhouse migrations: %w", err)
	}
	return nil
}

func applyAll(ctx context.Context, conn driver.Conn, steps []migration, fill func(string) string) error {
	if err := checkServer(conn); err != nil {
		return err
	}
	for _, text := range []string{"CREATE DATABASE IF NOT EXISTS ${database}", migrationsTable} {
		if err := conn.Exec(ctx, fill(text)); err != nil {
			return fmt.Errorf("prepare database: %w", err)
		}
	}
	applied, err := readApplied(ctx, conn, fill)
	if err != nil {
		return err
	}
	for _, step := range steps {
		sum, ok := applied[step.number]
		if ok && sum != step.checksum {
			return fmt.Errorf("step %s was applied with another text (checksum %.12s, now %.12s); applied steps are never edited: restore the file and put the change into a new step",
				step.name, sum, step.checksum)
		}
		if ok {
			continue
		}
		for i, text := range step.statements {
			if err := conn.Exec(ctx, fill(text)); err != nil {
				return fmt.Errorf("step %s, statement %d: %w", step.name, i+1, err)
			}
		}
		err := conn.Exec(ctx, fill("INSERT INTO ${database}.schema_migrations (number, name, checksum) VALUES (?, ?, ?)"),
			step.number, step.name, step.checksum)
		if err != nil {
			return fmt.Errorf("record step %s: %w", step.name, err)
		}
	}
	return nil
}

func checkServer(conn driver.Conn) error {
	v, err := conn.ServerVersion()
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	if v.Version.Major < minimumMajor || v.Version.Major == minimumMajor && v.Version.Minor < minimumMinor {
		return fmt.Errorf("the server is version %d.%d; at least %d.%d is needed for exactly-once inserts",
			v.Version.Major, v.Version.Minor, minimumMajor, minimumMinor)
	}
	return nil
}

func readApplied(ctx context.Context, conn driver.Conn, fill func(string) string) (map[uint32]string, error) {
	rows, err := conn.Query(ctx, fill("SELECT number, checksum FROM ${database}.schema_migrations ORDER BY number, applied_at DESC"))
	if err != nil {
		return nil, fmt.Errorf("applied steps: %w", err)
	}
	applied := map[uint32]string{}
	for rows.Next() {
		var number uint32
		var sum string
		if err := rows.Scan(&number, &sum); err != nil {
			return nil, errors.Join(fmt.Errorf("applied steps: %w", err), rows.Close())
		}
		applied[number] = sum
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("applied steps: %w", err)
	}
	return applied, nil
}

var migrationName = regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+\.sql$`)

// readMigrations reads the files NNNN_name.sql, numbered from 1 without a hole.
func readMigrations(files fs.FS) ([]migration, error) {
	entries, err := fs.ReadDir(files, ".") // sorted by name, so by number
	if err != nil {
		return nil, err
	}
	var steps []migration
	for _, entry := range entries {
		m := migrationName.FindStringSubmatch(entry.Name())
		if m == nil {
			return nil, fmt.Errorf("file %s: want a name like 0001_events.sql", entry.Name())
		}
		text, err := fs.ReadFile(files, entry.Name())
		if err != nil {
			return nil, err
		}
		number, err := strconv.ParseUint(m[1], 10, 32)
		if err != nil || int(number) != len(steps)+1 {
			return nil, fmt.Errorf("file %s: want number %04d", entry.Name(), len(steps)+1)
		}
		sum := sha256.Sum256(text)
		steps = append(steps, migration{uint32(number), entry.Name(), hex.EncodeToString(sum[:]), splitStatements(string(text))})
	}
	return steps, nil
}

// splitStatements cuts at semicolons that end a line, and leaves out comment lines.
func splitStatements(text string) []string {
	var statements []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "--") {
			continue
		}
		body, end := strings.CutSuffix(trimmed, ";")
		if end {
			b.WriteString(body)
			statements = append(statements, b.String())
			b.Reset()
			continue
		}
		b.WriteString(line)
	}
	if b.Len() > 0 {
		statements = append(statements, b.String())
	}
	return statements
}

// filler returns the function that fills in the placeholders that schemas.ClickHouse describes.
func filler(auth ch.Auth) func(string) string {
	return strings.NewReplacer(
		"${database}", auth.Database,
		"${database:text}", quoteText(auth.Database),
		"${user:text}", quoteText(auth.Username),
		"${password:text}", quoteText(auth.Password),
	).Replace
}

func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
