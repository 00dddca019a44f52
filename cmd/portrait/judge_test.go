package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"portrait/bench"
	"portrait/bench/check"
	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/schemas"
	"portrait/sinks/clickhouse"
)

// judgeLimit bounds the wait until topics and ClickHouse are as the ledger says.
const judgeLimit = 2 * time.Minute

// world is what a run left behind: topics and tables, and what it takes to read them.
type world struct {
	feeder *feeder
	client *kafka.Client
	topics pipeline.Topics
	conn   clickhouse.Conn
	dep    *schemas.Deployment
	norm   *normalize.Normalizer
}

// openWorld connects to what the processes of the test wrote to.
func openWorld(t *testing.T, f *feeder, dsn, keyFile string) *world {
	t.Helper()
	w := &world{feeder: f, client: f.client, topics: pipeline.TopicNames("portrait")}
	var err error
	if w.conn, err = clickhouse.Connect(dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.conn.Close() })
	records, err := kafka.ReadAll(f.ctx, w.client, w.topics.Catalog, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		if string(records[i].Key) == "deployment" {
			w.dep = new(schemas.Deployment)
			if err := json.Unmarshal(records[i].Value, w.dep); err != nil {
				t.Fatal(err)
			}
		}
	}
	keys, err := normalize.LoadKeys("", keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if w.norm, err = normalize.New(w.dep, keys); err != nil {
		t.Fatal(err)
	}
	return w
}

// judge compares everything with the ledger, again and again until it agrees: the last blocks, documents and timers take
// their time. What stays wrong until the limit is an error.
func (w *world) judge(t *testing.T) {
	t.Helper()
	repeats := w.feeder.count(t)
	ctx, cancel := context.WithTimeout(w.feeder.ctx, judgeLimit)
	defer cancel()
	began := time.Now()
	for {
		report, wrong, err := w.compare(ctx)
		if err == nil && len(wrong) == 0 {
			t.Logf("%d records sent and %d of them twice by doubt; %d people, %d tag changes", report.EventsSent-int64(repeats), repeats,
				report.People, report.TagChanges)
			for _, c := range report.Checks {
				t.Logf("%s: %s", c.Name, c.Detail)
			}
			return
		}
		if err != nil || time.Since(began) > judgeLimit/4 { // slow: what is it waiting for?
			t.Logf("%v: not yet: %v %v", time.Since(began).Round(time.Second), err, wrong)
		}
		if pause(ctx, time.Second) != nil {
			t.Errorf("after %v still wrong: %v", judgeLimit, err)
			for _, text := range wrong {
				t.Error(text)
			}
			return
		}
	}
}

// compare looks once. Tags are compared a little in the past, which topic and ClickHouse have passed if they are
// up to date.
func (w *world) compare(ctx context.Context) (report *bench.Report, wrong []string, err error) {
	const passed = 3 * time.Second
	asOf := time.Now().Add(-passed)
	topic := check.NewTopic()
	for p := range w.dep.InboxPartitions {
		records, err := kafka.ReadAll(ctx, w.client, w.topics.Tags, p)
		if err != nil {
			return nil, nil, err
		}
		for i := range records {
			if _, err := topic.Add(records[i].Value); err != nil {
				return nil, nil, fmt.Errorf("%s/%d offset %d: %w", w.topics.Tags, p, records[i].Offset, err)
			}
		}
	}
	report, err = check.Run(ctx, check.Input{Ledger: w.feeder.ledger, Topic: topic, AsOf: asOf,
		Query: func(ctx context.Context, sql string) ([][]string, error) { return clickhouse.Texts(ctx, w.conn, sql) },
		Canonical: func(kind, value string) string {
			id, err := w.norm.Hash(kind + ":" + value)
			if err != nil {
				return kind + ":" + value // the checker will find nothing there, and say so
			}
			return id
		}})
	if err != nil {
		return nil, nil, err
	}
	for _, c := range report.Checks {
		if !c.OK {
			wrong = append(wrong, c.Name+": "+c.Detail)
		}
	}
	more, err := w.profiles(ctx)
	wrong = append(wrong, more...)
	if err == nil {
		more, err = w.rejected(ctx)
		wrong = append(wrong, more...)
	}
	return report, wrong, err
}

