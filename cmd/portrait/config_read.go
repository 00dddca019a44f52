package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"portrait/schemas"
)

// configError is one fault of a configuration.
type configError struct {
	key          string        // "kafka.sasl.user"
	at           schemas.Place // line 0: not known
	what, remedy string
}

// Error writes "line L, column C: what; remedy".
func (e *configError) Error() string {
	text := e.what + "; " + e.remedy
	if e.at.Line == 0 {
		return e.key + ": " + text
	}
	return fmt.Sprintf("line %d, column %d: %s", e.at.Line, e.at.Column, text)
}

// configErrors is everything found wrong with a configuration.
type configErrors []*configError

// Error writes one line per fault.
func (e configErrors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

func (e configErrors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// inFile puts the file's name before each line of an error.
func inFile(path string, err error) error {
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		lines[i] = path + ": " + lines[i]
	}
	return &fileError{strings.Join(lines, "\n"), err}
}

// fileError is an error with its file's name on every line.
type fileError struct {
	text string
	err  error
}

// Error implements error.
func (e *fileError) Error() string { return e.text }

// Unwrap returns the error without the file.
func (e *fileError) Unwrap() error { return e.err }

// configPlaces says where each key stands: "kafka.sasl.user" → line and column.
type configPlaces map[string]schemas.Place

// locate gives faults that were found by key their places; of a key that is absent that of the key
// around it.
func (p configPlaces) locate(err error) error {
	var list configErrors
	if !errors.As(err, &list) {
		return err
	}
	for _, e := range list {
		for key := e.key; e.at.Line == 0; {
			if at, ok := p[key]; ok {
				e.at = at
				break
			}
			k := strings.LastIndexByte(key, '.')
			if k < 0 {
				break
			}
			key = key[:k]
		}
	}
	slices.SortStableFunc(list, func(a, b *configError) int {
		return cmp.Or(cmp.Compare(a.at.Line, b.at.Line), cmp.Compare(a.at.Column, b.at.Column))
	})
	return list
}

// configReader walks the tree of a configuration file along the fields of Config.
type configReader struct {
	places configPlaces
	errs   configErrors
}

// parseConfig reads a configuration strictly: an unknown key or a value of another type is an error with
// its place.
func parseConfig(text []byte) (Config, configPlaces, error) {
	r := &configReader{places: configPlaces{}}
	var c Config
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			return c, nil, &configError{at: placeOf(syntax.GetToken()), what: "not YAML: " + syntax.GetMessage(), remedy: "correct it there"}
		}
		return c, nil, &configError{at: schemas.Place{Line: 1, Column: 1}, what: "not YAML: " + err.Error(), remedy: "correct it"}
	}
	for i, doc := range file.Docs {
		if i > 0 {
			r.fail("", doc.Body, "one file holds one configuration", "a second YAML document")
		} else if doc.Body != nil {
			r.mapping(doc.Body, "", reflect.ValueOf(&c).Elem())
		}
	}
	return c, r.places, r.errs.err()
}

func (r *configReader) fail(key string, n ast.Node, remedy, format string, args ...any) {
	at := schemas.Place{Line: 1, Column: 1}
	if n != nil {
		at = placeOf(n.GetToken())
	}
	r.errs = append(r.errs, &configError{key: key, at: at, what: fmt.Sprintf(format, args...), remedy: remedy})
}

func placeOf(t *token.Token) schemas.Place {
	if t == nil || t.Position == nil {
		return schemas.Place{Line: 1, Column: 1}
	}
	return schemas.Place{Line: t.Position.Line, Column: t.Position.Column}
}

// mapping reads key: value pairs into a struct.
func (r *configReader) mapping(n ast.Node, path string, into reflect.Value) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case *ast.NullNode, *ast.CommentGroupNode:
		return
	default:
		r.fail(path, n, "write key: value pairs", "%s is not a mapping", orFile(path))
		return
	}
	fields := map[string]reflect.Value{}
	for i := range into.NumField() {
		fields[into.Type().Field(i).Tag.Get("yaml")] = into.Field(i)
	}
	for _, v := range values {
		key := v.Key.GetToken().Value
		full := strings.TrimPrefix(path+"."+key, ".")
		field, known := fields[key]
		if !known {
			r.fail(full, v.Key, "use "+strings.Join(slices.Sorted(maps.Keys(fields)), ", "), "unknown key %q in %s", key, orFile(path))
			continue
		}
		r.places[full] = placeOf(v.Key.GetToken())
		if field.Kind() == reflect.Struct {
			r.mapping(v.Value, full, field)
		} else {
			r.value(v.Value, full, field)
		}
	}
}

func orFile(path string) string {
	if path == "" {
		return "the configuration"
	}
	return path
}

// value reads a scalar or a list of texts. The value itself is not repeated: it may be a password.
func (r *configReader) value(n ast.Node, key string, into reflect.Value) {
	if _, absent := n.(*ast.NullNode); absent {
		return
	}
	switch into.Kind() {
	case reflect.String:
		if s, ok := scalarText(n); ok {
			into.SetString(s)
			return
		}
		r.fail(key, n, "write one text, in quotes if need be", "%s is not a text", key)
	case reflect.Int, reflect.Int64:
		if _, ok := n.(*ast.IntegerNode); ok {
			if i, err := strconv.ParseInt(strings.ReplaceAll(n.GetToken().Value, "_", ""), 10, 64); err == nil {
				into.SetInt(i)
				return
			}
		}
		r.fail(key, n, "write a number, for example 4", "%s is not a whole number", key)
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			into.SetBool(b.Value)
			return
		}
		r.fail(key, n, "write true or false", "%s is neither true nor false", key)
	case reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			r.fail(key, n, "write a list: [a, b]", "%s is not a list", key)
			return
		}
		texts := make([]string, 0, len(list.Values))
		for _, item := range list.Values {
			s, ok := scalarText(item)
			if !ok {
				r.fail(key, item, "write a list of texts: [a, b]", "an item of %s is not a text", key)
			}
			texts = append(texts, s)
		}
		into.Set(reflect.ValueOf(texts))
	}
}

// scalarText reads a text; what looks like a number or a truth value is text where a text is wanted.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}
