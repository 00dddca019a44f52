package main

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"portrait/pipeline"
	"portrait/pipeline/histogram"
)

// collector turns the service's status into Prometheus metrics when it is scraped.
type collector struct {
	s     *Service
	descs map[string]*prometheus.Desc
}

// metricHelp names every metric, its labels and what it says; units are in the names.
var metricHelp = map[string][]string{
	"portrait_inbox_lag_records":        {"Records of the inbox not applied yet.", "partition"},
	"portrait_events_lag_records":       {"Records of portrait.events not routed yet.", "partition"},
	"portrait_watermark_age_seconds":    {"Wall clock minus watermark: how late timers are.", "partition"},
	"portrait_checkpoint_age_seconds":   {"Since the newest committed checkpoint.", "partition"},
	"portrait_stopped":                  {"1 while the partition stands at a record until an operator acts.", "partition"},
	"portrait_held_outputs_total":       {"Messages of a machine to itself that waited because checkpoints fell behind a wave of timers.", "partition"},
	"portrait_cached_bytes":             {"About how much memory they take.", "partition"},
	"portrait_cached_nodes":             {"Identifiers in memory.", "partition"},
	"portrait_uncut_nodes":              {"Changed identifiers not yet in a checkpoint.", "partition"},
	"portrait_timers":                   {"Registered timers.", "partition"},
	"portrait_outputs_unacknowledged":   {"Outputs sent and not acknowledged.", "partition"},
	"portrait_apply_seconds_total":      {"Time spent applying records.", "partition"},
	"portrait_publish_seconds_total":    {"Time spent handing outputs to the producer.", "partition"},
	"portrait_route_seconds_total":      {"Time spent routing fetches.", "partition"},
	"portrait_events_counted_total":     {"Events counted for a profile since the start.", "partition"},
	"portrait_duplicates_total":         {"Repeats at the source since the start.", "partition"},
	"portrait_repeats_dropped_total":    {"Items at or below a mark, dropped.", "partition"},
	"portrait_merges_total":             {"Profiles absorbed.", "partition"},
	"portrait_refusals_total":           {"Edges refused.", "partition"},
	"portrait_timers_fired_total":       {"Timers fired.", "partition"},
	"portrait_tag_errors_total":         {"Rules that failed at run time.", "partition"},
	"portrait_events_routed_total":      {"Events routed.", "partition"},
	"portrait_events_rejected_total":    {"Dead letters by reason.", "partition", "reason"},
	"portrait_events_repaired_total":    {"Events changed on their way in, by rule.", "partition", "rule"},
	"portrait_tag_changes_total":        {"Tag changes published, by tag and change; merged and erased have no tag.", "tag", "change"},
	"portrait_troubles_total":           {"Failures that were tried again: fetches, groups, checkpoints."},
	"portrait_produce_requests_total":   {"Produce requests acknowledged by the brokers."},
	"portrait_produce_records_total":    {"Records acknowledged by the brokers."},
	"portrait_produce_retries_total":    {"Produce requests repeated."},
	"portrait_produce_queued_records":   {"Records waiting for the brokers."},
	"portrait_snapshots_written_total":  {"Snapshots written."},
	"portrait_snapshot_failures_total":  {"Snapshots that could not be written or looked at, and are tried again."},
	"portrait_snapshots_damaged_total":  {"Snapshots found damaged and passed over for the one before."},
	"portrait_snapshots_restored_total": {"Partitions restored from snapshots."},
	"portrait_snapshot_lag_records":     {"Records of the inbox behind the newest snapshot.", "partition"},
	"portrait_sink_failures":            {"Failed attempts since the last block stored in ClickHouse."},
	"portrait_sink_last_block_rows":     {"Rows of the block stored last."},
	"portrait_sink_last_block_seconds":  {"What storing it took."},
	"portrait_sink_age_seconds":         {"Wall clock minus the newest stored Kafka timestamp."},
	"portrait_stage_seconds": {"Time by stage: route (a fetch of events until all it caused is acknowledged), step (a machine applying a fetch), " +
		"tag (Kafka timestamp of an event until its tag change is acknowledged), produce (a request), sink (a block into ClickHouse).", "stage"},
	"portrait_offsets_without_event_total": {"Offsets of portrait.events that never held an event (markers of transactions, records of aborted ones): " +
		"told to ClickHouse, so that its accounting can tell them from losses.", "partition"},
}

