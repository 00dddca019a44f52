package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// The shape of a fetch.
//
//   - 250 ms: with MinBytes 1 the broker answers at once when there is anything, so this only sets how
//     often an idle caller ticks. Shorter costs requests, longer makes its ticks late.
//   - 1 MB: about 5 ms of work. A larger first batch comes whole all the same (KIP-74).
const (
	fetchMaxWait  = 250 * time.Millisecond
	fetchMaxBytes = 1 << 20
	// maxResponseKept is the most memory that a fetcher keeps for its next response.
	maxResponseKept = 2 * fetchMaxBytes
)

// Backoff of repeated requests: the first repeat follows soon, because most failures are a leader
// that moved or a connection that was closed.
const (
	backoffMin = 10 * time.Millisecond
	backoffMax = 500 * time.Millisecond
)

// Batch is what one fetch brought.
type Batch struct {
	Records []Record // in ascending order of offset; holes are offsets that hold nothing for a reader
	Voids   []Void   // of these holes, those that are known to have never held anything; ascending
	Next    int64    // where the next fetch begins; it may lie beyond the last record plus one
	Start   int64    // first offset that exists; -1 before the first answer
	High    int64    // first offset that cannot be read yet, -1 before the first answer; Next == High: caught up
	Err     error    // why nothing could be fetched this time (broker away, leader moved); the next call tries again

	room *room // that Records lie in
	home rooms // where it came from
}

// Void is offsets in a row, First to Last, that hold nothing for a reader although nothing was lost: markers of
// transactions and records of aborted ones. The log itself shows them. An offset that is in no record and in no
// void was there once, perhaps: retention, compaction, a segment that a broker lost.
type Void struct{ First, Last int64 }

// Fetcher reads one partition in order from a given offset. It is used by one goroutine.
type Fetcher struct {
	client    *Client
	topic     string
	partition int
	next      int64
	start     int64
	high      int64
	failures  int
	response  []byte // room for the next one; nil while one may still be written there, or records lie in it
	rooms     rooms
}

// NewFetcher returns a fetcher whose first record is the one at offset, or the next that exists behind
// it if compaction removed that one. It opens nothing.
func NewFetcher(client *Client, topic string, partition int, offset int64) *Fetcher {
	return &Fetcher{client: client, topic: topic, partition: partition, next: offset, start: -1, high: -1, rooms: newRooms()}
}

// Next waits at most about 250 ms for records. A batch without records is not an error: nothing was
// there, or Err says why it could not be asked; so a caller can always tick. Errors are final: the
// context's, an *OffsetError (never a silent skip), ErrCorrupt, or a refused authorization.
func (f *Fetcher) Next(ctx context.Context) (Batch, error) {
	batch, err := f.fetch(ctx)
	switch {
	case err == nil:
		f.failures = 0
		return batch, nil
	case ctx.Err() != nil:
		return Batch{}, ctx.Err()
	case errors.Is(err, kafkago.OffsetOutOfRange):
		if err = f.outOfRange(ctx, err); err != nil && isFinal(err) {
			return Batch{}, err
		}
	case isFinal(err):
		return Batch{}, fmt.Errorf("fetch %s/%d at %d: %w", f.topic, f.partition, f.next, err)
	}
	f.failures++
	if !pause(ctx, backoff(f.failures)) {
		return Batch{}, ctx.Err()
	}
	return Batch{
		Next: f.next, Start: f.start, High: f.high,
		Err: fmt.Errorf("fetch %s/%d at %d: %w", f.topic, f.partition, f.next, describe(err)),
	}, nil
}

func isFinal(err error) bool {
	var offset *OffsetError
	return errors.As(err, &offset) || errors.Is(err, ErrCorrupt) || isAuthorization(err)
}

