package main

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// scanText reads one row with every value as text, about as toString of ClickHouse writes it.
func scanText(rows driver.Rows, types []driver.ColumnType) ([]string, error) {
	values := make([]any, len(types))
	for i, t := range types {
		values[i] = reflect.New(t.ScanType()).Interface()
	}
	if err := rows.Scan(values...); err != nil {
		return nil, err
	}
	row := make([]string, len(values))
	for i := range values {
		row[i] = text(reflect.ValueOf(values[i]).Elem())
	}
	return row, nil
}

func text(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "NULL"
		}
		return text(v.Elem())
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
