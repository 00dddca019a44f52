package schemas

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner reads the JSON that events usually are, in a fifth of jsontext's time. It is strict, and gives up at
// whatever is wrong or merely rare (an object of many names, deep nesting); then jsontext reads the event from
// the start and has the last word. So the scanner never refuses, and what it accepts, jsontext accepts: the fuzz
// target holds one against the other.
//
// Once it has given up, it is at the end of its text, where nothing can be read: callers ask once, with done.
type scanner struct {
	s     string
	at    int
	bad   bool
	names []string // of the objects around at, one object behind the other
}

// scanNames is how many names of one object are compared with each other; jsontext is better with more.
const scanNames = 64

func (s *scanner) reset(text string) { *s = scanner{s: text, names: s.names[:0]} }

// fail gives up.
func (s *scanner) fail() { s.bad, s.at = true, len(s.s) }

// done reports that the text was read to its end, and was plain.
func (s *scanner) done() bool { return s.next() == 0 && s.at == len(s.s) && !s.bad }

// next skips white space and returns the byte behind it, 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.s); s.at++ {
		if c := s.s[s.at]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

// open reads a bracket.
func (s *scanner) open(bracket byte) {
	if s.next() != bracket {
		s.fail()
		return
	}
	s.at++
}

// more reads what stands in front of element n of an object or array, the first being 0, or the closing bracket,
// and says whether there is an element.
func (s *scanner) more(closing byte, n int) bool {
	switch c := s.next(); {
	case c == closing:
		s.at++
		return false
	case n == 0:
		return !s.bad
	case c == ',':
		s.at++
		return true
	}
	s.fail()
	return false
}

// name reads a name of an object, whose earlier ones are those from base on, and the colon.
func (s *scanner) name(base int) string {
	name := s.text()
	if s.next() != ':' || len(s.names)-base == scanNames {
		s.fail()
		return ""
	}
	s.at++
	for _, other := range s.names[base:] {
		if other == name {
			s.fail()
			return ""
		}
	}
	s.names = append(s.names, name)
	return name
}

// plainText tells the bytes of a string that stand for themselves, and need no look at their neighbours.
var plainText = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// text reads a string and returns what it says.
func (s *scanner) text() string {
	if s.next() != '"' {
		s.fail()
		return ""
	}
	from := s.at + 1
	end := from
	for end < len(s.s) && plainText[s.s[end]] {
		end++
	}
	if end < len(s.s) && s.s[end] == '"' {
		s.at = end + 1
		return s.s[from:end]
	}
	return s.wild(from, end)
}

// wild reads the rest of a string, from its first byte that is not plain.
func (s *scanner) wild(from, end int) string {
	escaped := false
	for ; end < len(s.s) && s.s[end] != '"'; end++ {
		switch c := s.s[end]; {
		case c < ' ':
			s.fail()
			return ""
		case c == '\\':
			escaped = true
			end++
		}
	}
	if end >= len(s.s) {
		s.fail()
		return ""
	}
	text := s.s[from:end]
	s.at = end + 1
	if escaped {
		out, err := jsontext.AppendUnquote(make([]byte, 0, len(text)), s.s[from-1:s.at])
		if err != nil {
			s.fail()
		}
		return string(out)
	}
	if !utf8.ValidString(text) {
		s.fail()
	}
	return text
}

// value reads any value and returns its kind, as jsontext has them, and its text: that of a string unquoted, of
// anything else as it stands. It is the content of containers so deep.
func (s *scanner) value(depth int) (jsontext.Kind, string) {
	c := s.next()
	from := s.at
	switch c {
	case '"':
		return '"', s.text()
	case '{', '[':
		s.container(c, depth+1)
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
		c = '0'
	}
	return jsontext.Kind(c), s.s[from:s.at]
}

// container reads an object or array with all that is in it.
func (s *scanner) container(bracket byte, depth int) {
	if depth > MaxDepth-2 { // "properties" is depth 2 of the event
		s.fail()
		return
	}
	base := len(s.names)
	s.at++
	if bracket == '[' {
		for n := 0; s.more(']', n); n++ {
			s.value(depth)
		}
		return
	}
	for n := 0; s.more('}', n); n++ {
		s.name(base)
		s.value(depth)
	}
	s.names = s.names[:base]
}

// word reads true, false or null. What stands behind it, whoever comes next looks at.
func (s *scanner) word(w string) {
	if !strings.HasPrefix(s.s[s.at:], w) {
		s.fail()
		return
	}
	s.at += len(w)
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() {
	s.skip('-')
	ok := s.skip('0') || s.digits()
	if s.skip('.') {
		ok = ok && s.digits()
	}
	if s.skip('e') || s.skip('E') {
		if !s.skip('+') {
			s.skip('-')
		}
		ok = ok && s.digits()
	}
	if !ok {
		s.fail()
	}
}

func (s *scanner) skip(c byte) bool {
	if s.at < len(s.s) && s.s[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.s) && s.s[s.at]-'0' <= 9 {
		s.at++
	}
	return s.at > from
}
