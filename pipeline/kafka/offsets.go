package kafka

import (
	"context"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
)

// Offsets returns the first offset that exists and the first that does not exist yet (of committed
// records, so a fetcher that has reached end is caught up).
func (c *Client) Offsets(ctx context.Context, topic string, partition int) (start, end int64, err error) {
	return c.offsets(ctx, topic, partition, kafkago.ReadCommitted)
}

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
