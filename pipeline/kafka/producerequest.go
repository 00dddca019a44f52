package kafka

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// The versions of the Produce API that are spoken here: 3 is the first with batches of format 2 (Kafka 0.11), 8 the
// last before tagged fields, which kafka-go does not negotiate. Layout: the Kafka protocol guide, "Produce API (Key: 0)".
const (
	produceMinVersion = 3
	produceMaxVersion = 8
	produceKey        = int16(protocol.Produce)
)

// apart is the size from which a batch is written by itself instead of being copied behind the others.
const apart = 32 << 10

// produceRequest is batches of several partitions for one broker, with acks of all replicas. It goes through
// kafka-go's transport, which keeps connections, and exchanges bytes by itself (protocol.RawExchanger): kafka-go's
// own raw request takes one partition.
type produceRequest struct {
	parcels  []*parcel
	clientID string
	others   func([]*parcel) // takes those for other brokers
	version  int16           // set by Required, per connection
}

// produceResponse stands for an answer that has been told to the parcels.
type produceResponse struct{}

// ApiKey is for kafka-go's transport.
func (r *produceRequest) ApiKey() protocol.ApiKey { return protocol.Produce }

// ApiKey is for kafka-go's transport.
func (r *produceResponse) ApiKey() protocol.ApiKey { return protocol.Produce }

// Broker routes the request, once, before it is sent.
func (r *produceRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	return r.byLeader(cluster)
}

// Required tells the transport that RawExchange does the work, and remembers the version agreed on.
func (r *produceRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Produce]
	return true
}

// RawExchange writes the request, reads the response and settles the parcels that it names. After an error the
// transport closes the connection, so nothing half read is left on it.
func (r *produceRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if r.version < produceMinVersion || r.version > produceMaxVersion {
		return nil, fmt.Errorf("the broker speaks version %d of Produce, wanted %d to %d: Kafka 0.11 or newer is needed",
			r.version, produceMinVersion, produceMaxVersion)
	}
	if err := r.write(rw); err != nil {
		return nil, err
	}
	body, err := readResponse(rw, nil)
	if err != nil {
		return nil, fmt.Errorf("produce: %w", err)
	}
	return &produceResponse{}, r.read(body)
}

// write sends the request: small batches copied together, large ones from where they are.
func (r *produceRequest) write(w io.Writer) error {
	parcels := slices.SortedFunc(slices.Values(r.parcels), func(a, b *parcel) int {
		return cmp.Or(cmp.Compare(a.place.topic, b.place.topic), cmp.Compare(a.place.partition, b.place.partition))
	})
	topics, rest, copied := 0, 0, 0 // rest is what stands behind the number of topics, copied what of it is copied
	for i, p := range parcels {
		rest += 4 + len(p.encoded)
		copied += 4
		if len(p.encoded) < apart {
			copied += len(p.encoded)
		}
		if i == 0 || parcels[i-1].place.topic != p.place.topic {
			topics++
			rest += 6 + len(p.place.topic)
			copied += 6 + len(p.place.topic)
		}
	}
	b := make([]byte, 4, 64+len(r.clientID)+copied)
	u16 := func(v int16) { b = binary.BigEndian.AppendUint16(b, uint16(v)) }
	u32 := func(v int32) { b = binary.BigEndian.AppendUint32(b, uint32(v)) }
	text := func(s string) { u16(int16(len(s))); b = append(b, s...) }
	u16(produceKey)
	u16(r.version)
	u32(correlation)
	text(r.clientID)
	u16(-1) // no transaction
	u16(int16(kafkago.RequireAll))
	u32(int32(requestTimeout / time.Millisecond))
	u32(int32(topics))
	binary.BigEndian.PutUint32(b, uint32(len(b)-4+rest))
	for i, p := range parcels {
		if i == 0 || parcels[i-1].place.topic != p.place.topic {
			text(p.place.topic)
			n := 1
			for i+n < len(parcels) && parcels[i+n].place.topic == p.place.topic {
				n++
			}
			u32(int32(n))
		}
		u32(int32(p.place.partition))
		if len(p.encoded) < apart {
			b = append(b, p.encoded...)
			continue
		}
		for _, piece := range [][]byte{b, p.encoded} {
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
		b = b[:0]
	}
	_, err := w.Write(b)
	return err
}

// read settles the parcels by the response's body.
func (r *produceRequest) read(body []byte) error {
	d := reader{b: body}
	if id := d.int32(); id != correlation {
		return fmt.Errorf("produce response answers request %d, not ours: %w", id, ErrCorrupt)
	}
	for topics := d.int32(); topics > 0 && !d.bad; topics-- {
		topic := d.text()
		for partitions := d.int32(); partitions > 0 && !d.bad; partitions-- {
			at := place{topic, int(d.int32())}
			err := r.partition(&d)
			i := slices.IndexFunc(r.parcels, func(p *parcel) bool { return p.place == at })
			if d.bad {
				break
			}
			if i < 0 {
				return fmt.Errorf("produce response is about %s/%d, which was not asked: %w", at.topic, at.partition, ErrCorrupt)
			}
			r.parcels[i].settle(err)
		}
	}
	if d.bad {
		return fmt.Errorf("produce response is cut: %w", ErrCorrupt)
	}
	return nil
}

// partition reads what the response says of one partition.
func (r *produceRequest) partition(d *reader) error {
	code := d.int16()
	d.int64() // offset
	d.int64() // time of the append
	if r.version >= 5 {
		d.int64() // start of the log
	}
	message := ""
	if r.version >= 8 {
		for n := d.int32(); n > 0 && !d.bad; n-- {
			d.int32()        // index of a record
			d.nullableText() // what is wrong with it
		}
		message = d.nullableText()
	}
	switch {
	case code == 0:
		return nil
	case message != "":
		return fmt.Errorf("%w: %s", kafkago.Error(code), message)
	}
	return kafkago.Error(code)
}
