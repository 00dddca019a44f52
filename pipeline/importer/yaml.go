package importer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What a mapping's text may take. The lexer copies the text for each carriage return, the parser recurses
// per level and is quadratic in places, so these are checked before it runs; a mapping of 200 columns
// needs a fifth of each.
const (
	maxMappingBytes = 128 << 10
	maxMappingLine  = 4096
	maxMappingWords = 20_000 // tokens
	maxMappingDepth = 16     // of [ and {
)

// MappingError says what is wrong at one place of a mapping, and what to do about it.
type MappingError struct {
	Line, Column int // from 1
	What, Remedy string
}

// Error writes "line L, column C: what; remedy".
func (e *MappingError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s; %s", e.Line, e.Column, e.What, e.Remedy)
}

// place is where something stands in a mapping, for errors that show only later.
type place struct{ line, column int }

func (p place) errorf(remedy, format string, args ...any) error {
	return &MappingError{Line: p.line, Column: p.column, What: fmt.Sprintf(format, args...), Remedy: remedy}
}

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

func placeOfNode(n ast.Node) place {
	switch n := n.(type) {
	case nil:
		return place{1, 1}
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 { // the parser names the colon of the first key
			return placeOf(n.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return placeOf(n.Key.GetToken())
	}
	return placeOf(n.GetToken())
}

// parseYAML reads the one document of a mapping file.
func parseYAML(source []byte) (ast.Node, error) {
	start := place{1, 1}
	if len(source) > maxMappingBytes {
		return nil, start.errorf("keep only the columns you need", "the mapping has %d bytes, more than %d", len(source), maxMappingBytes)
	}
	for i, line := range bytes.Split(source, []byte{'\n'}) {
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) > maxMappingLine || !utf8.Valid(line) || bytes.IndexByte(line, '\r') >= 0 {
			return nil, place{i + 1, 1}.errorf("save it as UTF-8 and break long lines",
				"not UTF-8, or longer than %d bytes, or with a carriage return inside", maxMappingLine)
		}
	}
	tokens := lexer.Tokenize(strings.TrimPrefix(string(source), "\ufeff"))
	if len(tokens) > maxMappingWords {
		return nil, placeOf(tokens[maxMappingWords]).errorf("keep only the columns you need", "more than %d words and signs", maxMappingWords)
	}
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
		if depth > maxMappingDepth {
			return nil, placeOf(t).errorf("close some", "more than %d open brackets", maxMappingDepth)
		}
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			return nil, placeOf(syntax.GetToken()).errorf("correct the YAML there", "%s", syntax.GetMessage())
		}
		return nil, start.errorf("correct the YAML", "%v", err)
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, start.errorf("begin with event:, identifiers: and time:", "the mapping is empty")
	case 1:
		return bodies[0], nil
	}
	return nil, placeOfNode(bodies[1]).errorf("one file holds one mapping", "a second YAML document")
}

// entry is one key of a YAML mapping and its value.
type entry struct {
	key   string
	at    place // of the key
	value ast.Node
}

// entries reads a YAML mapping. What is what, for errors; keys are those allowed, none: any.
func entries(n ast.Node, what string, keys ...string) ([]entry, error) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, placeOfNode(n).errorf("write key: value pairs", "%s is not a mapping", what)
	}
	list := make([]entry, 0, len(values))
	for _, v := range values {
		at := placeOf(v.Key.GetToken())
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			return nil, at.errorf("put it in quotes", "a key of %s is not a text", what)
		}
		if len(keys) > 0 && !slices.Contains(keys, key.Value) {
			return nil, at.errorf("use "+strings.Join(keys, ", "), "%s has no key %q", what, key.Value)
		}
		if slices.ContainsFunc(list, func(e entry) bool { return e.key == key.Value }) {
			return nil, at.errorf("keep one of them", "%s has two keys %q", what, key.Value)
		}
		list = append(list, entry{key.Value, at, v.Value})
	}
	return list, nil
}

// items reads a YAML list that is not empty.
func items(e entry) ([]ast.Node, error) {
	s, ok := e.value.(*ast.SequenceNode)
	if !ok || len(s.Values) == 0 {
		return nil, e.at.errorf("write a list with at least one item", "%s is not a list", e.key)
	}
	return s.Values, nil
}

// text reads a scalar as the text it was written as: a number or a bool is taken as text too, because
// column names and event names may look like one.
func text(e entry) (string, error) {
	switch n := e.value.(type) {
	case *ast.StringNode:
		if n.Value != "" {
			return n.Value, nil
		}
	case *ast.IntegerNode:
		return n.Token.Value, nil
	case *ast.FloatNode:
		return n.Token.Value, nil
	case *ast.BoolNode:
		return n.Token.Value, nil
	}
	return "", e.at.errorf("write one text that is not empty", "%s is not a text", e.key)
}

// yesNo reads true or false.
func yesNo(e entry) (bool, error) {
	if n, ok := e.value.(*ast.BoolNode); ok {
		return n.Value, nil
	}
	return false, e.at.errorf("write true or false", "%s is not a yes or no", e.key)
}
