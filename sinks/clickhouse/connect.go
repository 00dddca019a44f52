package clickhouse

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// DefaultDatabase is where the tables live unless the DSN names another database.
const DefaultDatabase = "portrait"

// databaseName is what may stand in DDL without quotes.
var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// parseDSN reads clickhouse://user:password@host:port/database?options, the form of clickhouse-go.
// An error never repeats the DSN: it holds a password.
func parseDSN(dsn string) (*ch.Options, error) {
	o, err := ch.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("clickhouse address: not of the form clickhouse://USER:PASSWORD@HOST:9000/%s", DefaultDatabase)
	}
	for _, addr := range o.Addr {
		if !isAddress(addr, o.Protocol) {
			return nil, errors.New("clickhouse address: a server in it is not HOST:PORT")
		}
	}
	if o.Auth.Database == "" {
		o.Auth.Database = DefaultDatabase
	}
	if !databaseName.MatchString(o.Auth.Database) {
		return nil, fmt.Errorf("clickhouse address: database %q; want letters, digits and underscores", o.Auth.Database)
	}
	if o.Auth.Username == "" {
		o.Auth.Username = "default"
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 5 * time.Second
	}
	return o, nil
}

// isAddress reports whether a server's address can be dialled. The driver adds no port of its own; behind HTTP stands
// the scheme's.
func isAddress(addr string, protocol ch.Protocol) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return protocol == ch.HTTP && addr != "" && !strings.Contains(addr, ":")
	}
	n, err := strconv.Atoi(port)
	return err == nil && n > 0 && n <= 65535 && host != ""
}

// Connect returns a pool of connections; it does not connect yet. The database, portrait unless the
// DSN names another one, must exist by then: see Migrate.
func Connect(dsn string) (driver.Conn, error) {
	o, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	conn, err := ch.Open(o)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	return conn, nil
}