func newCollector(s *Service) *collector {
	c := &collector{s: s, descs: map[string]*prometheus.Desc{}}
	for name, h := range metricHelp {
		c.descs[name] = prometheus.NewDesc(name, h[0], h[1:], nil)
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(name string, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(c.descs[name], prometheus.GaugeValue, v, labels...)
	}
	counter := func(name string, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(c.descs[name], prometheus.CounterValue, v, labels...)
	}
	st := c.s.node.Status()
	now := time.Now()
	for i := range st.Machines {
		m := &st.Machines[i]
		p := strconv.Itoa(m.Partition)
		gauge("portrait_inbox_lag_records", float64(max(0, m.High-m.Position)), p)
		gauge("portrait_watermark_age_seconds", float64(now.UnixMilli()-m.Watermark)/1000, p)
		gauge("portrait_checkpoint_age_seconds", now.Sub(m.Checkpointed).Seconds(), p)
		gauge("portrait_stopped", float64(min(1, len(m.Stopped))), p)
		if st.Snapshots.On {
			gauge("portrait_snapshot_lag_records", float64(max(0, m.Position-m.Snapshot)), p)
		}
		gauge("portrait_cached_nodes", float64(m.Cached), p)
		gauge("portrait_cached_bytes", float64(m.CachedBytes), p)
		gauge("portrait_uncut_nodes", float64(m.Uncut), p)
		gauge("portrait_timers", float64(m.Timers), p)
		gauge("portrait_outputs_unacknowledged", float64(m.Owed), p)
		counter("portrait_held_outputs_total", float64(m.Held), p)
		counter("portrait_apply_seconds_total", m.ApplySeconds, p)
		counter("portrait_publish_seconds_total", m.PublishSeconds, p)
		counter("portrait_events_counted_total", float64(m.Counters.Events), p)
		counter("portrait_duplicates_total", float64(m.Counters.Duplicates), p)
		counter("portrait_repeats_dropped_total", float64(m.Counters.Repeats), p)
		counter("portrait_merges_total", float64(m.Counters.Merges), p)
		counter("portrait_refusals_total", float64(m.Counters.Refusals), p)
		counter("portrait_timers_fired_total", float64(m.Counters.Timers), p)
		counter("portrait_tag_errors_total", float64(m.Counters.TagErrors), p)
	}
	for i := range st.Routers {
		r := &st.Routers[i]
		p := strconv.Itoa(r.Partition)
		gauge("portrait_events_lag_records", float64(max(0, r.High-r.Position)), p)
		counter("portrait_route_seconds_total", r.RouteSeconds, p)
		counter("portrait_events_routed_total", float64(r.Counts.Events), p)
		counter("portrait_offsets_without_event_total", float64(r.Counts.WithoutEvent), p)
		for reason, n := range r.Counts.Rejected {
			counter("portrait_events_rejected_total", float64(n), p, string(reason))
		}
		r.Counts.EachRepair(func(rule string, n int) { counter("portrait_events_repaired_total", float64(n), p, rule) })
	}
	c.stages(ch, &st)
	for m, n := range st.Stages.Moves {
		counter("portrait_tag_changes_total", float64(n), m.Tag, m.Change)
	}
	counter("portrait_troubles_total", float64(st.Troubles))
	counter("portrait_produce_requests_total", float64(st.Producer.Requests))
	counter("portrait_produce_records_total", float64(st.Producer.Records))
	counter("portrait_produce_retries_total", float64(st.Producer.Retries))
	gauge("portrait_produce_queued_records", float64(st.Producer.QueuedRecords))
	counter("portrait_snapshots_written_total", float64(st.Snapshots.Written))
	counter("portrait_snapshot_failures_total", float64(st.Snapshots.Failed))
	counter("portrait_snapshots_damaged_total", float64(st.Snapshots.Damaged))
	counter("portrait_snapshots_restored_total", float64(st.Snapshots.Restored))
	gauge("portrait_sink_failures", float64(c.s.trouble.Load()))
	if b := c.s.stored.Load(); b != nil {
		gauge("portrait_sink_last_block_rows", float64(b.Block.Rows))
		gauge("portrait_sink_last_block_seconds", b.Elapsed.Seconds())
		gauge("portrait_sink_age_seconds", float64(now.UnixMilli()-b.Block.After.LogTime)/1000)
	}
}

// stages writes the histograms of all stages.
func (c *collector) stages(ch chan<- prometheus.Metric, st *pipeline.Status) {
	for stage, h := range map[string]histogram.Snapshot{"route": st.Stages.Route, "step": st.Stages.Step, "tag": st.Stages.Tag,
		"produce": st.Producer.Request, "sink": c.s.blocks.Snapshot()} {
		ch <- prometheus.MustNewConstHistogram(c.descs["portrait_stage_seconds"], h.Count(), h.Sum.Seconds(), h.Cumulative(), stage)
	}
}