// settled is how old a document on the topic must be for ClickHouse to have it: timers never rest, so the newest are
// always on their way.
const settled = 6 * time.Second

// profiles compares portrait.profiles, of which a reader keeps the highest version per key, with ClickHouse.
func (w *world) profiles(ctx context.Context) (wrong []string, err error) {
	rows, err := clickhouse.Texts(ctx, w.conn, "SELECT toString(profile_id), toString(version) FROM portrait.profiles_now")
	if err != nil {
		return nil, err
	}
	stored := make(map[string]uint64, len(rows))
	for _, row := range rows {
		if stored[row[0]], err = strconv.ParseUint(row[1], 10, 64); err != nil {
			return nil, err
		}
	}
	documents, err := w.documents(ctx)
	for id, d := range documents {
		switch have, ok := stored[id]; {
		case ok && !d.versions[have]:
			wrong = append(wrong, fmt.Sprintf("profile %s: version %d in ClickHouse was never on the topic", id, have))
		case ok && have < d.settled:
			wrong = append(wrong, fmt.Sprintf("profile %s: version %d in ClickHouse, %d on the topic", id, have, d.settled))
		case !ok && d.settled > 0 && !d.deleted:
			wrong = append(wrong, fmt.Sprintf("profile %s, version %d, is on the topic only", id, d.settled))
		case ok && d.settled > have && d.deleted:
			wrong = append(wrong, fmt.Sprintf("profile %s is deleted on the topic only", id))
		}
		delete(stored, id)
	}
	if len(stored) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d profiles are in ClickHouse only", len(stored)))
	}
	return wrong, err
}

// document is what a reader of portrait.profiles knows of one profile.
type document struct {
	versions map[uint64]bool
	settled  uint64 // the highest version that is old enough to be stored
	deleted  bool   // at that version
}

// documents reads portrait.profiles.
func (w *world) documents(ctx context.Context) (map[string]document, error) {
	found, old := map[string]document{}, time.Now().Add(-settled).UnixMilli()
	for p := range w.dep.InboxPartitions {
		records, err := kafka.ReadAll(ctx, w.client, w.topics.Profiles, p)
		if err != nil {
			return nil, err
		}
		for i := range records {
			version, err := strconv.ParseUint(header(&records[i], "version"), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s/%d offset %d: version: %w", w.topics.Profiles, p, records[i].Offset, err)
			}
			d, ok := found[string(records[i].Key)]
			if !ok {
				d.versions = map[uint64]bool{}
			}
			d.versions[version] = true
			if records[i].Time < old && version >= d.settled {
				d.settled, d.deleted = version, records[i].Value == nil
			}
			found[string(records[i].Key)] = d
		}
	}
	return found, nil
}

// rejected compares portrait.rejected, after dropping by position, with the ledger.
func (w *world) rejected(ctx context.Context) (wrong []string, err error) {
	seen := map[string]bool{}
	for p := range w.dep.EventsPartitions {
		records, err := kafka.ReadAll(ctx, w.client, w.topics.Rejected, p)
		if err != nil {
			return nil, err
		}
		for i := range records {
			r := &records[i]
			seen[header(r, "partition")+" "+header(r, "offset")+" "+header(r, "index")] = true
		}
	}
	if _, _, want := w.feeder.ledger.Counts(); int64(len(seen)) != want {
		wrong = append(wrong, fmt.Sprintf("%d records on %s instead of %d", len(seen), w.topics.Rejected, want))
	}
	return wrong, nil
}

func header(r *kafka.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}
