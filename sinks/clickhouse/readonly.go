package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// codeReadonly is ClickHouse's answer to a statement or a setting that a read-only user may not.
const codeReadonly = 164

// ConnectReadOnly is Connect for questions: the server refuses whatever would change something,
// whoever the DSN's user is. It connects once to find out whether that user is read-only by itself,
// because such a user may not even set that.
func ConnectReadOnly(ctx context.Context, dsn string) (Conn, error) {
	o, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	if o.Settings == nil {
		o.Settings = ch.Settings{}
	}
	o.Settings["readonly"] = 2
	conn, err := ch.Open(o)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	err = conn.Exec(ctx, "SELECT 1")
	if err == nil {
		return conn, nil
	}
	err = errors.Join(err, conn.Close())
	var refused *ch.Exception
	if errors.As(err, &refused) && refused.Code == codeReadonly {
		return Connect(dsn)
	}
	return nil, fmt.Errorf("clickhouse: %w", err)
}

// AsReader returns the DSN of an embedded engine with its user replaced by the read-only one.
func AsReader(dsn string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", errors.New("clickhouse address: not a DSN")
	}
	u.User = url.User(Reader)
	return u.String(), nil
}
