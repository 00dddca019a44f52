package kafka

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress/snappy"
)

// readStream reads what is packed with kafka-go's codec: the oracle.
func readStream(packed []byte) ([]byte, error) {
	r := kafkago.Snappy.Codec().NewReader(bytes.NewReader(packed))
	defer r.Close()
	return io.ReadAll(r)
}

// text of n bytes repeats itself as events do.
func text(n int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	var b []byte
	for len(b) < n {
		b = append(b, `{"event":"order_paid","id":"`...)
		b = append(b, byte(random.Uint32()), byte(random.Uint32()), '"')
	}
	return b[:n]
}

func TestSnappyBothWays(t *testing.T) {
	for _, n := range []int{0, 1, 2, 300, snappyBlock - 1, snappyBlock, snappyBlock + 1, 5*snappyBlock + 17} {
		want := text(n)
		packed := packSnappy([]byte("in front"), want)
		packed, kept := bytes.CutPrefix(packed, []byte("in front"))
		if !kept || n > 1000 && len(packed) > n/2 {
			t.Errorf("%d bytes: packed to %d, what is in front kept: %v", n, len(packed), kept)
		}
		if got, ok := unpackSnappy(packed, n, nil); !ok || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: ours gives %d back, ok %v", n, len(got), ok)
		}
		if got, err := readStream(packed); n > 0 && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("%d bytes: kafka-go reads %d, %v", n, len(got), err)
		}
		if _, ok := unpackSnappy(packed, n-1, nil); ok && n > 0 {
			t.Errorf("%d bytes: the limit of one less was not kept", n)
		}
		for _, framing := range []snappy.Framing{snappy.Framed, snappy.Unframed} {
			var out bytes.Buffer
			w := (&snappy.Codec{Framing: framing}).NewWriter(&out)
			if _, err := w.Write(want); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if got, err := unpack(batchInfo{attributes: codeSnappy}, out.Bytes(), nil); n > 0 && (err != nil || !bytes.Equal(got, want)) {
				t.Errorf("%d bytes, framing %v: %d, %v", n, framing, len(got), err)
			}
		}
	}
}

// A request that was given up may still be under way while the next batch is encoded.
func TestEncoderForgets(t *testing.T) {
	c := batchEncoder{pack: packingOf(CompressionSnappy)}
	first, err := c.encode([]item{{record: Record{Value: text(1000)}}}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(first)
	c.forget()
	if _, err := c.encode([]item{{record: Record{Value: text(2000)}}}, 2000); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, want) {
		t.Error("the batch given up has changed")
	}
}

// One huge record must not cost its memory for ever.
func TestEncoderKeepsLittle(t *testing.T) {
	c := batchEncoder{pack: packingOf(CompressionSnappy)}
	for _, n := range []int{5 << 20, 100} {
		if _, err := c.encode([]item{{record: Record{Value: text(n)}}}, 1000); err != nil {
			t.Fatal(err)
		}
	}
	if kept := cap(c.plain) + cap(c.packed); kept > maxKept {
		t.Errorf("the encoder keeps %d bytes, want at most %d", kept, maxKept)
	}
}

// FuzzUnpackSnappy holds it against kafka-go's codec, in both directions.
func FuzzUnpackSnappy(f *testing.F) {
	whole := packSnappy(nil, text(3000))
	for _, b := range [][]byte{nil, snappyFrame, whole, whole[:40], append(bytes.Clone(whole), whole[16:]...), append(bytes.Clone(whole), whole...)} {
		f.Add(b)
	}
	const limit = 1 << 20
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, ok := unpackSnappy(b, limit, nil); ok {
			want, err := readStream(b)
			if len(got) > limit || err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%x gives %d bytes; kafka-go says %d, %v", b, len(got), len(want), err)
			}
		}
		if got, ok := unpackSnappy(packSnappy(nil, b), len(b), nil); !ok || !bytes.Equal(got, b) {
			t.Fatalf("%x does not come back", b)
		}
	})
}
