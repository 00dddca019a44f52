package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"portrait/schemas/wire"
)

// Version of the format. Readers refuse others.
const Version = 1

const magic = "PORTSNAP"

// Bounds of the format.
const (
	chunkTarget = 1 << 20 // bytes of entries after which a chunk ends
	MaxChunk    = 4 << 20 // bytes of a chunk, compressed or not: the target, and the largest entry of the store
	maxHeader   = 64 << 10
)

// ErrCorrupt says that an object is damaged or cut short: it is as if it were not there.
var ErrCorrupt = errors.New("snapshot is damaged")

// Kind is what an object holds.
type Kind byte

// The kinds of snapshots.
const (
	Base  Kind = 'b'
	Delta Kind = 'd'
)

// String is for people.
func (k Kind) String() string {
	if k == Base {
		return "base"
	}
	return "delta"
}

// Header says what a snapshot is of.
type Header struct {
	Record    []byte // the deployment record, JSON
	Partition int
	Kind      Kind
	From      int64 // delta: leads on from any position from here on; base: 0
	To        int64 // offset of the first inbox record whose effect is not contained
	Logic     int   // logic version that goes on from here
	Created   int64 // ms since 1970, of the writer's clock; for people

	salt  []byte // of this object's key; empty: not sealed
	keyID string // says which key, without telling it
}

func (h *Header) encode() []byte {
	var e wire.Encoder
	e.Bytes(h.Record)
	e.Uint(uint64(h.Partition))
	e.Byte(byte(h.Kind))
	for _, v := range []int64{h.From, h.To, int64(h.Logic), h.Created} {
		e.Int(v)
	}
	e.Bytes(h.salt)
	e.String(h.keyID)
	return e.B
}

func (h *Header) decode(b []byte) error {
	d := wire.NewDecoder(b)
	h.Record, h.Partition, h.Kind = bytes.Clone(d.Bytes()), int(d.Uint()), Kind(d.Byte())
	h.From, h.To, h.Logic, h.Created = d.Int(), d.Int(), int(d.Int()), d.Int()
	h.salt, h.keyID = bytes.Clone(d.Bytes()), d.String()
	if err := d.Close(); err != nil {
		return err
	}
	if h.Kind != Base && h.Kind != Delta || h.From < 0 || h.To < h.From || h.Partition < 0 || h.Partition > maxPartition {
		return fmt.Errorf("a %v of partition %d from %d to %d", h.Kind, h.Partition, h.From, h.To)
	}
	return nil
}

// maxPartition is far above what a deployment may have.
const maxPartition = 1<<16 - 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// chunkSum is the checksum of a chunk: its number, its kind and length, and the payload as stored.
func chunkSum(number uint64, head []byte, payload []byte) uint32 {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], number)
	return crc32.Update(crc32.Update(crc32.Update(0, castagnoli, n[:]), castagnoli, head), castagnoli, payload)
}

// writeHeader writes the beginning of an object.
func writeHeader(w io.Writer, encoded []byte) error {
	b := append([]byte(magic), Version)
	b = binary.BigEndian.AppendUint32(b, uint32(len(encoded)))
	b = append(b, encoded...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	_, err := w.Write(b)
	return err
}

// readHeader reads the beginning of an object, and returns the header as encoded, too.
func readHeader(r io.Reader) (*Header, []byte, error) {
	start := make([]byte, len(magic)+1+4)
	if _, err := io.ReadFull(r, start); err != nil {
		return nil, nil, damaged("beginning", err)
	}
	if string(start[:len(magic)]) != magic {
		return nil, nil, fmt.Errorf("%w: it does not begin as a snapshot", ErrCorrupt)
	}
	if v := start[len(magic)]; v != Version {
		return nil, nil, fmt.Errorf("snapshot of format version %d, this binary reads %d: use the binary that wrote it", v, Version)
	}
	n := binary.BigEndian.Uint32(start[len(magic)+1:])
	if n > maxHeader {
		return nil, nil, fmt.Errorf("%w: header of %d bytes", ErrCorrupt, n)
	}
	rest := make([]byte, n+4)
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, nil, damaged("header", err)
	}
	encoded := rest[:n]
	if crc32.Update(crc32.Checksum(start, castagnoli), castagnoli, encoded) != binary.BigEndian.Uint32(rest[n:]) {
		return nil, nil, fmt.Errorf("%w: the header fails its checksum", ErrCorrupt)
	}
	h := new(Header)
	if err := h.decode(encoded); err != nil {
		return nil, nil, fmt.Errorf("%w: header: %w", ErrCorrupt, err)
	}
	return h, encoded, nil
}

// damaged tells an object that ends too soon from a store that fails.
func damaged(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends in the %s", ErrCorrupt, what)
	}
	return fmt.Errorf("snapshot %s: %w", what, err)
}
