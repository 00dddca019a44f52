package clickhouse

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Conn is a pool of connections as Connect returns it, by a name that does not need the driver.
type Conn = driver.Conn

// Texts asks one query and returns every value as text, about as toString of ClickHouse writes it:
// for checkers and commands that print or compare.
func Texts(ctx context.Context, conn Conn, sql string) ([][]string, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out [][]string
	types := rows.ColumnTypes()
	for rows.Next() {
		values := make([]any, len(types))
		for i, t := range types {
			values[i] = reflect.New(t.ScanType()).Interface()
		}
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		row := make([]string, len(values))
		for i := range values {
			row[i] = Text(reflect.ValueOf(values[i]).Elem())
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// Text is one value of a row as Texts writes it.
func Text(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "NULL"
		}
		return Text(v.Elem())
	}
	switch x := v.Interface().(type) {
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case time.Time:
		return x.Format("2006-01-02 15:04:05.999")
	case fmt.Stringer:
		return x.String()
	}
	return fmt.Sprint(v.Interface())
}
