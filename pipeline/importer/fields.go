package importer

import (
	"bytes"
	"errors"
)

var (
	errBareQuote = errors.New("a quote inside a field that is not quoted")
	errAfter     = errors.New("text behind a closing quote")
	errOpen      = errors.New("a quoted field is never closed")
)

// splitFields appends the fields of one CSV line to fields: RFC 4180 with any one-byte delimiter. Fields
// share the line's memory, which stays as it is, unless they contain a doubled quote.
func splitFields(fields [][]byte, line []byte, delimiter byte) ([][]byte, error) {
	for {
		if len(line) == 0 || line[0] != '"' {
			field, rest, more := bytes.Cut(line, []byte{delimiter})
			if bytes.IndexByte(field, '"') >= 0 {
				return fields, errBareQuote
			}
			fields = append(fields, field)
			if !more {
				return fields, nil
			}
			line = rest
			continue
		}
		field, rest, closed := unquote(line[1:])
		if !closed {
			return fields, errOpen
		}
		fields = append(fields, field)
		if len(rest) == 0 {
			return fields, nil
		}
		if rest[0] != delimiter {
			return fields, errAfter
		}
		line = rest[1:]
	}
}

// unquote reads a quoted field from behind its opening quote to its closing one.
func unquote(b []byte) (field, rest []byte, closed bool) {
	var unescaped []byte
	for i := 0; ; {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			return nil, nil, false
		}
		end := i + k
		if end+1 == len(b) || b[end+1] != '"' {
			if unescaped == nil {
				return b[:end], b[end+1:], true
			}
			return append(unescaped, b[i:end]...), b[end+1:], true
		}
		unescaped = append(unescaped, b[i:end+1]...)
		i = end + 2
	}
}
