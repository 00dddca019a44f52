package check

import (
	"fmt"

	"portrait/bench"
	"portrait/bench/ledger"
)

// page is how many events are asked for at a time: a million ids at once would cost a gigabyte.
const page = 100_000

// pages calls f with the SQL condition of each range of event ids of the run.
func (c *checker) pages(f func(condition string) error) error {
	for from := int32(0); from <= c.Ledger.Last(); from += page {
		condition := fmt.Sprintf("event_id >= '%s' AND event_id < '%s'",
			c.Ledger.Run.EventID(from), c.Ledger.Run.EventID(from+page))
		if err := f(condition); err != nil {
			return err
		}
	}
	return nil
}

// countByID asks how often each event id stands in a table and compares with what want says.
func (c *checker) countByID(table string, want func(kind ledger.Kind) bool, d *differences) (total int64, err error) {
	found := make([]int64, c.Ledger.Last()+1) // by sequence number
	err = c.pages(func(condition string) error {
		rows, err := c.ask(2, fmt.Sprintf("SELECT event_id, toString(count()) FROM %s.%s WHERE %s GROUP BY event_id",
			c.Database, table, condition))
		if err != nil {
			return err
		}
		for _, row := range rows {
			n, err := number(row[1])
			if err != nil {
				return err
			}
			total += n
			if seq, ok := c.Ledger.Run.Seq(row[0]); ok && c.Ledger.BySeq(seq) != nil {
				found[seq] += n
			} else {
				d.add("%s was never sent", row[0])
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	expected := make([]int64, len(found))
	for i := range c.Ledger.Len() {
		if ev := c.Ledger.At(i); want(ev.Kind) {
			expected[ev.Of]++
		}
	}
	for seq, have := range found {
		switch n := expected[seq]; {
		case have < n:
			d.miss("%s is missing", c.Ledger.Run.EventID(int32(seq)))
		case have > n:
			d.again("%s is there %d times instead of %d", c.Ledger.Run.EventID(int32(seq)), have, n)
		}
	}
	return total, nil
}

func (c *checker) eventsStored() (bench.Check, error) {
	var d differences
	stored, err := c.countByID("events", func(k ledger.Kind) bool { return k == ledger.Counted }, &d)
	if err != nil {
		return bench.Check{}, err
	}
	c.report.EventsStored = stored
	want, _, _ := c.Ledger.Counts()
	return d.result("%d of %d events stored", stored, want), nil
}

func (c *checker) duplicates() (bench.Check, error) {
	var d differences
	found, err := c.countByID("duplicates", func(k ledger.Kind) bool { return k == ledger.Duplicate }, &d)
	if err != nil {
		return bench.Check{}, err
	}
	c.report.Duplicates = found
	_, want, _ := c.Ledger.Counts()
	return d.result("%d of %d duplicates noticed", found, want), nil
}

// rejected compares numbers only: a dead letter that is no JSON has no event id.
func (c *checker) rejected() (bench.Check, error) {
	var d differences
	rows, err := c.ask(2, fmt.Sprintf("SELECT reason, toString(count()) FROM %s.rejections WHERE kafka_time >= "+
		"fromUnixTimestamp64Milli(toInt64(%d)) GROUP BY reason ORDER BY reason", c.Database, c.Ledger.Run.Start))
	if err != nil {
		return bench.Check{}, err
	}
	reasons := ""
	for _, row := range rows {
		n, err := number(row[1])
		if err != nil {
			return bench.Check{}, err
		}
		c.report.Rejected += n
		reasons += fmt.Sprintf(", %s %d", row[0], n)
	}
	_, _, want := c.Ledger.Counts()
	switch {
	case c.report.Rejected < want:
		d.miss("%d records should have been rejected", want)
	case c.report.Rejected > want:
		d.again("%d records should have been rejected", want)
	}
	return d.result("%d of %d rejected%s", c.report.Rejected, want, reasons), nil
}

func (c *checker) accounting() (bench.Check, error) {
	var d differences
	rows, err := c.ask(6, fmt.Sprintf("SELECT toString(events_partition), toString(stored + duplicates + rejected), "+
		"toString(doubled), toString(missing_offsets), toString(missing_indexes), toString(ok) FROM %s.accounting", c.Database))
	if err != nil {
		return bench.Check{}, err
	}
	var items int64
	for _, row := range rows {
		n, err := number(row[1])
		if err != nil {
			return bench.Check{}, err
		}
		items += n
		if row[2] != "0" || row[3] != "0" || row[4] != "0" || row[5] != "1" {
			note := d.miss
			if row[2] != "0" {
				note = d.again
			}
			note("partition %s: %s rows too many, %s offsets and %s indexes without a row", row[0], row[2], row[3], row[4])
		}
	}
	if sent := int64(c.Ledger.Len()); items < sent { // more: other runs in the same data directory
		d.miss("%d records were sent", sent)
	}
	return d.result("%d records accounted for in %d partitions", items, len(rows)), nil
}
