package schemas

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What a catalogue's text may take. The YAML parser recurses per level and is quadratic in places, so
// these, checked before it runs, are what keeps a hostile file from taking memory, stack or seconds.
// A catalogue of 200 features and 200 tags needs about a fifth of each but the bytes, which may be prose.
const (
	maxCatalogBytes = 1_000_000 // below 1 MiB, what one entry of the store holds
	maxCatalogLines = 5000
	maxCatalogLine  = 4096 // bytes
	maxCatalogDepth = 16   // of [ and {
	maxCatalogWords = 30_000
)

const yamlRemedy = "correct the YAML there"

// catalogReader walks the tree of one document and collects what is wrong, so that each step can go
// on with zero values and the author hears of everything.
type catalogReader struct {
	lines []string // of the source, to find where a block scalar begins
	errs  CatalogErrors
}

// entry is one key and its value.
type entry struct {
	name  string
	at    Place // of the key
	value ast.Node
}

// parseTree reads one YAML document; nil if there is anything wrong with it, which the reader has noted.
func (r *catalogReader) parseTree(source []byte) ast.Node {
	if !r.checkText(source) {
		return nil
	}
	tokens := lexer.Tokenize(strings.TrimPrefix(strings.Join(r.lines, "\n"), "\ufeff"))
	if !r.checkTokens(tokens) {
		return nil
	}
	// Duplicate keys are reported by mapping, with both places.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at := Place{1, 1}
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) {
			at = placeOf(syntax.GetToken())
			err = errors.New(syntax.GetMessage())
		}
		r.errs.Add(at, yamlRemedy, "not YAML: %v", err)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		r.errs.Add(Place{1, 1}, "begin with name: and features:", "the catalogue is empty")
		return nil
	case 1:
		return bodies[0]
	}
	r.errs.Add(place(bodies[1]), "one file holds one catalogue", "a second YAML document")
	return nil
}

func (r *catalogReader) checkText(source []byte) bool {
	first := Place{1, 1}
	if len(source) > maxCatalogBytes {
		r.errs.Add(first, "split it into several catalogues", "the catalogue has %d bytes, more than %d", len(source), maxCatalogBytes)
		return false
	}
	r.lines = strings.Split(string(source), "\n")
	if len(r.lines) > maxCatalogLines {
		r.errs.Add(first, "split it into several catalogues", "the catalogue has %d lines, more than %d", len(r.lines), maxCatalogLines)
		return false
	}
	for i := range r.lines {
		r.lines[i] = strings.TrimSuffix(r.lines[i], "\r")
		line := r.lines[i]
		switch {
		case strings.Contains(line, "\r"): // the lexer copies the text for each
			r.errs.Add(Place{i + 1, 1}, "remove it", "a carriage return inside the line")
			return false
		case len(line) > maxCatalogLine:
			r.errs.Add(Place{i + 1, 1}, "break the line", "the line has %d bytes, more than %d", len(line), maxCatalogLine)
			return false
		case !utf8.ValidString(line):
			r.errs.Add(Place{i + 1, 1}, "save the file as UTF-8", "the line is not UTF-8")
			return false
		}
	}
	return true
}

func (r *catalogReader) checkTokens(tokens token.Tokens) bool {
	if len(tokens) > maxCatalogWords {
		r.errs.Add(placeOf(tokens[maxCatalogWords]), "split it into several catalogues", "the catalogue has more than %d words and signs", maxCatalogWords)
		return false
	}
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
		if depth > maxCatalogDepth {
			r.errs.Add(placeOf(t), yamlRemedy, "more than %d open brackets", maxCatalogDepth)
			return false
		}
	}
	return true
}

