package importer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds what a compressed input may make us hold: the largest window that `zstd` itself
// writes without --ultra is 8 MiB, with it 128.
const maxWindow = 128 << 20

// Event is one line as the record that goes to portrait.events.
type Event struct {
	Value []byte // native JSON: one event, or for JSONL perhaps an array of them; the receiver's to keep
	Time  int64  // ms since 1970, the latest of an array; 0 if a JSONL event names none
	Line  int
}

// LineError says which line was left out and why. It names columns, never contents, so it may be
// printed and logged.
type LineError struct {
	Line   int
	Reason string
}

// Error writes "line L: reason".
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Source is one open input. Next belongs to one goroutine; Progress may be asked by any.
type Source struct {
	name    string
	counter *counter
	total   int64
	lines   *lines
	binding *binding // nil: JSONL
	fields  [][]byte
	close   []func() error // in reverse order of opening
}

// Open opens a file for reading: JSONL, or CSV if there is a mapping. What gzip or zstd wrote is
// recognised by its first bytes. An error names the file; for a mapping that does not fit the file's
// header it wraps a *MappingError.
func Open(path string, mapping *Mapping) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("input %s: it is a directory; name a file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s, err := New(f, path, info.Size(), mapping)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s.close = append(s.close, f.Close)
	return s, nil
}

// New reads from r as Open does from a file; name is for errors, and size (bytes, 0 if unknown) for
// Progress. Close does not close r.
func New(r io.Reader, name string, size int64, mapping *Mapping) (*Source, error) {
	s := &Source{name: name, counter: &counter{r: r}, total: size}
	text, err := s.decompress(bufio.NewReaderSize(s.counter, 64<<10))
	if err == nil {
		s.lines = newLines(text)
		err = s.begin(mapping)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("input %s: %w", name, err), s.Close())
	}
	return s, nil
}

func (s *Source) decompress(r *bufio.Reader) (io.Reader, error) {
	// An input shorter than the magic numbers is plain text; an error in reading shows again later.
	magic, _ := r.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		s.close = append(s.close, z.Close)
		return z, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		s.close = append(s.close, func() error { z.Close(); return nil })
		return z, nil
	}
	return r, nil
}

// begin passes over a byte order mark and reads the header of a CSV file.
func (s *Source) begin(mapping *Mapping) error {
	for s.lines.end < 3 && !s.lines.eof {
		if err := s.lines.fill(); err != nil {
			return err
		}
	}
	if bytes.HasPrefix(s.lines.buf[:s.lines.end], []byte("\xef\xbb\xbf")) {
		s.lines.start = 3
	}
	if mapping == nil {
		return nil
	}
	header := mapping.columns
	if header == nil {
		line, _, err := s.lines.next(mapping.delimiter)
		if errors.Is(err, io.EOF) {
			return errors.New("it is empty; a CSV file starts with the names of its columns, or the mapping lists them under columns")
		}
		var fields [][]byte
		if err == nil {
			fields, err = splitFields(nil, line, mapping.delimiter)
		}
		if err != nil {
			return fmt.Errorf("header: %w", err)
		}
		for _, f := range fields {
			header = append(header, string(bytes.TrimSpace(f)))
		}
	}
	b, err := bind(mapping, header)
	if err != nil {
		return fmt.Errorf("mapping: %w", err)
	}
	s.binding = b
	return nil
}

// Name is what New was told, or the file's path.
func (s *Source) Name() string { return s.name }

// Next returns the next event, or a line that cannot be used (then Event holds its number alone, and
// reading goes on), or an error that ends the source: io.EOF when all is read.
func (s *Source) Next() (Event, *LineError, error) {
	var delimiter byte
	if s.binding != nil {
		delimiter = s.binding.delimiter
	}
	line, number, err := s.lines.next(delimiter)
	ev := Event{Line: number}
	switch {
	case errors.Is(err, errLong) || errors.Is(err, errQuote):
		return ev, &LineError{number, err.Error()}, nil
	case errors.Is(err, io.EOF):
		return ev, nil, io.EOF
	case err != nil:
		return ev, nil, fmt.Errorf("input %s, line %d: %w", s.name, number, err)
	}
	if s.binding == nil {
		ev.Time, err = checkJSON(line)
		ev.Value = bytes.Clone(line)
	} else {
		ev.Value, ev.Time, err = s.convert(line)
	}
	if err != nil {
		return Event{Line: number}, &LineError{number, err.Error()}, nil
	}
	return ev, nil, nil
}

func (s *Source) convert(line []byte) (value []byte, ms int64, err error) {
	s.fields, err = splitFields(s.fields[:0], line, s.binding.delimiter)
	if err == nil && len(s.fields) != s.binding.width {
		err = fmt.Errorf("%d fields instead of %d", len(s.fields), s.binding.width)
	}
	if err != nil {
		if s.lines.giveBack() {
			err = errQuote
		}
		return nil, 0, err
	}
	return row{s.binding, s.fields}.convert()
}

// Progress returns how many bytes of the input, as stored, were read so far, and how many there are (0
// if unknown).
func (s *Source) Progress() (read, total int64) {
	return s.counter.n.Load(), s.total
}

// Close ends the source; Next must not be called afterwards.
func (s *Source) Close() error {
	var err error
	for _, f := range s.close {
		err = errors.Join(err, f())
	}
	s.close = nil
	return err
}

// counter counts what was read through it.
type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
