package clickhouse

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"
)

// Format is how an answer is written.
type Format string

// The formats. Their rows are about those of ClickHouse's PrettyCompact, CSVWithNames and JSONEachRow.
const (
	FormatPretty Format = "pretty" // a table for people, at most MaxPrettyRows rows
	FormatCSV    Format = "csv"    // the first line has the columns' names
	FormatJSON   Format = "json"   // an object per line
)

// MaxPrettyRows is where a table for people ends: its columns must be measured, so it is held in memory.
const MaxPrettyRows = 10_000

// WriteAnswer asks one query and writes the answer row by row.
func WriteAnswer(ctx context.Context, conn Conn, query string, format Format, out io.Writer) (err error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return fmt.Errorf("clickhouse: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	buffered := bufio.NewWriter(out)
	w := newAnswerWriter(format, buffered)
	if w == nil {
		return fmt.Errorf("format %q; want pretty, csv or json", format)
	}
	types := rows.ColumnTypes()
	kinds := make([]string, len(types))
	for i, t := range types {
		kinds[i] = t.DatabaseTypeName()
	}
	if err := w.begin(rows.Columns(), kinds); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	for rows.Next() {
		values := make([]any, len(types))
		for i, t := range types {
			values[i] = reflect.New(t.ScanType()).Interface()
		}
		if err := rows.Scan(values...); err != nil {
			return fmt.Errorf("clickhouse: %w", err)
		}
		for i := range values {
			values[i] = reflect.ValueOf(values[i]).Elem().Interface()
		}
		if err := w.row(values); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("clickhouse: %w", err)
	}
	return errors.Join(w.end(), buffered.Flush())
}

// answerWriter writes one answer.
type answerWriter interface {
	begin(names, kinds []string) error
	row(values []any) error
	end() error
}

func newAnswerWriter(format Format, out io.Writer) answerWriter {
	switch format {
	case FormatPretty:
		return &prettyWriter{out: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	case FormatCSV:
		return &csvWriter{csv.NewWriter(out)}
	case FormatJSON:
		return &jsonWriter{out: out}
	}
	return nil
}

func textsOf(values []any) []string {
	row := make([]string, len(values))
	for i, v := range values {
		row[i] = Text(reflect.ValueOf(v))
	}
	return row
}

type prettyWriter struct {
	out *tabwriter.Writer
	n   int
}

func (w *prettyWriter) begin(names, _ []string) error { return w.line(names) }

func (w *prettyWriter) row(values []any) error {
	if w.n++; w.n > MaxPrettyRows {
		return nil
	}
	return w.line(textsOf(values))
}

func (w *prettyWriter) line(cells []string) error {
	for i, c := range cells { // a cell that breaks the line would break the table
		cells[i] = strings.NewReplacer("\t", " ", "\n", " ").Replace(c)
	}
	_, err := io.WriteString(w.out, strings.Join(cells, "\t")+"\n")
	return err
}

func (w *prettyWriter) end() error {
	if w.n > MaxPrettyRows {
		if err := w.line([]string{fmt.Sprintf("… %d rows more: ask for csv", w.n-MaxPrettyRows)}); err != nil {
			return err
		}
	}
	return w.out.Flush()
}

type csvWriter struct{ out *csv.Writer }

func (w *csvWriter) begin(names, _ []string) error { return w.out.Write(names) }
func (w *csvWriter) row(values []any) error        { return w.out.Write(textsOf(values)) }
func (w *csvWriter) end() error {
	w.out.Flush()
	return w.out.Error()
}

type jsonWriter struct {
	out     io.Writer
	keys    [][]byte // JSON
	numbers []bool   // decimals: their Go type would write itself as a text
	line    []byte
}

func (w *jsonWriter) begin(names, kinds []string) error {
	for i, name := range names {
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		w.keys = append(w.keys, key)
		w.numbers = append(w.numbers, strings.HasPrefix(strings.TrimPrefix(kinds[i], "Nullable("), "Decimal"))
	}
	return nil
}

func (w *jsonWriter) row(values []any) error {
	w.line = append(w.line[:0], '{')
	for i, v := range values {
		if i > 0 {
			w.line = append(w.line, ',')
		}
		b, err := jsonValue(reflect.ValueOf(v), w.numbers[i])
		if err != nil {
			return fmt.Errorf("column %s: %w", w.keys[i], err)
		}
		w.line = append(append(append(w.line, w.keys[i]...), ':'), b...)
	}
	w.line = append(w.line, '}', '\n')
	_, err := w.out.Write(w.line)
	return err
}

func (w *jsonWriter) end() error { return nil }

func jsonValue(v reflect.Value, number bool) ([]byte, error) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() == reflect.Pointer {
		return []byte("null"), nil
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return json.Marshal(Text(v))
	case fmt.Stringer:
		if number {
			return []byte(x.String()), nil
		}
		return json.Marshal(x.String())
	}
	return json.Marshal(v.Interface())
}
