package schemas

import (
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner reads the JSON that events usually are: a third of jsontext's time. It is strict, and gives up
// with errUnusual at whatever is wrong or merely rare (a \u escape, an object of many names, deep nesting);
// then jsontext reads the event from the start and has the last word. So the scanner never refuses, and
// what it accepts, jsontext accepts: the fuzz target holds one against the other.
//
// Its methods are those of jsontext.Decoder that EventDecoder needs.
type scanner struct {
	b     []byte
	at    int
	ready bool     // the separator before the next token is behind us
	open  []level  // containers around at
	names [][]byte // of the open objects, one object behind the other
}

// level is an open object or array.
type level struct {
	object bool
	tokens int // values in it so far, names included
	names  int // where its names begin
}

// Bounds beyond which jsontext is the better reader.
const (
	scanNames = 24 // names of one object, which are compared with each other
	scanDepth = MaxDepth + 4
)

var errUnusual = errors.New("not plain JSON")

func (s *scanner) reset(b []byte) {
	s.b, s.at, s.ready, s.open, s.names = b, 0, false, s.open[:0], s.names[:0]
}

// InputOffset returns where the last value ended.
func (s *scanner) InputOffset() int64 { return int64(s.at) }

// PeekKind returns the first byte of the next token, '0' for every number, 0 if there is none.
func (s *scanner) PeekKind() jsontext.Kind {
	if !s.ready && !s.separator() {
		return 0
	}
	s.ready = true
	if s.at == len(s.b) {
		return 0
	}
	switch c := s.b[s.at]; c {
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return '0'
	default:
		return jsontext.Kind(c)
	}
}

// separator skips white space and what has to stand before the next token.
func (s *scanner) separator() bool {
	s.space()
	if len(s.open) == 0 {
		return true
	}
	if s.at == len(s.b) {
		return false
	}
	top := &s.open[len(s.open)-1]
	want := byte(',')
	switch {
	case top.object && top.tokens%2 == 1:
		want = ':'
	case top.tokens == 0, s.b[s.at] == '}', s.b[s.at] == ']':
		return true
	}
	if s.b[s.at] != want {
		return false
	}
	s.at++
	s.space()
	return s.at < len(s.b) && s.b[s.at] != '}' && s.b[s.at] != ']'
}

func (s *scanner) space() {
	for s.at < len(s.b) && (s.b[s.at] == ' ' || s.b[s.at] == '\n' || s.b[s.at] == '\t' || s.b[s.at] == '\r') {
		s.at++
	}
}

// ReadToken reads a bracket; io.EOF says that nothing is left. The token itself is not told.
func (s *scanner) ReadToken() (jsontext.Token, error) {
	var none jsontext.Token
	kind := s.PeekKind()
	if kind == 0 {
		if len(s.open) == 0 && s.at == len(s.b) {
			return none, io.EOF
		}
		return none, errUnusual
	}
	switch kind {
	case '{', '[':
		if s.atName() || len(s.open) == scanDepth {
			return none, errUnusual
		}
		s.open = append(s.open, level{object: kind == '{', names: len(s.names)})
		s.at, s.ready = s.at+1, false
		return none, nil
	case '}', ']':
		if len(s.open) == 0 {
			return none, errUnusual
		}
		top := s.open[len(s.open)-1]
		if top.object != (kind == '}') || top.object && top.tokens%2 == 1 {
			return none, errUnusual
		}
		s.open, s.names = s.open[:len(s.open)-1], s.names[:top.names]
		s.at++
		s.ended()
		return none, nil
	}
	return none, errUnusual
}

// atName reports whether a name has to come next.
func (s *scanner) atName() bool {
	return len(s.open) > 0 && s.open[len(s.open)-1].object && s.open[len(s.open)-1].tokens%2 == 0
}

// ended counts a value that is over.
func (s *scanner) ended() {
	s.ready = false
	if len(s.open) > 0 {
		s.open[len(s.open)-1].tokens++
	}
}

// ReadValue reads a name or a value, whole.
func (s *scanner) ReadValue() (jsontext.Value, error) {
	kind := s.PeekKind()
	from := s.at
	switch kind {
	case '{', '[':
		return s.container(from)
	case '"':
		if !s.text() {
			return nil, errUnusual
		}
		if s.atName() && !s.named(s.b[from:s.at]) {
			return nil, errUnusual
		}
	default:
		if s.atName() || !s.scalar(kind) {
			return nil, errUnusual
		}
	}
	s.ended()
	return s.b[from:s.at], nil
}

// container reads an object or array with all that is in it.
func (s *scanner) container(from int) (jsontext.Value, error) {
	depth := len(s.open)
	for {
		var err error
		switch s.PeekKind() {
		case '{', '[', '}', ']':
			_, err = s.ReadToken()
		default:
			_, err = s.ReadValue()
		}
		if err != nil {
			return nil, errUnusual
		}
		if len(s.open) <= depth {
			return s.b[from:s.at], nil
		}
	}
}

// named notes a name of the innermost object, and reports false if it is there already.
func (s *scanner) named(name []byte) bool {
	list := s.names[s.open[len(s.open)-1].names:]
	if len(list) == scanNames {
		return false
	}
	for _, other := range list {
		if string(other) == string(name) {
			return false
		}
	}
	for _, c := range name {
		if c == '\\' { // two spellings of one name
			return false
		}
	}
	s.names = append(s.names, name)
	return true
}

// text reads a string: valid UTF-8, with simple escapes.
func (s *scanner) text() bool {
	ascii := true
	from := s.at
	for s.at++; s.at < len(s.b); s.at++ {
		switch c := s.b[s.at]; {
		case c == '"':
			s.at++
			return ascii || utf8.Valid(s.b[from:s.at])
		case c == '\\':
			s.at++
			if s.at == len(s.b) || !simpleEscape(s.b[s.at]) {
				return false
			}
		case c < 0x20:
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return false
}

func simpleEscape(c byte) bool {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

// scalar reads a number, true, false or null.
func (s *scanner) scalar(kind jsontext.Kind) bool {
	switch kind {
	case '0':
		return s.number()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return false
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.at < len(w) || string(s.b[s.at:s.at+len(w)]) != w {
		return false
	}
	s.at += len(w)
	return s.delimited()
}

// delimited reports whether a number or word ends here.
func (s *scanner) delimited() bool {
	if s.at == len(s.b) {
		return true
	}
	switch s.b[s.at] {
	case ' ', '\n', '\t', '\r', ',', ':', '}', ']':
		return true
	}
	return false
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() bool {
	s.skip('-')
	if !s.skip('0') && !s.digits() {
		return false
	}
	if s.skip('.') && !s.digits() {
		return false
	}
	if s.skip('e') || s.skip('E') {
		if !s.skip('+') {
			s.skip('-')
		}
		if !s.digits() {
			return false
		}
	}
	return s.delimited()
}

func (s *scanner) skip(c byte) bool {
	if s.at < len(s.b) && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.b) && s.b[s.at] >= '0' && s.b[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}
