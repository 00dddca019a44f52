package torture

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"portrait/bench"
	"portrait/bench/generator"
	"portrait/bench/ledger"
	"portrait/pipeline/kafka"
)

// copies counts how often each record was to stand in portrait.events, and after the run how often it does. A record is known by
// a hash of its bytes: a planned duplicate has those of its original.
type copies struct {
	seed maphash.Seed
	mu   sync.Mutex // guards expected while the load runs
	want map[uint64]*copied
}

type copied struct {
	event          ledger.Event // the first one with these bytes
	planned, found int32
}

func newCopies() *copies { return &copies{seed: maphash.MakeSeed(), want: map[uint64]*copied{}} }

// handed notes a record on its way to the producer.
func (c *copies) handed(r *generator.Record) {
	h := maphash.Bytes(c.seed, r.Value)
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.want[h]
	if e == nil {
		e = &copied{event: r.Event}
		c.want[h] = e
	}
	e.planned++
}

// read counts what stands in a partition of portrait.events now.
func (c *copies) read(ctx context.Context, client *kafka.Client, topic string, partition int) (strangers int64, err error) {
	start, end, err := client.Offsets(ctx, topic, partition)
	if err != nil {
		return 0, err
	}
	f := kafka.NewFetcher(client, topic, partition, start)
	for next := start; next < end; {
		b, err := f.Next(ctx)
		if err != nil {
			return 0, err
		}
		for i := range b.Records {
			if !c.found(b.Records[i].Value) {
				strangers++
			}
		}
		next = b.Next
	}
	return strangers, nil
}

func (c *copies) found(value []byte) bool {
	e := c.want[maphash.Bytes(c.seed, value)]
	if e != nil {
		e.found++
	}
	return e != nil
}

// settle compares, and tells the ledger of each copy that the producer's doubt made: the same event id from the source again.
// next is the first sequence number behind the plan. Only a producer that repeated requests can have made copies.
func (c *copies) settle(l *ledger.Ledger, next int32, retries, strangers int64) (repeats int64, check bench.Check) {
	check.Name = "source"
	var records int64
	for _, e := range c.want {
		records += int64(e.planned)
		if e.found < e.planned {
			check.Lost += int64(e.planned - e.found)
		}
		for range e.found - e.planned {
			again := e.event
			if again.Kind == ledger.Counted {
				again.Kind = ledger.Duplicate
			}
			again.Seq = next // a place behind the plan: the ledger keeps the original's
			next++
			repeats++
			l.Record(again, time.UnixMilli(again.Time))
		}
	}
	if retries == 0 {
		check.Doubled = repeats
	}
	check.Wrong = strangers
	check.OK = check.Lost+check.Doubled+check.Wrong == 0
	check.Detail = fmt.Sprintf("%d records acknowledged; in the topic %d of them are missing, %d stand there again after %d requests in doubt, %d nobody sent",
		records, check.Lost, repeats, retries, strangers)
	return repeats, check
}