func (f *Fetcher) fetch(ctx context.Context) (Batch, error) {
	request, cancel := context.WithTimeout(ctx, fetchMaxWait+requestTimeout)
	defer cancel()
	into := f.response
	f.response = nil // a request that was given up may still be read
	message, err := f.client.transport.RoundTrip(request, f.client.api.Addr, &fetchRequest{
		topic: f.topic, partition: int32(f.partition), offset: f.next, clientID: f.client.config.ClientID,
		maxWaitMs: int32(fetchMaxWait / time.Millisecond), maxBytes: fetchMaxBytes, into: into,
	})
	if err != nil {
		return Batch{}, err
	}
	response := message.(*fetchResponse)
	if response.errorCode != 0 {
		return Batch{}, kafkago.Error(response.errorCode)
	}
	batch, plain, err := decodeBatches(response, f.next, f.rooms.take())
	if err != nil {
		return Batch{}, err
	}
	batch.home = f.rooms
	if len(batch.Records) == 0 {
		batch.Release()
	}
	if !plain && cap(response.body) <= maxResponseKept {
		f.response = response.body
	}
	f.next, f.start, f.high = batch.Next, response.start, response.high
	if response.stable >= 0 {
		f.high = response.stable
	}
	f.high = max(f.high, f.next) // a marker behind the last stable record has been passed already
	batch.Start, batch.High = f.start, f.high
	return batch, nil
}

// decodeBatches returns the records from offset min on, without control records and aborted
// transactions, which are voids, and the offset behind the last whole batch; plain says that records lie in the
// response itself, because their batch was not compressed. All others lie in room.
func decodeBatches(response *fetchResponse, min int64, room *room) (batch Batch, plain bool, err error) {
	aborted := response.aborted
	slices.SortFunc(aborted, func(a, b abortedTransaction) int { return cmp.Compare(a.first, b.first) })
	dead := map[int64]bool{} // producers inside an aborted transaction
	batch.Next, batch.Records, batch.room = min, room.list(), room
	data := response.recordBatch
	for len(data) > 0 {
		info, payload, rest, ok, err := nextBatch(data)
		if err != nil {
			return Batch{}, false, err
		}
		if !ok {
			if len(data) == len(response.recordBatch) {
				return Batch{}, false, fmt.Errorf("the broker sent %d bytes of a batch and nothing whole: %w", len(data), ErrCorrupt)
			}
			break
		}
		data = rest
		for len(aborted) > 0 && aborted[0].first <= info.last {
			dead[aborted[0].producer] = true
			aborted = aborted[1:]
		}
		transactional := info.attributes&attributeTransactional != 0
		switch {
		case info.attributes&attributeControl != 0:
			delete(dead, info.producer) // its marker, whichever, ends its transaction
			batch.void(max(info.base, min), info.last)
		case transactional && dead[info.producer]:
			batch.void(max(info.base, min), info.last)
		default:
			if batch.Records, err = appendRecords(batch.Records, info, payload, min, room); err != nil {
				return Batch{}, false, err
			}
			plain = plain || info.attributes&attributeCodec == 0
		}
		batch.Next = max(batch.Next, info.last+1)
	}
	room.keep(batch.Records)
	return batch, plain, nil
}

// void notes offsets that hold nothing, together with those right before them.
func (b *Batch) void(first, last int64) {
	switch n := len(b.Voids); {
	case first > last: // a batch before what was asked for
	case n > 0 && b.Voids[n-1].Last+1 == first:
		b.Voids[n-1].Last = last
	default:
		b.Voids = append(b.Voids, Void{first, last})
	}
}

// outOfRange finds out which side of the log the position is on. A position that is inside after all
// was refused by a leader that had just changed, and is asked for again.
func (f *Fetcher) outOfRange(ctx context.Context, cause error) error {
	start, end, err := f.client.offsets(ctx, f.topic, f.partition, kafkago.ReadUncommitted)
	if err != nil {
		return err
	}
	out := &OffsetError{Topic: f.topic, Partition: f.partition, Offset: f.next, Start: start, End: end}
	switch {
	case f.next < start:
		out.Err = ErrOffsetBelowStart
	case f.next > end:
		out.Err = ErrOffsetBeyondEnd
	default:
		return cause
	}
	return out
}

// backoff doubles from backoffMin to backoffMax with the number of failures in a row.
func backoff(failures int) time.Duration {
	return min(backoffMin<<min(failures-1, 10), backoffMax)
}

// pause waits and reports false if the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
