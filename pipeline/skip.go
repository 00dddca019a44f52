package pipeline

import (
	"context"
	"errors"
	"fmt"

	"portrait/pipeline/kafka"
	"portrait/profile/machine"
	"portrait/schemas/wire"
)

// ErrStopped says that a partition stands at a record of its inbox until an operator mends the cause or
// passes over it. The error that wraps it names both.
var ErrStopped = errors.New("the partition stands")

// stand reads ahead in the inbox behind the place where the machine stopped, until a record answers it:
// then the partition is opened again from its checkpoint, with that skip. Other partitions go on meanwhile,
// and lookups say why there is no answer.
func (d *machineDriver) stand(ctx context.Context, stop *machine.Stop) (wire.Skip, error) {
	d.node.trouble(fmt.Sprintf("inbox %d stands", d.partition), stop)
	status := *d.status.Load()
	status.Stopped = stop.Reason()
	d.status.Store(&status)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan kafka.Batch, 2)
	fetched := make(chan error, 1)
	go func() { fetched <- d.fetch(ctx, stop.At.Offset+1, batches) }()
	defer func() {
		cancel()
		for range batches { // closed by fetch when it ends
		}
	}()
	for {
		select {
		case q := <-d.asks:
			q.answer <- answer{err: fmt.Errorf("%w: %s", ErrStopped, stop.Reason())}
		case b, ok := <-batches:
			if !ok {
				return wire.Skip{}, <-fetched
			}
			for i := range b.Records {
				if skip, ok := stop.Answer(d.node.dep.Hash(), b.Records[i].Value, d.skips); ok {
					d.node.log.Warn("an operator's skip: the partition goes on", "inbox", d.partition, "skip", skip.Kind.String(),
						"offset", skip.Offset, "written_at", b.Records[i].Offset)
					return skip, nil
				}
			}
		}
	}
}

// Skip lets a partition that stands pass over the place it stopped at: the skip becomes a record of its
// inbox, which every replay honours. It is an error if the inbox has no such record; a partition that did
// not stop there takes no notice.
func (a *Admin) Skip(ctx context.Context, partition int, skip wire.Skip) error {
	if partition < 0 || partition >= a.dep.InboxPartitions {
		return fmt.Errorf("skip: inbox partition %d; the deployment has 0 to %d", partition, a.dep.InboxPartitions-1)
	}
	if err := skip.Validate(); err != nil {
		return err
	}
	start, end, err := a.client.Offsets(ctx, a.topics.Inbox, partition)
	if err != nil {
		return fmt.Errorf("skip: inbox %d: %w", partition, err)
	}
	if skip.Offset < start || skip.Offset >= end {
		return fmt.Errorf("skip: inbox %d has records from offset %d to %d, none at %d; take the command that the stop names",
			partition, start, end-1, skip.Offset)
	}
	producer, err := kafka.NewProducer(ctx, a.client, kafka.DefaultProducerConfig())
	if err != nil {
		return err
	}
	defer producer.Close()
	var e wire.Encoder
	skip.Encode(&e)
	c := &coordinator{client: a.client, producer: producer, topics: a.topics}
	return c.control(ctx, a.dep, partition, wire.Control{Kind: wire.CtlSkip, Body: e.B})
}
