package clickhouse

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"portrait/schemas/wire"
)

// propertiesJSON writes properties as one JSON object. They come in ascending order of key, so equal
// events make equal bytes; numbers keep the digits that were sent.
func propertiesJSON(props []wire.Prop) string {
	size := 2
	for i := range props {
		size += len(props[i].Key) + len(props[i].Text) + 8
	}
	b := append(make([]byte, 0, size), '{')
	for i := range props {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONText(b, props[i].Key), ':')
		switch props[i].Kind {
		case wire.PropString:
			b = appendJSONText(b, props[i].Text)
		case wire.PropNull:
			b = append(b, "null"...)
		default:
			b = append(b, props[i].Text...)
		}
	}
	return string(append(b, '}'))
}

// namedJSON writes named JSON values as one object, names ascending.
func namedJSON(values []wire.NamedValue) string {
	byName := func(a, b wire.NamedValue) int { return cmp.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(values, byName) {
		values = slices.Clone(values) // a block may be written again: it stays as it is
		slices.SortStableFunc(values, byName)
	}
	b := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONText(b, v.Name), ':')
		b = append(b, v.Value...)
	}
	return string(append(b, '}'))
}

// appendJSONText writes a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendJSONText(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
		i++
	}
	return append(b, '"')
}
