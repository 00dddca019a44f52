package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the most bytes of one line: below what a Kafka record may hold (4 MiB), so whatever is
// within it reaches the router, which has its own, lower limit and says so in the dead letter.
const MaxLine = 3 << 20

var (
	errLong  = fmt.Errorf("longer than %d bytes", MaxLine)
	errQuote = errors.New("a quoted field is never closed; the line alone was left out")
)

// lines cuts a stream into lines with one buffer that grows up to MaxLine.
type lines struct {
	r          io.Reader
	buf        []byte
	start, end int // unread bytes
	last       int // where the line returned last begins
	number     int // of the line that starts at start
	eof        bool
}

func newLines(r io.Reader) *lines {
	return &lines{r: r, buf: make([]byte, 64<<10), number: 1}
}

// next returns the next line without its line break, and its number; blank lines are passed over. With
// a delimiter, line breaks inside quoted fields belong to the line; 0 means there are no quotes. The
// bytes are valid until the next call. errLong and errQuote concern that line alone; any other error
// ends the stream, io.EOF where it should.
func (l *lines) next(delimiter byte) (line []byte, number int, err error) {
	for {
		line, number, err = l.cut(delimiter)
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if err != nil || len(line) > 0 {
			return line, number, err
		}
	}
}

func (l *lines) cut(delimiter byte) ([]byte, int, error) {
	for {
		unread := l.buf[l.start:l.end]
		if l.eof && len(unread) == 0 {
			return nil, l.number, io.EOF
		}
		if n := lineEnd(unread, delimiter, l.eof); n >= 0 && n <= MaxLine {
			line, number := l.take(n)
			return line, number, nil
		}
		if l.eof || len(unread) > MaxLine {
			break
		}
		if err := l.fill(); err != nil {
			return nil, l.number, err
		}
	}
	unread := l.buf[l.start:l.end]
	physical := bytes.IndexByte(unread, '\n')
	switch {
	case physical >= 0 && physical <= MaxLine:
		// Only a quote can have joined it to what follows, and it may be a slip in this one line: give
		// up the line, not the megabytes behind it.
		_, number := l.take(physical)
		return nil, number, errQuote
	case len(unread) > MaxLine:
		number := l.number
		return nil, number, l.skip()
	default: // a quote that the end of the input left open in its last line
		line, number := l.take(len(unread))
		return line, number, nil
	}
}

// take consumes n bytes and the line break behind them.
func (l *lines) take(n int) (line []byte, number int) {
	line, number = l.buf[l.start:l.start+n], l.number
	l.last = l.start
	l.number += bytes.Count(line, []byte{'\n'})
	l.start += n
	if l.start < l.end { // then it is a line break
		l.start++
		l.number++
	}
	return line, number
}

// skip consumes up to and with the next line break, keeping nothing.
func (l *lines) skip() error {
	for {
		if n := bytes.IndexByte(l.buf[l.start:l.end], '\n'); n >= 0 {
			l.start += n + 1
			l.number++
			return errLong
		}
		l.start = l.end
		if l.eof {
			return errLong
		}
		if err := l.fill(); err != nil {
			return err
		}
	}
}

// fill reads once, making room first: by moving what is unread to the front, else by growing.
func (l *lines) fill() error {
	if l.start > 0 {
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	if l.end == len(l.buf) {
		grown := make([]byte, min(2*len(l.buf), MaxLine+2))
		copy(grown, l.buf)
		l.buf = grown
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		if errors.Is(err, io.EOF) {
			l.eof = true
			return nil
		}
		if err != nil || n > 0 {
			return err
		}
	}
	return io.ErrNoProgress
}

// giveBack un-reads all but the first physical line of what next returned last, and reports whether
// there was anything to give back: a line that turns out to be malformed may have swallowed good ones
// through a stray quote. next's bytes must not have been changed.
func (l *lines) giveBack() bool {
	n := bytes.IndexByte(l.buf[l.last:l.start], '\n') + 1
	if n == 0 || l.last+n == l.start {
		return false
	}
	l.number -= bytes.Count(l.buf[l.last+n:l.start], []byte{'\n'})
	l.start = l.last + n
	return true
}

// lineEnd returns where the first line of b ends: the index of its line break, or of the end of the
// input if all of that is here; else -1. With a delimiter, a field that starts with a quote may hold line
// breaks (RFC 4180).
func lineEnd(b []byte, delimiter byte, all bool) int {
	n := bytes.IndexByte(b, '\n')
	if n < 0 && all && delimiter == 0 {
		return len(b)
	}
	if delimiter == 0 || n >= 0 && bytes.IndexByte(b[:n], '"') < 0 {
		return n
	}
	const (
		fieldStart = iota
		plain
		quoted
		quoteInQuoted // the end of the field, or half of a doubled quote
	)
	state := fieldStart
	for i, c := range b {
		switch {
		case state == quoted:
			if c == '"' {
				state = quoteInQuoted
			}
		case c == '\n':
			return i
		case c == delimiter:
			state = fieldStart
		case c == '"' && state != plain:
			state = quoted
		default:
			state = plain
		}
	}
	if all && state != quoted {
		return len(b)
	}
	return -1
}
