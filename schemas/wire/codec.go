package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"
)

// Version is the first byte of every record. A record of another version stops its reader.
const Version = 1

// presize is how many elements a list gets before they are read: a count is a claim, and an element in
// memory is up to a hundred times its smallest encoding.
const presize = 512

// ErrMalformed says that bytes do not decode; errors of this package wrap it.
var ErrMalformed = errors.New("malformed record")

// Encoder appends values to a buffer. The zero value is ready to use.
type Encoder struct{ B []byte }

// Uint appends an unsigned varint.
func (e *Encoder) Uint(v uint64) {
	if v < 0x80 { // nearly every length and count
		e.B = append(e.B, byte(v))
		return
	}
	e.B = binary.AppendUvarint(e.B, v)
}

// Fixed appends eight bytes: for hashes, which a varint would make longer.
func (e *Encoder) Fixed(v uint64) { e.B = binary.LittleEndian.AppendUint64(e.B, v) }

// Int appends a zigzag varint.
func (e *Encoder) Int(v int64) { e.B = binary.AppendVarint(e.B, v) }

// Byte appends one byte.
func (e *Encoder) Byte(v byte) { e.B = append(e.B, v) }

// Bool appends one byte, 0 or 1.
func (e *Encoder) Bool(v bool) {
	if v {
		e.B = append(e.B, 1)
	} else {
		e.B = append(e.B, 0)
	}
}

// String appends a length and the bytes.
func (e *Encoder) String(s string) {
	e.Uint(uint64(len(s)))
	e.B = append(e.B, s...)
}

// Bytes appends a length and the bytes.
func (e *Encoder) Bytes(s []byte) {
	e.Uint(uint64(len(s)))
	e.B = append(e.B, s...)
}

// Strings appends a count and each string.
func (e *Encoder) Strings(s []string) {
	e.Uint(uint64(len(s)))
	for _, x := range s {
		e.String(x)
	}
}

// UUID appends sixteen bytes.
func (e *Encoder) UUID(u [16]byte) { e.B = append(e.B, u[:]...) }

// Decoder reads what Encoder wrote. It holds the input as a string, so that texts are slices of it
// and cost nothing; after the first error every read returns zero values and Err tells.
type Decoder struct {
	s   string
	at  int // what was read; cutting it off s instead, for every number, took a third more time
	err error

	memory *Memory // for the lists of many small elements that a record has; made when it is nil
}

// NewDecoder returns a decoder over b, which must not change any more: what is read shares its memory.
func NewDecoder(b []byte) *Decoder { return &Decoder{s: unsafe.String(unsafe.SliceData(b), len(b))} }

// Err returns the first error.
func (d *Decoder) Err() error { return d.err }

// Rest returns how many bytes are left.
func (d *Decoder) Rest() int { return len(d.s) - d.at }

func (d *Decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%s: %w", what, ErrMalformed)
	}
	d.s, d.at = "", 0
}

// Uint reads an unsigned varint.
func (d *Decoder) Uint() uint64 {
	if d.at < len(d.s) && d.s[d.at] < 0x80 {
		d.at++
		return uint64(d.s[d.at-1])
	}
	return d.long()
}

// long reads a varint of more than one byte.
func (d *Decoder) long() uint64 {
	var v uint64
	for i, c := range []byte(d.s[d.at:min(len(d.s), d.at+binary.MaxVarintLen64)]) {
		if c < 0x80 {
			if i == binary.MaxVarintLen64-1 && c > 1 {
				break
			}
			d.at += i + 1
			return v | uint64(c)<<(7*i)
		}
		v |= uint64(c&0x7f) << (7 * i)
	}
	d.fail("integer")
	return 0
}

// Fixed reads eight bytes.
func (d *Decoder) Fixed() (v uint64) {
	if d.Rest() < 8 {
		d.fail("fixed integer")
		return 0
	}
	for i := 7; i >= 0; i-- {
		v = v<<8 | uint64(d.s[d.at+i])
	}
	d.at += 8
	return v
}

// Int reads a zigzag varint.
func (d *Decoder) Int() int64 {
	u := d.Uint()
	return int64(u>>1) ^ -int64(u&1)
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if d.at >= len(d.s) {
		d.fail("byte")
		return 0
	}
	d.at++
	return d.s[d.at-1]
}

// Bool reads a byte that must be 0 or 1.
func (d *Decoder) Bool() bool {
	c := d.Byte()
	if c > 1 {
		d.fail("bool")
	}
	return c == 1
}

// String reads a length and that many bytes; the result shares the decoder's memory.
func (d *Decoder) String() string {
	n := d.Uint()
	if n > uint64(d.Rest()) {
		d.fail("text")
		return ""
	}
	from := d.at
	d.at += int(n)
	return d.s[from:d.at]
}

// Bytes reads a length and a copy of that many bytes; nil if there are none.
func (d *Decoder) Bytes() []byte {
	s := d.String()
	if s == "" {
		return nil
	}
	return []byte(s)
}

// Count reads a length of a list whose elements take at least one byte each, so that a short input
// cannot ask for a long allocation.
func (d *Decoder) Count() int {
	n := d.Uint()
	if n > uint64(d.Rest()) {
		d.fail("count")
		return 0
	}
	return int(n)
}

// Strings reads a count and each string; nil if there are none.
func (d *Decoder) Strings() []string {
	n := d.Count()
	if n == 0 {
		return nil
	}
	out := d.takeTexts(n)
	for i := 0; i < n && d.err == nil; i++ {
		out = append(out, d.String())
	}
	return out
}

// takeTexts returns an empty list with room for n texts, or for as many as are believed at once.
func (d *Decoder) takeTexts(n int) []string { return d.lists().texts.take(min(n, presize), d.hint()) }

// takeProps is takeTexts for properties.
func (d *Decoder) takeProps(n int) []Prop { return d.lists().props.take(min(n, presize), d.hint()) }

func (d *Decoder) lists() *Memory {
	if d.memory == nil {
		d.memory = new(Memory)
	}
	return d.memory
}

// hint is how many small elements the rest may hold: what a short record asks for stays small.
func (d *Decoder) hint() int { return min(d.Rest()/32, presize) }

// UUID reads sixteen bytes.
func (d *Decoder) UUID() (u [16]byte) {
	if d.Rest() < 16 {
		d.fail("uuid")
		return u
	}
	copy(u[:], d.s[d.at:])
	d.at += 16
	return u
}

// Close reports an error, or bytes left over.
func (d *Decoder) Close() error {
	if d.err == nil && d.Rest() > 0 {
		d.fail(fmt.Sprintf("%d bytes too many", d.Rest()))
	}
	return d.err
}
