package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"portrait/bench"
	"portrait/pipeline/kafka"
)

// Patience of the verification: documents follow within their interval, ClickHouse within seconds of the load.
const (
	observeTimeout = 4 * time.Minute // and three times the interval of documents
	observePoll    = 300 * time.Millisecond
)

// patience is how long the deployment may take to publish what it has.
func (d *Driver) patience() time.Duration { return observeTimeout + 3*d.dep.DocInterval }

// Verify waits until everything sent has come out, and compares it with the plan.
func (d *Driver) Verify(ctx context.Context) ([]bench.Check, error) {
	if err := d.producer.Flush(ctx); err != nil {
		return nil, err
	}
	watching, cancel := context.WithTimeoutCause(ctx, d.patience(), fmt.Errorf("not everything came out within %v", d.patience()))
	defer cancel()
	err := d.observe(watching)
	if err != nil && watching.Err() == nil || ctx.Err() != nil {
		return nil, err
	}
	sent := d.next.Load() // if it did not come out, the checks say what is missing
	checks := d.seen.Verify(d.traffic(), sent, time.Now().UnixMilli())
	if d.facts != nil {
		checks = append(checks, d.facts.check(sent-d.traffic().First()),
			bench.Check{Name: "nothing refused", OK: d.letters == 0, Detail: fmt.Sprintf("%d dead letters of this run", d.letters)})
	}
	if d.dep.Query == nil {
		return checks, nil
	}
	stored, err := d.stored(ctx, sent)
	return append(checks, stored), err
}

// observe reads the public topics until everything sent has come out. Where others use them, too, they have no end: they are
// read once more then, for what was published before the last document.
func (d *Driver) observe(ctx context.Context) error {
	for {
		if err := d.readAll(ctx); err != nil {
			return err
		}
		if d.seen.Counted() == d.Sent() {
			if d.dep.Shared {
				return errors.Join(d.readAll(ctx), d.Err())
			}
			if d.ended(ctx) {
				return d.Err()
			}
		}
		if err := bench.Pause(ctx, observePoll); err != nil {
			return fmt.Errorf("%d events of %d have come out: %w", d.seen.Counted(), d.Sent(), err)
		}
	}
}

func (d *Driver) readAll(ctx context.Context) error {
	for _, r := range d.topics {
		if err := d.read(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// ended reports whether both topics were read to their ends.
func (d *Driver) ended(ctx context.Context) bool {
	for _, r := range d.topics {
		if _, end, err := d.client.Offsets(ctx, r.topic, r.partition); err != nil || end > r.next {
			return false
		}
	}
	return true
}

// read takes in what a partition has had since the last time.
func (d *Driver) read(ctx context.Context, r *reading) error {
	_, end, err := d.client.Offsets(ctx, r.topic, r.partition)
	if err != nil {
		return err
	}
	for r.next < end {
		b, err := r.fetcher.Next(ctx)
		if err != nil {
			return err
		}
		for i := range b.Records {
			if err := r.take(&b.Records[i]); err != nil {
				return fmt.Errorf("%s partition %d offset %d: %w", r.topic, r.partition, b.Records[i].Offset, err)
			}
		}
		r.next = b.Next
	}
	return nil
}

func (d *Driver) takeChange(record *kafka.Record) error { return d.seen.Change(record.Value) }

// takeLetter counts dead letters of this run.
func (d *Driver) takeLetter(record *kafka.Record) error {
	if bytes.Contains(record.Value, []byte(d.traffic().EventPrefix())) {
		d.letters++
	}
	return nil
}

func (d *Driver) takeDocument(record *kafka.Record) (err error) {
	version := uint64(0)
	for _, h := range record.Headers {
		if h.Key == "version" {
			if version, err = strconv.ParseUint(string(h.Value), 10, 64); err != nil {
				return err
			}
		}
	}
	return d.seen.Document(record.Key, record.Value, version)
}

// stored waits for ClickHouse and compares its rows.
func (d *Driver) stored(ctx context.Context, sent int64) (check bench.Check, err error) {
	plan := d.traffic()
	where := " FROM events WHERE startsWith(event_id, '" + plan.EventPrefix() + "')"
	want := sent - plan.First()
	for deadline := time.Now().Add(d.patience()); ; {
		n, err := d.number(ctx, "SELECT count()"+where)
		if err != nil {
			return check, err
		}
		if n >= want || time.Now().After(deadline) {
			break
		}
		if err := bench.Pause(ctx, time.Second); err != nil {
			return check, err
		}
	}
	distinct, err := d.number(ctx, "SELECT uniqExact(event_id)"+where)
	if err != nil {
		return check, err
	}
	rows, err := d.dep.Query(ctx, "SELECT identifiers[1], count()"+where+" GROUP BY 1")
	if err != nil {
		return check, err
	}
	check = d.seen.Rows(plan, sent, rows)
	check.OK = check.OK && distinct == want
	check.Detail += fmt.Sprintf("; %d different events of %d", distinct, want)
	return check, nil
}

func (d *Driver) number(ctx context.Context, sql string) (int64, error) {
	rows, err := d.dep.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return 0, fmt.Errorf("%s: %d rows", sql, len(rows))
	}
	return strconv.ParseInt(rows[0][0], 10, 64)
}
