package kafka

import (
	"context"
	"errors"
	"fmt"
)

// ReadAll returns the records of a partition from its start to what was its end when the call began:
// meant for compacted topics, whose contents fit into memory. Of a key that was written more than once
// all records that compaction left come, in order: the last one counts. It waits for a broker that is
// away until the context ends, and begins anew if the start of the log moves while it reads (the
// embedded broker moves it when it compacts).
func ReadAll(ctx context.Context, client *Client, topic string, partition int) ([]Record, error) {
	for {
		start, end, err := client.Offsets(ctx, topic, partition)
		for failures := 1; err != nil; failures++ {
			if isAuthorization(err) || isUnknownTopic(err) && failures > 10 || !pause(ctx, backoff(failures)) {
				return nil, fmt.Errorf("read all: %w", err)
			}
			start, end, err = client.Offsets(ctx, topic, partition)
		}
		records, err := readRange(ctx, NewFetcher(client, topic, partition, start), start, end)
		if err == nil {
			return records, nil
		}
		if !errors.Is(err, ErrOffsetBelowStart) {
			return nil, fmt.Errorf("read all: %w", err)
		}
	}
}

// ReadLast returns the last records of a partition, at most n, as it was when the call began.
func ReadLast(ctx context.Context, client *Client, topic string, partition, n int) ([]Record, error) {
	start, end, err := client.Offsets(ctx, topic, partition)
	if err != nil {
		return nil, fmt.Errorf("read the last records: %w", err)
	}
	from := max(start, end-int64(n))
	records, err := readRange(ctx, NewFetcher(client, topic, partition, from), from, end)
	if err != nil {
		return nil, fmt.Errorf("read the last records: %w", err)
	}
	return records, nil
}

func readRange(ctx context.Context, fetcher *Fetcher, start, end int64) ([]Record, error) {
	var records []Record
	for next := start; next < end; {
		batch, err := fetcher.Next(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range batch.Records {
			if r.Offset < end {
				records = append(records, r)
			}
		}
		next = batch.Next
	}
	return records, nil
}
