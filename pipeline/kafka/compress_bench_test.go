package kafka

import (
	"fmt"
	"testing"

	"github.com/segmentio/kafka-go/compress/snappy"
)

// BenchmarkSnappy packs and unpacks a batch of 200 KB, as a busy inbox has them, beside kafka-go's codec.
func BenchmarkSnappy(b *testing.B) {
	plain := text(200 << 10)
	codec := &snappy.Codec{Compression: snappy.FasterCompression}
	packings := map[string]*packing{
		"ours":     packingOf(CompressionSnappy),
		"kafka-go": {codeSnappy, func(dst, src []byte) ([]byte, error) { return packWith(codec, dst, src) }},
	}
	for name, p := range packings {
		b.Run(fmt.Sprintf("pack/%s", name), func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				out, _ = p.pack(out[:0], plain)
			}
		})
	}
	packed := packSnappy(nil, plain)
	for _, name := range []string{"ours", "kafka-go"} {
		b.Run(fmt.Sprintf("unpack/%s", name), func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if name == "ours" {
					_, err = unpack(batchInfo{attributes: codeSnappy}, packed, nil)
				} else {
					_, err = unpackWith(codec, batchInfo{}, packed)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
