package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// FuzzProduce compares with another library: what is written it reads back, and what it answers is understood.
func FuzzProduce(f *testing.F) {
	f.Add(int16(8), []byte{0, 1, 2, 200, 17}, []byte{0, 3, 0, 6})
	f.Add(int16(3), []byte{9}, []byte{})
	f.Add(int16(5), []byte{255, 254, 4, 4}, []byte{19})
	f.Fuzz(func(t *testing.T, version int16, sizes, codes []byte) {
		if version < produceMinVersion || version > produceMaxVersion || len(sizes) == 0 || len(sizes) > 40 {
			return
		}
		r := &produceRequest{clientID: "fuzz", version: version}
		sent := map[place][]byte{}
		for i, size := range sizes {
			at := place{topic: fmt.Sprintf("topic-%d", size%3), partition: i}
			records := bytes.Repeat([]byte{size}, int(size)*int(size)) // up to 65,025: some are written by themselves
			sent[at] = records
			r.parcels = append(r.parcels, &parcel{place: at, done: make(chan error, 1),
				encoded: append(binary.BigEndian.AppendUint32(nil, uint32(len(records))), records...)})
		}
		read := readRequest(t, r)
		codeOf := map[place]int16{}
		answer := kmsg.NewPtrProduceResponse()
		answer.Version = version
		for _, topic := range read.Topics {
			told := kmsg.NewProduceResponseTopic()
			told.Topic = topic.Topic
			for _, p := range topic.Partitions {
				at := place{topic.Topic, int(p.Partition)}
				if !bytes.Equal(p.Records, sent[at]) {
					t.Fatalf("%v: %d bytes arrived, want %d", at, len(p.Records), len(sent[at]))
				}
				delete(sent, at)
				one := kmsg.NewProduceResponseTopicPartition()
				one.Partition = p.Partition
				if k := at.partition; k < len(codes) {
					one.ErrorCode = int16(codes[k] % 90)
					one.ErrorMessage = kmsg.StringPtr("why")
				}
				codeOf[at] = one.ErrorCode
				told.Partitions = append(told.Partitions, one)
			}
			answer.Topics = append(answer.Topics, told)
		}
		if len(sent) > 0 {
			t.Fatalf("not sent: %d partitions", len(sent))
		}
		body := answer.AppendTo(binary.BigEndian.AppendUint32(nil, correlation))
		for cut := range min(len(body), 60) { // nothing is believed that is not there
			if err := (&produceRequest{version: version}).read(body[:cut]); err == nil {
				t.Fatalf("%d of %d bytes are an answer", cut, len(body))
			}
		}
		if err := r.read(body); err != nil {
			t.Fatal(err)
		}
		for _, p := range r.parcels {
			var code interface{ Temporary() bool }
			if err := <-p.done; (err == nil) != (codeOf[p.place] == 0) || err != nil && !errors.As(err, &code) {
				t.Fatalf("%v: %v, want code %d", p.place, err, codeOf[p.place])
			}
		}
	})
}

// readRequest writes the request and reads it with the other library.
func readRequest(t *testing.T, r *produceRequest) *kmsg.ProduceRequest {
	t.Helper()
	var b bytes.Buffer
	if err := r.write(&b); err != nil {
		t.Fatal(err)
	}
	body := b.Bytes()
	if n := binary.BigEndian.Uint32(body); int(n) != len(body)-4 {
		t.Fatalf("it says %d bytes, and has %d", n, len(body)-4)
	}
	head := 4 + 2 + 2 + 4 + 2 + len(r.clientID)
	read := kmsg.NewPtrProduceRequest()
	read.Version = r.version
	if err := read.ReadFrom(body[head:]); err != nil {
		t.Fatal(err)
	}
	if read.Acks != -1 || read.TransactionID != nil || read.TimeoutMillis != 10_000 {
		t.Fatalf("acks %d, transaction %v, timeout %d", read.Acks, read.TransactionID, read.TimeoutMillis)
	}
	return read
}

// FuzzProduceAnswer reads whatever a broker sends: that ends, and nothing is settled twice.
func FuzzProduceAnswer(f *testing.F) {
	f.Add([]byte{0, 0x50, 0x4f, 0x52, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		r := &produceRequest{version: 8, parcels: []*parcel{{place: place{"t", 3}, done: make(chan error, 1)}}}
		if err := r.read(body); err == nil && len(body) < 8 {
			t.Fatal("too short to be an answer")
		}
		for _, p := range r.parcels {
			p.settle(errNotAnswered)
			if len(p.done) != 1 {
				t.Fatal("not settled")
			}
		}
	})
}
