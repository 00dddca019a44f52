package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Offsets returns the first offset that exists and the first that does not exist yet (of committed
// records, so a fetcher that has reached end is caught up). A partition whose leader is not settled, as
// that of a topic just made, is asked again for up to offsetsPatience.
func (c *Client) Offsets(ctx context.Context, topic string, partition int) (start, end int64, err error) {
	deadline := time.Now().Add(offsetsPatience)
	for {
		start, end, err = c.offsets(ctx, topic, partition, kafkago.ReadCommitted)
		var refused kafkago.Error
		if err == nil || !errors.As(err, &refused) || !refused.Temporary() || time.Now().After(deadline) {
			return start, end, err
		}
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// offsetsPatience is longer than a new topic or an election needs, and short enough to hear of a
// partition that has no leader at all.
const offsetsPatience = 10 * time.Second

func (c *Client) offsets(ctx context.Context, topic string, partition int, level kafkago.IsolationLevel) (start, end int64, err error) {
	response, err := c.api.ListOffsets(ctx, &kafkago.ListOffsetsRequest{
		Topics: map[string][]kafkago.OffsetRequest{topic: {
			kafkago.FirstOffsetOf(partition), kafkago.LastOffsetOf(partition),
		}},
		IsolationLevel: level,
	})
	if err != nil {
		return 0, 0, fmt.Errorf("offsets of %s/%d: %w", topic, partition, describe(err))
	}
	for _, p := range response.Topics[topic] {
		if p.Partition != partition {
			continue
		}
		// The call succeeds although the partition failed: the error stands beside offsets of 0.
		if p.Error != nil {
			return 0, 0, fmt.Errorf("offsets of %s/%d: %w", topic, partition, p.Error)
		}
		if p.FirstOffset < 0 || p.LastOffset < p.FirstOffset {
			return 0, 0, fmt.Errorf("offsets of %s/%d: the broker answered %d to %d", topic, partition, p.FirstOffset, p.LastOffset)
		}
		return p.FirstOffset, p.LastOffset, nil
	}
	return 0, 0, fmt.Errorf("offsets of %s/%d: the answer does not have the partition", topic, partition)
}
