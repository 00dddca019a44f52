package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"portrait/bench"
	"portrait/bench/check"
	"portrait/bench/ledger"
	"portrait/pipeline"
	"portrait/pipeline/kafka"
	"portrait/pipeline/normalize"
	"portrait/schemas"
	"portrait/sinks/clickhouse"
)

// World is a deployment as anybody sees it from outside: topics and tables, and what it takes to read them.
type World struct {
	client *kafka.Client
	topics pipeline.Topics
	conn   clickhouse.Conn
	dep    *schemas.Deployment
	norm   *normalize.Normalizer
}

// OpenWorld connects to the broker (host:port) and the ClickHouse (DSN) of a deployment with the default prefix, and learns from its
// record what it takes to read it. Close it.
func OpenWorld(ctx context.Context, broker, dsn, keyFile string) (_ *World, err error) {
	w := &World{topics: pipeline.TopicNames("portrait")}
	if w.client, err = kafka.NewClient(kafka.Config{Brokers: []string{broker}}); err != nil {
		return nil, err
	}
	if w.conn, err = clickhouse.Connect(dsn); err != nil {
		return nil, err
	}
	records, err := kafka.ReadAll(ctx, w.client, w.topics.Catalog, 0)
	if err != nil {
		return nil, err
	}
	for i := range records {
		if string(records[i].Key) == "deployment" {
			w.dep = new(schemas.Deployment)
			if err := json.Unmarshal(records[i].Value, w.dep); err != nil {
				return nil, fmt.Errorf("deployment record: %w", err)
			}
			break // of two founders the first one counts
		}
	}
	if w.dep == nil {
		return nil, errors.New("no deployment record in " + w.topics.Catalog)
	}
	keys, err := normalize.LoadKeys("", keyFile)
	if err != nil {
		return nil, err
	}
	w.norm, err = normalize.New(w.dep, keys)
	return w, err
}

// Close lets go of the connections.
func (w *World) Close() {
	_ = w.conn.Close() // nothing of ours is in it
	w.client.Close()
}

// ask is check.Query.
func (w *World) ask(ctx context.Context, sql string) ([][]string, error) {
	return clickhouse.Texts(ctx, w.conn, sql)
}

// canonical is check.Input's: the stored form of an identifier.
func (w *World) canonical(kind, value string) string {
	id, err := w.norm.Hash(kind + ":" + value)
	if err != nil {
		return kind + ":" + value // the checker will find nothing there, and say so
	}
	return id
}

// number asks for one whole number.
func (w *World) number(ctx context.Context, sql string) (int64, error) {
	rows, err := w.ask(ctx, sql)
	if err != nil {
		return 0, err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return 0, fmt.Errorf("%d rows for one number", len(rows))
	}
	return strconv.ParseInt(rows[0][0], 10, 64)
}

// storedUntil is the newest Kafka timestamp of a fact that ClickHouse holds.
func (w *World) storedUntil(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ms, err := w.number(ctx, "SELECT toUnixTimestamp64Milli(max(log_time)) FROM portrait.sink_positions")
	return time.UnixMilli(ms), err
}

// accounted is how many records ClickHouse knows of.
func (w *World) accounted(ctx context.Context) (int64, error) {
	return w.number(ctx, "SELECT toInt64((SELECT count() FROM portrait.events) + (SELECT count() FROM portrait.duplicates) + "+
		"(SELECT count() FROM portrait.rejections))")
}

// Compare looks once at everything that a run left behind: the checker's comparisons, and the profiles topic and the dead letters
// beside them. Tags are compared as of an instant that topic and ClickHouse should have passed.
func (w *World) Compare(ctx context.Context, l *ledger.Ledger, topic *check.Topic, asOf time.Time) (*bench.Report, error) {
	report, err := check.Run(ctx, check.Input{Ledger: l, Topic: topic, AsOf: asOf, Query: w.ask, Canonical: w.canonical})
	if err != nil {
		return nil, err
	}
	profiles, err := w.profiles(ctx)
	if err != nil {
		return nil, err
	}
	_, _, rejected := l.Counts()
	letters, err := w.deadLetters(ctx, rejected)
	report.Checks = append(report.Checks, profiles, letters)
	return report, err
}

// Changes reads portrait.tags from its start, as a new consumer does.
func (w *World) Changes(ctx context.Context) (*check.Topic, error) {
	topic := check.NewTopic()
	for p := range w.dep.InboxPartitions {
		records, err := kafka.ReadAll(ctx, w.client, w.topics.Tags, p)
		if err != nil {
			return nil, err
		}
		for i := range records {
			if _, err := topic.Add(records[i].Value); err != nil {
				return nil, fmt.Errorf("%s/%d offset %d: %w", w.topics.Tags, p, records[i].Offset, err)
			}
		}
	}
	return topic, nil
}

