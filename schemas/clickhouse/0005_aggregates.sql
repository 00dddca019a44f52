CREATE TABLE IF NOT EXISTS ${database}.events_per_minute
(
    minute           DateTime('UTC')         COMMENT 'Minute of the events, by their own time',
    event            LowCardinality(String)  COMMENT 'Name of the event',
    channel          LowCardinality(String)  COMMENT 'Channel, empty if none was given',
    log_month        Date                    COMMENT 'Month in which they were stored; parts are kept by it',
    events           SimpleAggregateFunction(sum, UInt64) COMMENT 'Number of events: read it with sum()',
    amount           SimpleAggregateFunction(sum, Decimal(38, 6)) COMMENT 'Sum of the amounts present: read it with sum()',
    profiles         AggregateFunction(uniq, UUID) COMMENT 'Distinct profiles as recorded, estimated: read it with uniqMerge()'
)
ENGINE = AggregatingMergeTree
PARTITION BY log_month
ORDER BY (event, channel, minute)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Events per minute, event and channel, kept up by events_per_minute_feed; always aggregate when reading';

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.events_per_minute_feed TO ${database}.events_per_minute
AS SELECT
    toStartOfMinute(toDateTime(time, 'UTC')) AS minute,
    event,
    channel,
    toStartOfMonth(log_time) AS log_month,
    count() AS events,
    sum(ifNull(toDecimal128(amount, 6), toDecimal128(0, 6))) AS amount,
    uniqState(profile_id) AS profiles
FROM (SELECT time, event, channel, log_time, amount, profile_id FROM ${database}.events)
GROUP BY minute, event, channel, log_month
COMMENT 'Feeds events_per_minute with each block of events';
