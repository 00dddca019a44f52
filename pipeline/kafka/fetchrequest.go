package kafka

import (
	"encoding/binary"
	"fmt"
	"io"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// The versions of the Fetch API that are spoken here: 4 is the first with aborted transactions (Kafka
// 0.11), 11 the last that kafka-go negotiates. Layout: the Kafka protocol guide, "Fetch API (Key: 1)".
const (
	fetchMinVersion = 4
	fetchMaxVersion = 11
	fetchKey        = int16(protocol.Fetch)
)

// maxResponse bounds what a broker may make us allocate: a batch is at most 6 MiB here, and the first
// one comes whole whatever the limit says.
const maxResponse = 64 << 20

// fetchRequest is one fetch of one partition. It goes through kafka-go's transport, which finds the
// leader and keeps connections, and exchanges bytes by itself (protocol.RawExchanger).
type fetchRequest struct {
	topic     string
	partition int32
	offset    int64
	clientID  string
	maxWaitMs int32
	maxBytes  int32
	into      []byte // memory for the response, if it is large enough
	version   int16  // set by Required, per connection
}

// fetchResponse is the answer for that partition.
type fetchResponse struct {
	errorCode   int16
	high        int64 // first offset that is not replicated yet
	stable      int64 // first offset behind which a transaction is open; at most high
	start       int64 // -1 if the broker does not tell (before version 5)
	aborted     []abortedTransaction
	recordBatch []byte // batches, the last one maybe cut
	body        []byte // the whole response: recordBatch lies in it
}

// abortedTransaction says that the producer's transactional batches from the offset on, up to its next
// abort marker, do not count.
type abortedTransaction struct {
	producer int64
	first    int64
}

// ApiKey is for kafka-go's transport.
func (r *fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

// ApiKey is for kafka-go's transport.
func (r *fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Broker routes the request to the partition's leader.
func (r *fetchRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	return leaderOf(cluster, r.topic, r.partition)
}

// Required tells the transport that RawExchange does the work, and remembers the version agreed on.
func (r *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Fetch]
	return true
}

// RawExchange writes the request and reads the response. After an error the transport closes the
// connection, so nothing half read is left on it.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if r.version < fetchMinVersion || r.version > fetchMaxVersion {
		return nil, fmt.Errorf("the broker speaks version %d of Fetch, wanted %d to %d: Kafka 0.11 or newer is needed",
			r.version, fetchMinVersion, fetchMaxVersion)
	}
	if _, err := rw.Write(r.encode()); err != nil {
		return nil, err
	}
	body, err := readResponse(rw, r.into)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	return decodeFetch(body, r)
}

// readResponse reads a response without its length, into memory that is given if it fits.
func readResponse(r io.Reader, into []byte) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxResponse {
		return nil, fmt.Errorf("response of %d bytes is above %d: %w", n, maxResponse, ErrCorrupt)
	}
	body := into[:0]
	if int(n) > cap(body) {
		body = make([]byte, 0, n+n/8)
	}
	body = body[:n]
	_, err := io.ReadFull(r, body)
	return body, err
}

// correlation is the same for every request: a connection carries one exchange at a time.
const correlation = 0x504f52

func (r *fetchRequest) encode() []byte {
	b := make([]byte, 4, 128+len(r.topic)+len(r.clientID))
	u16 := func(v int16) { b = binary.BigEndian.AppendUint16(b, uint16(v)) }
	u32 := func(v int32) { b = binary.BigEndian.AppendUint32(b, uint32(v)) }
	u64 := func(v int64) { b = binary.BigEndian.AppendUint64(b, uint64(v)) }
	text := func(s string) { u16(int16(len(s))); b = append(b, s...) }
	u16(fetchKey)
	u16(r.version)
	u32(correlation)
	text(r.clientID)
	u32(-1) // not a replica
	u32(r.maxWaitMs)
	u32(1) // answer as soon as there is anything
	u32(r.maxBytes)
	b = append(b, byte(kafkago.ReadCommitted))
	if r.version >= 7 {
		u32(0)  // no fetch session
		u32(-1) //
	}
	u32(1)
	text(r.topic)
	u32(1)
	u32(r.partition)
	if r.version >= 9 {
		u32(-1) // any leader epoch
	}
	u64(r.offset)
	if r.version >= 5 {
		u64(-1) // not a replica: no log start
	}
	u32(r.maxBytes)
	if r.version >= 7 {
		u32(0) // nothing forgotten
	}
	if r.version >= 11 {
		text("") // no rack
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func decodeFetch(body []byte, r *fetchRequest) (*fetchResponse, error) {
	d := reader{b: body}
	if id := d.int32(); id != correlation {
		return nil, fmt.Errorf("fetch response answers request %d, not ours: %w", id, ErrCorrupt)
	}
	d.int32() // throttled: the broker has waited already
	if r.version >= 7 {
		if code := d.int16(); code != 0 {
			return nil, kafkago.Error(code)
		}
		d.int32() // session
	}
	topics := d.int32()
	topic := d.text()
	partitions := d.int32()
	partition := d.int32()
	if d.bad || topics != 1 || partitions != 1 || topic != r.topic || partition != r.partition {
		return nil, fmt.Errorf("fetch response is not about %s/%d alone: %w", r.topic, r.partition, ErrCorrupt)
	}
	out := &fetchResponse{start: -1, body: body}
	out.errorCode = d.int16()
	out.high = d.int64()
	out.stable = d.int64()
	if r.version >= 5 {
		out.start = d.int64()
	}
	for n := d.int32(); n > 0 && !d.bad; n-- {
		out.aborted = append(out.aborted, abortedTransaction{producer: d.int64(), first: d.int64()})
	}
	if r.version >= 11 {
		d.int32() // preferred replica: we named no rack
	}
	if n := d.int32(); n > 0 {
		out.recordBatch = d.take(int(n))
	}
	if d.bad {
		return nil, fmt.Errorf("fetch response is cut: %w", ErrCorrupt)
	}
	return out, nil
}

// reader walks over bytes; after the first read beyond the end all reads return zero and bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (d *reader) take(n int) []byte {
	if d.bad || n < 0 || n > len(d.b) {
		d.bad = true
		return nil
	}
	out := d.b[:n:n]
	d.b = d.b[n:]
	return out
}

func (d *reader) int8() int8 {
	if b := d.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (d *reader) int16() int16 {
	if b := d.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (d *reader) int32() int32 {
	if b := d.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (d *reader) int64() int64 {
	if b := d.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (d *reader) text() string {
	return string(d.take(int(d.int16())))
}

// nullableText reads a text that may be null, which is empty here.
func (d *reader) nullableText() string {
	if n := d.int16(); n >= 0 {
		return string(d.take(int(n)))
	}
	return ""
}

// varint reads a zigzag varint of a record.
func (d *reader) varint() int64 {
	v, n := binary.Varint(d.b)
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

// bytes reads a length and that many bytes; nil for the length -1.
func (d *reader) bytes() []byte {
	n := d.varint()
	if n == -1 {
		return nil
	}
	if n < 0 || n > int64(len(d.b)) {
		d.bad = true
		return nil
	}
	return d.take(int(n))
}
