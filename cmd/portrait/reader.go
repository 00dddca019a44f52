package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"portrait/sinks/clickhouse"
)

// reader is read-only access to the ClickHouse of a deployment.
type reader struct {
	dsn    string
	http   string             // host:port of the HTTP interface of an embedded engine; empty: not embedded
	engine *clickhouse.Engine // started for the question; nil: it runs anyway
}

// reader finds the deployment's ClickHouse: the engine of the running service, the server that the
// configuration names, or the engine of a stopped service, which it starts for as long as the reader
// is open.
func (t *target) reader(ctx context.Context, progress io.Writer) (r *reader, err error) {
	dir := filepath.Join(t.config.DataDir, "clickhouse")
	r = new(reader)
	switch {
	case t.running != nil && t.running.ClickHouse != "":
		r.dsn, r.http = t.running.ClickHouse, t.running.ClickHouseHTTP
	case t.config.ClickHouse.DSN != "":
		r.dsn = t.config.ClickHouse.DSN
		return r, nil
	case t.running != nil:
		return nil, errors.New("the running service does not embed ClickHouse; name its configuration with --config")
	default:
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("no ClickHouse: %w of data directory %s, and it holds no data of one; "+
				"start `portrait run`, or name its directory with --data or its configuration with --config", errNotRunning, t.config.DataDir)
		}
		if r.engine, err = clickhouse.StartEngine(ctx, clickhouse.EngineConfig{Dir: dir, Log: progress}); err != nil {
			return nil, err
		}
		r.dsn, r.http = r.engine.DSN(), r.engine.HTTPAddr()
	}
	if r.dsn, err = clickhouse.AsReader(r.dsn); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// connect returns a pool of connections that cannot change anything.
func (r *reader) connect(ctx context.Context) (clickhouse.Conn, error) {
	return clickhouse.ConnectReadOnly(ctx, r.dsn)
}

// ask writes the answer to a query. An embedded engine formats it itself.
func (r *reader) ask(ctx context.Context, query string, format clickhouse.Format, out io.Writer) (err error) {
	if r.http != "" {
		return askHTTP(ctx, r.http, query, sqlFormats[format], out)
	}
	conn, err := r.connect(ctx)
	if err != nil {
		return err
	}
	return errors.Join(clickhouse.WriteAnswer(ctx, conn, query, format, out), conn.Close())
}

// Close ends an engine that was started for the question.
func (r *reader) Close() error {
	if r.engine == nil {
		return nil
	}
	return r.engine.Close()
}
