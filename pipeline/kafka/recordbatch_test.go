package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"
)

// batchAt returns a batch as a broker holds it: records of the given values from the base offset on.
func batchAt(t testing.TB, base int64, pack *packing, values ...string) []byte {
	t.Helper()
	items := make([]item, len(values))
	for i, v := range values {
		items[i].record = Record{Value: []byte(v)}
	}
	b, err := (&batchEncoder{pack: pack}).encode(items, 1000)
	if err != nil {
		t.Fatal(err)
	}
	b = b[frame:]
	binary.BigEndian.PutUint64(b, uint64(base))
	return b
}

// edit changes a header behind the checksum and signs it again.
func edit(b []byte, change func([]byte)) []byte {
	change(b)
	binary.BigEndian.PutUint32(b[batchChecksum:], crc32.Checksum(b[batchChecksum+4:], castagnoli))
	return b
}

// lastOffset makes a batch stand for offsets up to last, as compaction leaves it.
func lastOffset(b []byte, last int64) []byte {
	return edit(b, func(b []byte) {
		binary.BigEndian.PutUint32(b[23:], uint32(last-int64(binary.BigEndian.Uint64(b))))
	})
}

// empty is a batch that compaction emptied.
func empty(t testing.TB, base, last int64) []byte {
	b := batchAt(t, base, nil, "x")[:batchHeader]
	binary.BigEndian.PutUint32(b[8:], batchHeader-batchPrefix)
	return lastOffset(edit(b, func(b []byte) { binary.BigEndian.PutUint32(b[57:], 0) }), last)
}

func transactional(b []byte, producer int64, control bool) []byte {
	return edit(b, func(b []byte) {
		attributes := binary.BigEndian.Uint16(b[21:]) | attributeTransactional
		if control {
			attributes |= attributeControl
		}
		binary.BigEndian.PutUint16(b[21:], attributes)
		binary.BigEndian.PutUint64(b[43:], uint64(producer))
	})
}

