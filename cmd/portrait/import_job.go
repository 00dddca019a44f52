package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"portrait/pipeline/importer"
	"portrait/pipeline/kafka"
	"portrait/schemas"
	"portrait/sinks/clickhouse"
)

// importJob sends the lines of inputs to portrait.events of a running service.
type importJob struct {
	client     *kafka.Client
	topic      string
	partitions int
	out        io.Writer // progress and bad lines
	quiet      bool      // no progress bar
	pacer      *pacer    // of a history; nil: all in one go

	Lines, Bad int64
	Latest     int64 // ms: largest event time sent

	input string // that is being read
	line  int    // of it, read last
	sent  bool   // all of all inputs
}

// maxBadLinesShown bounds what is printed of bad lines; all are counted.
const maxBadLinesShown = 20

// run sends every line. A bad line is reported and left out; the rest goes on.
func (j *importJob) run(ctx context.Context, sources ...*importer.Source) error {
	producer, err := kafka.NewProducer(ctx, j.client, kafka.DefaultProducerConfig())
	if err != nil {
		return err
	}
	defer producer.Close()
	for _, s := range sources {
		if err := j.source(ctx, producer, s); err != nil {
			return err
		}
	}
	if err := producer.Flush(ctx); err != nil {
		return err
	}
	j.sent = true
	return nil
}

// reached says how far an import came that was interrupted; a nil one had nowhere to send to yet.
func (j *importJob) reached() string {
	switch {
	case j == nil:
		return "while the deployment was being made"
	case j.sent:
		return fmt.Sprintf("when all %d lines were sent, and not all of them stored", j.Lines)
	case j.Lines+j.Bad == 0:
		return "before the first line"
	}
	return fmt.Sprintf("when events were taken up to line %d of %s, %d in all", j.line, j.input, j.Lines)
}

func (j *importJob) source(ctx context.Context, producer *kafka.Producer, s *importer.Source) error {
	j.input, j.line = s.Name(), 0
	_, total := s.Progress()
	bar := progressbar.NewOptions64(total, progressbar.OptionSetWriter(j.out), progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription("import"), progressbar.OptionThrottle(200*time.Millisecond),
		progressbar.OptionSetVisibility(!j.quiet && total > 0), progressbar.OptionClearOnFinish())
	defer bar.Close()
	for {
		ev, bad, err := s.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("after %d lines: %w", j.Lines, err)
		case bad != nil:
			j.line = bad.Line
			if j.Bad++; j.Bad <= maxBadLinesShown {
				fmt.Fprintf(j.out, "left out: %v\n", bad)
			}
			continue
		}
		if err := j.pacer.before(ctx, producer, ev.Time); err != nil {
			return err
		}
		j.Latest = max(j.Latest, ev.Time)
		partition := schemas.PartitionOf(string(ev.Value[:min(len(ev.Value), 64)]), j.partitions)
		if err := producer.Send(ctx, j.topic, partition, kafka.Record{Value: ev.Value}, nil); err != nil {
			return fmt.Errorf("line %d: %w", ev.Line, err)
		}
		j.Lines++
		j.line = ev.Line
		if j.Lines%1000 == 0 {
			read, _ := s.Progress()
			_ = bar.Set64(read) // a bar that cannot be drawn changes nothing
		}
	}
}

// finishHistory brings a deployment with the event clock to its end: the clock reaches until, and
// everything is stored in ClickHouse.
func finishHistory(ctx context.Context, s *Service, until time.Time) error {
	if err := s.node.Rest(ctx); err != nil {
		return err
	}
	if err := s.node.AdvanceClock(ctx, until.UnixMilli()); err != nil {
		return err
	}
	if err := s.node.Rest(ctx); err != nil {
		return err
	}
	// Blocks of the sink end with a second of Kafka's clock: a marker in a later one ends the last.
	for step := 1; ; step++ {
		if err := pause(ctx, 1200*time.Millisecond); err != nil {
			return err
		}
		if done, err := s.allStored(ctx); err != nil || done {
			return err
		}
		if step > 100 {
			return fmt.Errorf("import: facts are still not stored after two minutes; is ClickHouse answering? see the log")
		}
		if err := s.node.AdvanceClock(ctx, until.Add(time.Duration(step)*10*time.Second).UnixMilli()); err != nil {
			return err
		}
		if err := s.node.Rest(ctx); err != nil {
			return err
		}
	}
}

// allStored reports whether the sink has stored every facts record that has rows.
func (s *Service) allStored(ctx context.Context) (bool, error) {
	if s.sink == nil {
		return true, nil
	}
	for f := range s.node.Deployment().FactsPartitions {
		at, err := s.sink.Position(ctx, int32(f))
		if err != nil {
			return false, err
		}
		_, end, err := s.node.Client().Offsets(ctx, s.node.Topics().Facts, f)
		if err != nil {
			return false, err
		}
		// What may remain are markers: at most two per inbox partition since the last fact.
		if end-at.Next > int64(2*s.node.Deployment().InboxPartitions) {
			return false, nil
		}
		if at.Next < end && !s.markersOnly(ctx, f, at.Next, end) {
			return false, nil
		}
	}
	return true, nil
}

// markersOnly reports whether all records from next to end carry no facts.
func (s *Service) markersOnly(ctx context.Context, partition int, next, end int64) bool {
	f := kafka.NewFetcher(s.node.Client(), s.node.Topics().Facts, partition, next)
	for next < end {
		b, err := f.Next(ctx)
		if err != nil {
			return false
		}
		for i := range b.Records {
			if !emptyFacts(b.Records[i].Value) {
				return false
			}
		}
		if b.Next == next {
			return false
		}
		next = b.Next
	}
	return true
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// fates says what became of the events of a whole deployment, as counts in text.
type fates struct{ stored, duplicates, rejected string }

// String writes "10 events, 2 duplicates, 0 rejected".
func (f fates) String() string {
	return fmt.Sprintf("%s events, %s duplicates, %s rejected", f.stored, f.duplicates, f.rejected)
}

// fates asks ClickHouse. What the router rejects looks like any other line to whoever sends it, so only the
// accounting can tell.
func (s *Service) fates(ctx context.Context) (fates, error) {
	rows, err := clickhouse.Texts(ctx, s.conn, "SELECT toString(sum(stored)), toString(sum(duplicates)), toString(sum(rejected)) FROM accounting")
	if err != nil {
		return fates{}, fmt.Errorf("accounting: %w", err)
	}
	return fates{rows[0][0], rows[0][1], rows[0][2]}, nil
}