// fresh is how old a document on the topic must be for ClickHouse to have it: timers never rest, so the newest are always on
// their way.
const fresh = 6 * time.Second

// profiles compares portrait.profiles, of which a reader keeps the highest version per key, with ClickHouse.
func (w *World) profiles(ctx context.Context) (bench.Check, error) {
	rows, err := w.ask(ctx, "SELECT toString(profile_id), toString(version) FROM portrait.profiles_now")
	if err != nil {
		return bench.Check{}, err
	}
	stored := make(map[string]uint64, len(rows))
	for _, row := range rows {
		if stored[row[0]], err = strconv.ParseUint(row[1], 10, 64); err != nil {
			return bench.Check{}, err
		}
	}
	docs := documents{}
	for p := range w.dep.InboxPartitions {
		records, err := kafka.ReadAll(ctx, w.client, w.topics.Profiles, p)
		if err != nil {
			return bench.Check{}, err
		}
		if err := docs.add(records, time.Now().Add(-fresh)); err != nil {
			return bench.Check{}, fmt.Errorf("%s/%d: %w", w.topics.Profiles, p, err)
		}
	}
	return docs.compare(stored), nil
}

// document is what a reader of portrait.profiles knows of one profile.
type document struct {
	versions map[uint64]bool
	settled  uint64 // the highest version that is old enough to be stored
	deleted  bool   // at that version
}

// documents by profile.
type documents map[string]document

// add takes the records of a partition; what is younger than old need not be stored yet.
func (ds documents) add(records []kafka.Record, old time.Time) error {
	for i := range records {
		version, err := strconv.ParseUint(header(&records[i], "version"), 10, 64)
		if err != nil {
			return fmt.Errorf("offset %d: version: %w", records[i].Offset, err)
		}
		d, ok := ds[string(records[i].Key)]
		if !ok {
			d.versions = map[uint64]bool{}
		}
		d.versions[version] = true
		if records[i].Time < old.UnixMilli() && version >= d.settled {
			d.settled, d.deleted = version, records[i].Value == nil
		}
		ds[string(records[i].Key)] = d
	}
	return nil
}

// compare judges the versions in ClickHouse, by profile.
func (ds documents) compare(stored map[string]uint64) bench.Check {
	c := bench.Check{Name: "profiles_topic_vs_clickhouse"}
	first := ""
	say := func(n *int64, format string, args ...any) {
		if *n++; first == "" {
			first = "; " + fmt.Sprintf(format, args...)
		}
	}
	known := 0
	for id, d := range ds {
		have, ok := stored[id]
		if ok {
			known++
		}
		switch {
		case ok && !d.versions[have]:
			say(&c.Wrong, "profile %s: version %d in ClickHouse was never on the topic", id, have)
		case ok && have < d.settled && d.deleted:
			say(&c.Doubled, "profile %s is deleted on the topic only", id)
		case ok && have < d.settled:
			say(&c.Lost, "profile %s: version %d in ClickHouse, %d on the topic", id, have, d.settled)
		case !ok && d.settled > 0 && !d.deleted:
			say(&c.Lost, "profile %s, version %d, is on the topic only", id, d.settled)
		}
	}
	if strangers := int64(len(stored) - known); strangers > 0 {
		c.Wrong += strangers
		first += fmt.Sprintf("; %d profiles are in ClickHouse only", strangers)
	}
	c.OK = c.Lost+c.Doubled+c.Wrong == 0
	c.Detail = fmt.Sprintf("%d profiles on the topic, %d in ClickHouse%s", len(ds), len(stored), first)
	return c
}

// deadLetters compares portrait.rejected, after dropping by position, with how many there must be.
func (w *World) deadLetters(ctx context.Context, want int64) (bench.Check, error) {
	seen := map[string]bool{}
	for p := range w.dep.EventsPartitions {
		records, err := kafka.ReadAll(ctx, w.client, w.topics.Rejected, p)
		if err != nil {
			return bench.Check{}, err
		}
		for i := range records {
			r := &records[i]
			seen[header(r, "partition")+" "+header(r, "offset")+" "+header(r, "index")] = true
		}
	}
	return compareDeadLetters(int64(len(seen)), want), nil
}

func compareDeadLetters(have, want int64) bench.Check {
	return bench.Check{Name: "dead_letters", OK: have == want, Lost: max(0, want-have), Doubled: max(0, have-want),
		Detail: fmt.Sprintf("%d of %d dead letters on the topic", have, want)}
}

func header(r *kafka.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}