func placeOf(t *token.Token) Place {
	if t == nil || t.Position == nil {
		return Place{1, 1}
	}
	return Place{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// place returns where a node begins; that of a mapping without braces is its first key, not the colon
// that the parser names.
func place(n ast.Node) Place {
	switch m := n.(type) {
	case nil:
		return Place{1, 1}
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return place(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return place(m.Key)
	}
	return placeOf(n.GetToken())
}

// fail notes that a node is not what it should be.
func (r *catalogReader) fail(n ast.Node, remedy, format string, args ...any) {
	r.errs.Add(place(n), remedy, format, args...)
}

// mapping returns the entries of a mapping in the order written. Keys given are the only ones
// allowed. A key that is no text, unknown or there twice is noted and left out.
func (r *catalogReader) mapping(n ast.Node, what string, keys ...string) []entry {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		r.fail(n, "write key: value pairs", "%s wants a mapping, not %s", what, describe(n))
		return nil
	}
	seen := make(map[string]Place, len(values))
	list := make([]entry, 0, len(values))
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			r.fail(v.Key, "quote it", "a key of %s is %s, not a text", what, describe(v.Key))
			continue
		}
		e := entry{key.Value, place(key), v.Value}
		if before, twice := seen[e.name]; twice {
			r.errs.Add(e.at, "keep one of the two", "%s: %q is there twice, first in line %d, column %d", what, e.name, before.Line, before.Column)
			continue
		}
		seen[e.name] = e.at
		if len(keys) > 0 && !slices.Contains(keys, e.name) {
			r.errs.Add(e.at, "known are "+strings.Join(keys, ", "), "%s: unknown key %q", what, e.name)
			continue
		}
		list = append(list, e)
	}
	return list
}

// list returns the elements of a sequence.
func (r *catalogReader) list(n ast.Node, what string) []ast.Node {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fail(n, "write [a, b] or one - per line", "%s wants a list, not %s", what, describe(n))
		return nil
	}
	return s.Values
}

// text returns a text of 1 to limit bytes without control characters (but line breaks of a block).
func (r *catalogReader) text(n ast.Node, what string, limit int) string {
	var s string
	switch t := n.(type) {
	case *ast.StringNode:
		s = t.Value
	case *ast.LiteralNode:
		s = strings.Trim(t.Value.Value, "\n")
	default:
		r.fail(n, "quote it if it is meant as a text", "%s wants a text, not %s", what, describe(n))
		return ""
	}
	switch {
	case s == "":
		r.fail(n, "write at least one character or remove the key", "%s is empty", what)
	case len(s) > limit:
		r.fail(n, fmt.Sprintf("at most %d bytes", limit), "%s has %d bytes", what, len(s))
	case strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\n' || c == 0x7f }):
		r.fail(n, "remove it", "%s holds a control character", what)
	default:
		return s
	}
	return ""
}

// texts returns a text or a list of texts, in the order written, each once.
func (r *catalogReader) texts(n ast.Node, what string, limit int) []string {
	nodes := []ast.Node{n}
	if s, ok := n.(*ast.SequenceNode); ok {
		if nodes = s.Values; len(nodes) == 0 {
			r.fail(n, "name at least one or remove the key", "%s is an empty list", what)
		}
	}
	seen := make(map[string]bool, len(nodes))
	var list []string
	for _, node := range nodes {
		s := r.text(node, what, limit)
		if seen[s] && s != "" {
			r.fail(node, "keep one of the two", "%s: %q is there twice", what, s)
		} else if s != "" {
			list = append(list, s)
		}
		seen[s] = true
	}
	return list
}

// integer returns a whole number in plain decimal digits.
func (r *catalogReader) integer(n ast.Node, what string, least, most int) int {
	if t, ok := n.(*ast.IntegerNode); ok {
		if v, err := strconv.Atoi(t.GetToken().Value); err == nil && v >= least && v <= most {
			return v
		}
	}
	r.fail(n, fmt.Sprintf("a whole number from %d to %d", least, most), "%s is %s", what, describe(n))
	return 0
}

// whenPlace returns where the first character of a text stands, behind a quote or in the line below
// a block's sign.
func (r *catalogReader) whenPlace(n ast.Node) Place {
	at := place(n)
	switch t := n.(type) {
	case *ast.StringNode:
		if kind := t.GetToken().Type; kind == token.DoubleQuoteType || kind == token.SingleQuoteType {
			at.Column++
		}
	case *ast.LiteralNode:
		for i := at.Line; i < len(r.lines); i++ {
			if rest := strings.TrimLeft(r.lines[i], " "); strings.TrimSpace(rest) != "" {
				return Place{i + 1, len(r.lines[i]) - len(rest) + 1}
			}
		}
	}
	return at
}

// describe names what a node is, for "wants x, not …".
func describe(n ast.Node) string {
	switch t := n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode:
		return strconv.Quote(clip(t.Value))
	case *ast.LiteralNode:
		return "a block of text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + clip(n.GetToken().Value)
	case *ast.BoolNode:
		return "the truth value " + t.GetToken().Value
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "a YAML anchor or alias, which a catalogue does not use"
	case *ast.TagNode:
		return "a YAML tag, which a catalogue does not use"
	}
	return "something that a catalogue does not use"
}

// clip keeps a message short.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
