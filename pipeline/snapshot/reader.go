package snapshot

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"portrait/profile"
	"portrait/schemas/wire"
)

// Reader reads one snapshot. What it returned counts only if it went to the end: see Next.
type Reader struct {
	Header *Header

	r       io.Reader
	encoded []byte // header
	aead    cipher.AEAD
	zstd    *zstd.Decoder
	number  uint64
	stored  []byte        // scratch: the payload as stored
	open    *wire.Decoder // of the chunk that is read
	entries uint64
	last    []byte
	meta    []byte
	done    bool
}

// NewReader reads the header. Close the reader.
func NewReader(r io.Reader, key *Key) (*Reader, error) {
	h, encoded, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	in := &Reader{Header: h, r: r, encoded: encoded, open: wire.NewDecoder(nil)}
	if in.aead, err = unsealer(h, key); err != nil {
		return nil, err
	}
	in.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxChunk), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	return in, nil
}

// Close lets go of the decompressor, not of what the reader reads from.
func (r *Reader) Close() { r.zstd.Close() }

// Next returns the next entry, whose memory is the caller's. Behind the last one, if the snapshot is
// whole, it is io.EOF, and Meta is there. Damage is ErrCorrupt.
func (r *Reader) Next() (profile.Change, error) {
	for r.open.Rest() == 0 {
		if r.done {
			return profile.Change{}, io.EOF
		}
		if err := r.chunk(); err != nil {
			return profile.Change{}, err
		}
	}
	d := r.open
	c := profile.Change{Key: d.Bytes()}
	switch op := d.Byte(); {
	case op == opSet:
		c.Value = d.Bytes()
		if c.Value == nil {
			c.Value = []byte{}
		}
	case op != opDelete && d.Err() == nil:
		return profile.Change{}, fmt.Errorf("%w: entry %d: operation %d", ErrCorrupt, r.entries, op)
	}
	if err := d.Err(); err != nil {
		return profile.Change{}, fmt.Errorf("%w: entry %d: %w", ErrCorrupt, r.entries, err)
	}
	if r.entries > 0 && bytes.Compare(r.last, c.Key) >= 0 {
		return profile.Change{}, fmt.Errorf("%w: entry %d does not ascend", ErrCorrupt, r.entries)
	}
	r.last = c.Key
	r.entries++
	return c, nil
}

// Meta is the checkpoint's, once Next has said io.EOF.
func (r *Reader) Meta() []byte { return r.meta }

// chunk reads and verifies the next chunk.
func (r *Reader) chunk() error {
	var head [chunkHead]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return damaged("middle", err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > MaxChunk+1024 { // what does not compress and is sealed is a little longer
		return fmt.Errorf("%w: chunk %d of %d bytes", ErrCorrupt, r.number, n)
	}
	if cap(r.stored) < int(n)+4 {
		r.stored = make([]byte, n+4)
	}
	stored := r.stored[:n+4]
	if _, err := io.ReadFull(r.r, stored); err != nil {
		return damaged("middle", err)
	}
	payload := stored[:n]
	if chunkSum(r.number, head[:], payload) != binary.BigEndian.Uint32(stored[n:]) {
		return fmt.Errorf("%w: chunk %d fails its checksum", ErrCorrupt, r.number)
	}
	kind := head[0]
	if r.aead != nil {
		var err error
		if payload, err = r.aead.Open(nil, nonce(r.number), payload, append([]byte{kind}, r.encoded...)); err != nil {
			return fmt.Errorf("%w: chunk %d does not open with the key: it was changed", ErrCorrupt, r.number)
		}
	}
	plain, err := r.zstd.DecodeAll(payload, nil)
	if err != nil {
		return fmt.Errorf("%w: chunk %d: %w", ErrCorrupt, r.number, err)
	}
	r.number++
	switch kind {
	case chunkEntries:
		r.open = wire.NewDecoder(plain)
		return nil
	case chunkEnd:
		return r.end(plain)
	}
	return fmt.Errorf("%w: chunk %d of kind %q", ErrCorrupt, r.number-1, kind)
}

// end checks the last chunk, and that nothing follows.
func (r *Reader) end(plain []byte) error {
	d := wire.NewDecoder(plain)
	entries, meta := d.Uint(), d.Bytes()
	if err := d.Close(); err != nil {
		return fmt.Errorf("%w: end: %w", ErrCorrupt, err)
	}
	if entries != r.entries {
		return fmt.Errorf("%w: it has %d entries and should have %d", ErrCorrupt, r.entries, entries)
	}
	var more [1]byte
	if _, err := io.ReadFull(r.r, more[:]); !errors.Is(err, io.EOF) {
		if err == nil {
			return fmt.Errorf("%w: something follows its end", ErrCorrupt)
		}
		return damaged("end", err)
	}
	r.meta, r.done = meta, true
	return nil
}
