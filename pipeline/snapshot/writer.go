package snapshot

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"portrait/schemas/wire"
)

const (
	chunkEntries = 'c'
	chunkEnd     = 'z'
	chunkHead    = 5 // kind, length

	opSet    = 1
	opDelete = 0
)

// Writer writes one snapshot. Not safe for concurrent use.
type Writer struct {
	w       io.Writer
	header  []byte
	aead    cipher.AEAD // nil: not sealed
	zstd    *zstd.Encoder
	plain   wire.Encoder // of the chunk that is open
	packed  []byte       // scratch
	number  uint64       // of the next chunk
	entries uint64
	last    []byte // key
}

// NewWriter begins a snapshot; with a key it is sealed.
func NewWriter(w io.Writer, h Header, key *Key) (*Writer, error) {
	h.salt, h.keyID = nil, ""
	out := &Writer{w: w}
	var err error
	if key != nil {
		h.salt, h.keyID = newSalt(), key.id
		if out.aead, err = key.seal(h.salt); err != nil {
			return nil, err
		}
	}
	// The fastest level: three to one on profiles, at some 300 MB/s of one core; one goroutine, because the
	// cores belong to the machines.
	if out.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	out.header = h.encode()
	if len(out.header) > maxHeader {
		return nil, fmt.Errorf("snapshot: header of %d bytes, at most %d", len(out.header), maxHeader)
	}
	return out, writeHeader(w, out.header)
}

// Put appends an entry: a value, or a deletion if it is nil. Keys ascend.
func (w *Writer) Put(key, value []byte) error {
	if w.entries > 0 && bytes.Compare(w.last, key) >= 0 {
		return errors.New("snapshot: keys must ascend, each once")
	}
	if len(key)+len(value) > MaxChunk-chunkTarget-64 {
		return fmt.Errorf("snapshot: entry of %d bytes", len(key)+len(value))
	}
	w.last = append(w.last[:0], key...)
	w.entries++
	w.plain.Bytes(key)
	if value == nil {
		w.plain.Byte(opDelete)
	} else {
		w.plain.Byte(opSet)
		w.plain.Bytes(value)
	}
	if len(w.plain.B) < chunkTarget {
		return nil
	}
	return w.chunk(chunkEntries)
}

// Close ends the snapshot with the checkpoint's meta. Without it nothing before counts.
func (w *Writer) Close(meta []byte) error {
	if len(w.plain.B) > 0 {
		if err := w.chunk(chunkEntries); err != nil {
			return err
		}
	}
	w.plain.Uint(w.entries)
	w.plain.Bytes(meta)
	return w.chunk(chunkEnd)
}

// chunk writes what is open as one chunk.
func (w *Writer) chunk(kind byte) error {
	if len(w.plain.B) > MaxChunk {
		return fmt.Errorf("snapshot: chunk of %d bytes, at most %d", len(w.plain.B), MaxChunk)
	}
	w.packed = w.zstd.EncodeAll(w.plain.B, w.packed[:0])
	payload := w.packed
	if w.aead != nil {
		payload = w.aead.Seal(nil, nonce(w.number), payload, append([]byte{kind}, w.header...))
	}
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	sum := binary.BigEndian.AppendUint32(nil, chunkSum(w.number, head, payload))
	for _, b := range [][]byte{head, payload, sum} {
		if _, err := w.w.Write(b); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
	}
	w.number++
	w.plain.B = w.plain.B[:0]
	return nil
}
