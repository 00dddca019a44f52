package kafka

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
)

// The record batch of format 2, the only one since Kafka 0.11 (Kafka documentation, "Message Format").
const (
	batchPrefix   = 12 // base offset and length, not counted in the length
	batchHeader   = 61 // whole header, prefix included
	batchChecksum = 17 // offset of the CRC, which covers everything behind it

	attributeCodec         = 0x07
	attributeLogAppendTime = 0x08
	attributeTransactional = 0x10
	attributeControl       = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batchInfo is the header of one batch.
type batchInfo struct {
	base       int64
	last       int64 // last offset the batch stands for, whether compaction left that record or not
	attributes int16
	firstTime  int64
	maxTime    int64
	producer   int64
	count      int32
}

// nextBatch cuts the first batch off data. It returns ok false if the rest is a cut batch, which the
// broker may send at the end of a response.
func nextBatch(data []byte) (info batchInfo, records, rest []byte, ok bool, err error) {
	if len(data) < batchChecksum {
		return info, nil, nil, false, nil
	}
	base := int64(binary.BigEndian.Uint64(data))
	length := int64(int32(binary.BigEndian.Uint32(data[8:])))
	if magic := data[16]; magic != 2 {
		return info, nil, nil, false, fmt.Errorf("batch at offset %d has message format %d: rewrite the topic with a client newer than Kafka 0.11: %w",
			base, magic, ErrCorrupt)
	}
	if length < batchHeader-batchPrefix || length > maxResponse {
		return info, nil, nil, false, fmt.Errorf("batch at offset %d has a length of %d: %w", base, length, ErrCorrupt)
	}
	end := batchPrefix + length
	if end > int64(len(data)) {
		return info, nil, nil, false, nil
	}
	batch := data[:end:end]
	if want := binary.BigEndian.Uint32(batch[batchChecksum:]); crc32.Checksum(batch[batchChecksum+4:], castagnoli) != want {
		return info, nil, nil, false, fmt.Errorf("batch at offset %d fails its checksum: %w", base, ErrCorrupt)
	}
	d := reader{b: batch[batchChecksum+4:]}
	info.base = base
	info.attributes = d.int16()
	info.last = base + int64(d.int32())
	info.firstTime = d.int64()
	info.maxTime = d.int64()
	info.producer = d.int64()
	d.int16() // producer epoch
	d.int32() // base sequence
	info.count = d.int32()
	if info.last < base || info.count < 0 {
		return info, nil, nil, false, fmt.Errorf("batch at offset %d has a bad header: %w", base, ErrCorrupt)
	}
	return info, batch[batchHeader:], data[end:], true, nil
}

// A count is a claim: it is believed as far as there is room for the smallest record, and for so many at once.
const (
	leastRecord = 7
	presize     = 8192
)

// appendRecords decodes a batch and appends its records from an offset on.
func appendRecords(out []Record, info batchInfo, data []byte, from int64, room *room) ([]Record, error) {
	data, err := unpack(info, data, room)
	if err != nil {
		return out, err
	}
	d := reader{b: data}
	out = slices.Grow(out, min(int(info.count), len(data)/leastRecord, presize))
	for i := int32(0); i < info.count; i++ {
		length := d.varint()
		if d.bad || length < 0 || length > int64(len(d.b)) {
			return out, fmt.Errorf("record %d of the batch at offset %d is cut: %w", i, info.base, ErrCorrupt)
		}
		r := reader{b: d.take(int(length))}
		record, ok := decodeRecord(&r, info)
		if !ok {
			return out, fmt.Errorf("record %d of the batch at offset %d does not decode: %w", i, info.base, ErrCorrupt)
		}
		if record.Offset >= from {
			out = append(out, record)
		}
	}
	return out, nil
}

func decodeRecord(r *reader, info batchInfo) (Record, bool) {
	r.int8() // attributes: unused
	record := Record{Time: info.firstTime + r.varint()}
	if info.attributes&attributeLogAppendTime != 0 {
		record.Time, record.Appended = info.maxTime, true // the broker rewrites only the header
	}
	record.Offset = info.base + r.varint()
	record.Key = r.bytes()
	record.Value = r.bytes()
	n := r.varint()
	if r.bad || n < 0 || n > int64(len(r.b)) {
		return record, false
	}
	if n > 0 {
		record.Headers = make([]Header, n)
		for i := range record.Headers {
			record.Headers[i] = Header{Key: string(r.bytes()), Value: r.bytes()}
		}
	}
	return record, !r.bad && record.Offset <= info.last
}
