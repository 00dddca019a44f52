package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/s2"
	kafkago "github.com/segmentio/kafka-go"
)

// maxDecompressed bounds what one compressed batch may unfold to, against a bomb.
const maxDecompressed = 128 << 20

// The codes of compressions in a batch's attributes.
const (
	codeSnappy = 2
	codeLZ4    = 3
)

// packing is a compression of batches: pack appends the packed bytes to dst. Nil is none.
type packing struct {
	code uint16
	pack func(dst, src []byte) ([]byte, error)
}

func packingOf(c Compression) *packing {
	switch c {
	case CompressionLZ4:
		return &packing{codeLZ4, func(dst, src []byte) ([]byte, error) { return packWith(kafkago.Lz4.Codec(), dst, src) }}
	case CompressionSnappy:
		return &packing{codeSnappy, func(dst, src []byte) ([]byte, error) { return packSnappy(dst, src), nil }}
	}
	return nil
}

// packWith packs with a codec of kafka-go.
func packWith(codec kafkago.CompressionCodec, dst, src []byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	w := codec.NewWriter(out)
	if _, err := w.Write(src); err != nil {
		return nil, fmt.Errorf("compress %d bytes (%s): %w", len(src), codec.Name(), err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress %d bytes (%s): %w", len(src), codec.Name(), err)
	}
	return out.Bytes(), nil
}

// unpack returns the records of a batch, in r if they were packed.
func unpack(info batchInfo, data []byte, r *room) ([]byte, error) {
	code := info.attributes & attributeCodec
	if code == 0 {
		return data, nil
	}
	if code == codeSnappy {
		if out, ok := unpackSnappy(data, maxDecompressed, r); ok {
			return out, nil
		} // else in another framing, or damaged: the codec says which
	}
	codec := kafkago.Compression(code).Codec()
	if codec == nil {
		return nil, fmt.Errorf("batch at offset %d has unknown compression %d: %w", info.base, code, ErrCorrupt)
	}
	return unpackWith(codec, info, data)
}

// unpackWith unpacks with a codec of kafka-go.
func unpackWith(codec kafkago.CompressionCodec, info batchInfo, data []byte) ([]byte, error) {
	unpacked := codec.NewReader(bytes.NewReader(data))
	defer unpacked.Close()
	var out bytes.Buffer
	out.Grow(4 * len(data))
	n, err := out.ReadFrom(io.LimitReader(unpacked, maxDecompressed+1))
	if err != nil {
		return nil, fmt.Errorf("batch at offset %d does not unpack (%s): %w: %w", info.base, codec.Name(), err, ErrCorrupt)
	}
	if n > maxDecompressed {
		return nil, fmt.Errorf("batch at offset %d unpacks to more than %d bytes: %w", info.base, maxDecompressed, ErrCorrupt)
	}
	return out.Bytes(), nil
}

// snappyFrame begins what the Java client packs, and what all clients read: a mark, the version and the lowest
// that is compatible. Blocks follow, each behind its length in four bytes (xerial/snappy-java, SnappyOutputStream).
var snappyFrame = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1}

// snappyBlock is how much is packed at once: s2 is quickest up to there, and repeats farther apart are rare.
const snappyBlock = 64 << 10

// packSnappy appends src to dst, framed. It and unpackSnappy know their whole input: kafka-go's codec, for streams,
// copied it three times and took twice as long.
func packSnappy(dst, src []byte) []byte {
	dst = append(dst, snappyFrame...)
	for len(src) > 0 {
		block := src[:min(len(src), snappyBlock)]
		src = src[len(block):]
		at := len(dst) + 4
		dst = slices.Grow(dst, 4+s2.MaxEncodedLen(len(block)))
		n := len(s2.EncodeSnappy(dst[at:cap(dst)], block))
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))[:at+n]
	}
	return dst
}

// unpackSnappy unpacks framed blocks into memory of r, of the right size. It reports false for whatever is not that, or
// unfolds to more than limit.
func unpackSnappy(data []byte, limit int, r *room) (out []byte, ok bool) {
	blocks, ok := bytes.CutPrefix(data, snappyFrame)
	if !ok {
		return nil, false
	}
	total := 0
	for rest := blocks; len(rest) > 0; {
		var block []byte
		if block, rest, ok = snappyNext(rest); !ok {
			return nil, false
		}
		n, err := s2.DecodedLen(block)
		if err != nil || n > limit-total {
			return nil, false
		}
		total += n
	}
	out = r.bytes(total)
	for len(blocks) > 0 {
		var block []byte
		block, blocks, _ = snappyNext(blocks)
		part, err := s2.Decode(out[len(out):total], block)
		if err != nil {
			return nil, false
		}
		out = out[:len(out)+len(part)]
	}
	return out, true
}

// snappyNext cuts off the first block.
func snappyNext(b []byte) (block, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