// What compaction and transactions leave behind: every shape moves on to the right offset.
func TestDecodeBatches(t *testing.T) {
	lz4 := packingOf(CompressionLZ4)
	whole := batchAt(t, 10, nil, "a", "b", "c")
	for _, c := range []struct {
		name    string
		data    [][]byte
		aborted []abortedTransaction
		min     int64
		want    string // records, and voids in brackets
		next    int64
	}{
		{"nothing", nil, nil, 10, "", 10},
		{"whole", [][]byte{whole}, nil, 10, "10a 11b 12c", 13},
		{"from the middle", [][]byte{whole}, nil, 11, "11b 12c", 13},
		{"a second one cut", [][]byte{whole, batchAt(t, 13, nil, "d")[:65]}, nil, 10, "10a 11b 12c", 13},
		{"a second one cut in its header", [][]byte{whole, batchAt(t, 13, nil, "d")[:9]}, nil, 10, "10a 11b 12c", 13},
		{"compressed, tail removed", [][]byte{lastOffset(batchAt(t, 10, lz4, "a"), 15)}, nil, 11, "", 16},
		{"tail removed, then more", [][]byte{lastOffset(batchAt(t, 10, lz4, "a"), 15), batchAt(t, 16, lz4, "b")}, nil, 12, "16b", 17},
		{"emptied", [][]byte{empty(t, 10, 19)}, nil, 10, "", 20},
		{"two emptied between others", [][]byte{whole, empty(t, 13, 14), empty(t, 15, 19), batchAt(t, 20, nil, "d")}, nil, 10, "10a 11b 12c 20d", 21},
		{"committed", [][]byte{transactional(batchAt(t, 10, nil, "a"), 7, false), transactional(batchAt(t, 11, nil, "m"), 7, true)}, nil, 10, "10a [11-11]", 12},
		{"aborted, then committed", [][]byte{
			transactional(batchAt(t, 10, nil, "a"), 7, false), transactional(batchAt(t, 11, nil, "m"), 7, true),
			transactional(batchAt(t, 12, nil, "b"), 7, false), transactional(batchAt(t, 13, nil, "m"), 7, true),
		}, []abortedTransaction{{7, 10}}, 10, "12b [10-11] [13-13]", 14},
		{"aborted among others", [][]byte{
			transactional(batchAt(t, 10, nil, "a"), 7, false), transactional(batchAt(t, 11, nil, "b"), 8, false),
			batchAt(t, 12, nil, "c"), transactional(batchAt(t, 13, nil, "m"), 7, true), transactional(batchAt(t, 14, nil, "m"), 8, true),
		}, []abortedTransaction{{7, 10}}, 10, "11b 12c [10-10] [13-14]", 15},
		{"aborted before the first offset asked for", [][]byte{
			transactional(batchAt(t, 12, nil, "b"), 7, false), transactional(batchAt(t, 13, nil, "m"), 7, true),
		}, []abortedTransaction{{7, 3}}, 12, "[12-13]", 14},
		{"aborted twice, told out of order", [][]byte{
			transactional(batchAt(t, 10, nil, "a"), 7, false), transactional(batchAt(t, 11, nil, "m"), 7, true),
			transactional(batchAt(t, 12, nil, "b"), 7, false), transactional(batchAt(t, 13, nil, "m"), 7, true),
		}, []abortedTransaction{{7, 12}, {7, 10}}, 10, "[10-13]", 14},
		{"from the middle of what was aborted", [][]byte{
			transactional(batchAt(t, 10, nil, "a", "b", "c"), 7, false), transactional(batchAt(t, 13, nil, "m"), 7, true),
		}, []abortedTransaction{{7, 10}}, 12, "[12-13]", 14},
		{"from behind what was aborted", [][]byte{
			transactional(batchAt(t, 10, nil, "a", "b", "c"), 7, false), transactional(batchAt(t, 13, nil, "m"), 7, true),
		}, []abortedTransaction{{7, 10}}, 13, "[13-13]", 14},
		{"a hole between transactions that nothing explains", [][]byte{
			transactional(batchAt(t, 10, nil, "m"), 7, true), transactional(batchAt(t, 14, nil, "m"), 7, true), batchAt(t, 17, nil, "a"),
		}, nil, 10, "17a [10-10] [14-14]", 18},
	} {
		t.Run(c.name, func(t *testing.T) {
			batch, _, err := decodeBatches(&fetchResponse{recordBatch: bytes.Join(c.data, nil), aborted: c.aborted}, c.min, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for _, r := range batch.Records {
				got = fmt.Appendf(got, "%d%s ", r.Offset, r.Value)
			}
			for _, v := range batch.Voids {
				got = fmt.Appendf(got, "[%d-%d] ", v.First, v.Last)
			}
			if g := string(bytes.TrimSpace(got)); g != c.want || batch.Next != c.next {
				t.Errorf("got %q, next %d; want %q, next %d", g, batch.Next, c.want, c.next)
			}
		})
	}
}

// The broker's time counts where the topic says so.
func TestLogAppendTime(t *testing.T) {
	b := edit(batchAt(t, 0, nil, "a", "b"), func(b []byte) {
		b[22] |= attributeLogAppendTime
		binary.BigEndian.PutUint64(b[35:], 5555)
	})
	batch, _, err := decodeBatches(&fetchResponse{recordBatch: b}, 0, nil)
	records := batch.Records
	if err != nil || len(records) != 2 || records[0].Time != 5555 || !records[0].Appended || records[1].Time != 5555 {
		t.Errorf("records %+v, error %v", records, err)
	}
}

func TestCorruptBatches(t *testing.T) {
	flip := func(i int) []byte {
		b := batchAt(t, 10, nil, "abc")
		b[i] ^= 0x40
		return b
	}
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"value", flip(batchHeader + 7)},
		{"count", flip(60)},
		{"checksum", flip(batchChecksum)},
		{"format", flip(16)},
		{"length", flip(8)},
		{"nothing whole", batchAt(t, 10, nil, "abc")[:batchHeader+2]},
		{"count above the records", edit(batchAt(t, 10, nil, "abc"), func(b []byte) { b[60] = 9; b[26] = 8 })},
		{"codec", edit(batchAt(t, 10, nil, "abc"), func(b []byte) { b[22] = 7 })},
		{"not compressed", edit(batchAt(t, 10, nil, "abc"), func(b []byte) { b[22] = 4 })},
	} {
		t.Run(c.name, func(t *testing.T) {
			batch, _, err := decodeBatches(&fetchResponse{recordBatch: c.data}, 10, nil)
			if !errors.Is(err, ErrCorrupt) || batch.Records != nil {
				t.Errorf("records %v, error %v", batch.Records, err)
			}
		})
	}
}

// Whatever a broker sends, decoding ends, keeps its bounds, and moves on or not at all.
func FuzzDecodeFetch(f *testing.F) {
	request := &fetchRequest{topic: "t", partition: 3, version: 11}
	head := binary.BigEndian.AppendUint32(nil, correlation)
	head = append(head, make([]byte, 4+2+4)...)
	head = append(head, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 3, 0, 0)
	head = append(head, make([]byte, 8+8+8)...)
	head = append(head, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	for _, batch := range [][]byte{nil, batchAt(f, 10, nil, "a", "b"), batchAt(f, 10, packingOf(CompressionLZ4), "a", "b"), empty(f, 10, 12),
		append(transactional(batchAt(f, 3, nil, "m"), 7, true), transactional(batchAt(f, 9, nil, "m"), 7, true)...)} {
		f.Add(append(binary.BigEndian.AppendUint32(bytes.Clone(head), uint32(len(batch))), batch...))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		response, err := decodeFetch(body, request)
		if err != nil {
			return
		}
		batch, _, err := decodeBatches(response, 5, nil)
		if err != nil {
			return
		}
		if batch.Next < 5 {
			t.Fatalf("went back to %d", batch.Next)
		}
		for _, r := range batch.Records {
			if r.Offset < 5 || r.Offset >= batch.Next {
				t.Fatalf("record %d outside of 5 to %d", r.Offset, batch.Next)
			}
		}
		for _, v := range batch.Voids {
			if v.First < 5 || v.Last < v.First || v.Last >= batch.Next {
				t.Fatalf("void %d to %d outside of 5 to %d", v.First, v.Last, batch.Next)
			}
		}
	})
}
