package kafka

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
)

// frame is the length that precedes a record set in a produce request; kafka-go's raw produce request
// leaves it to the caller.
const frame = 4

// maxKept bounds what an encoder keeps between batches: enough for batches of the usual bound, in and out of
// their packing, and not for the one profile of some megabytes that was sent once.
const maxKept = 3 << 20

// batchEncoder encodes the batches of one output partition, one after the other. It keeps its memory: a busy one
// sends a megabyte at a time.
type batchEncoder struct {
	pack          *packing // nil: none
	plain, packed []byte
}

// encode returns a frame and records as one batch of format 2, ready to be sent as often as needed, and valid until
// the next call. Records without a time get now (ms), taken once, so that a repeat is the same byte for byte.
func (c *batchEncoder) encode(records []item, now int64) ([]byte, error) {
	if cap(c.plain)+cap(c.packed) > maxKept {
		c.forget()
	}
	size := frame + batchHeader
	for i := range records {
		size += records[i].record.size()
	}
	b := append(slices.Grow(c.plain[:0], size), make([]byte, frame+batchHeader)...)
	first, latest := now, int64(0)
	for i := range records {
		r := &records[i].record
		if r.Time == 0 {
			r.Time = now
		}
		if i == 0 {
			first = r.Time
		}
		latest = max(latest, r.Time)
		b = appendRecord(b, r, r.Time-first, i)
	}
	c.plain = b
	attributes := uint16(0)
	if c.pack != nil {
		packed := append(slices.Grow(c.packed[:0], frame+batchHeader+len(b)/2), b[:frame+batchHeader]...)
		packed, err := c.pack.pack(packed, b[frame+batchHeader:])
		if err != nil {
			return nil, fmt.Errorf("a batch of %d records: %w", len(records), err)
		}
		c.packed, b, attributes = packed, packed, c.pack.code
	}
	order, h := binary.BigEndian, b[frame:]
	order.PutUint32(b, uint32(len(h)))
	order.PutUint64(h[0:], 0) // base offset: the broker's
	order.PutUint32(h[8:], uint32(len(h)-batchPrefix))
	order.PutUint32(h[12:], ^uint32(0)) // leader epoch: the broker's
	h[16] = 2
	order.PutUint16(h[21:], attributes)
	order.PutUint32(h[23:], uint32(len(records)-1))
	order.PutUint64(h[27:], uint64(first))
	order.PutUint64(h[35:], uint64(latest))
	order.PutUint64(h[43:], ^uint64(0)) // no producer id: not idempotent
	order.PutUint16(h[51:], ^uint16(0))
	order.PutUint32(h[53:], ^uint32(0))
	order.PutUint32(h[57:], uint32(len(records)))
	order.PutUint32(h[batchChecksum:], crc32.Checksum(h[batchChecksum+4:], castagnoli))
	return b, nil
}

func appendRecord(b []byte, r *Record, timeDelta int64, index int) []byte {
	n := 1 + varintSize(timeDelta) + varintSize(int64(index)) + bytesSize(r.Key) + bytesSize(r.Value) + varintSize(int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		n += varintSize(int64(len(h.Key))) + len(h.Key) + bytesSize(h.Value)
	}
	b = binary.AppendVarint(b, int64(n))
	b = append(b, 0)
	b = binary.AppendVarint(b, timeDelta)
	b = binary.AppendVarint(b, int64(index))
	b = appendBytes(b, r.Key)
	b = appendBytes(b, r.Value)
	b = binary.AppendVarint(b, int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		b = binary.AppendVarint(b, int64(len(h.Key)))
		b = append(b, h.Key...)
		b = appendBytes(b, h.Value)
	}
	return b
}

func appendBytes(b, v []byte) []byte {
	if v == nil {
		return binary.AppendVarint(b, -1)
	}
	return append(binary.AppendVarint(b, int64(len(v))), v...)
}

func bytesSize(v []byte) int {
	if v == nil {
		return 1
	}
	return varintSize(int64(len(v))) + len(v)
}

func varintSize(v int64) int {
	u := uint64(v)<<1 ^ uint64(v>>63)
	n := 1
	for ; u >= 0x80; u >>= 7 {
		n++
	}
	return n
}

// forget lets go of the memory: what encode returned last stays as it is.
func (c *batchEncoder) forget() { c.plain, c.packed = nil, nil }
