-- What the tables hold is compared with what the sink counted (sink_positions), so that a row lost at
-- either end of the range shows, too.
CREATE VIEW IF NOT EXISTS ${database}.accounting
(
    epoch               UInt32                  COMMENT 'Epoch of the deployment record',
    events_partition    Int32                   COMMENT 'Partition of the events topic',
    first_offset        Int64                   COMMENT 'Smallest offset seen',
    last_offset         Int64                   COMMENT 'Largest offset seen',
    stored              UInt64                  COMMENT 'Rows in events',
    duplicates          UInt64                  COMMENT 'Rows in duplicates',
    rejected            UInt64                  COMMENT 'Rows in rejections',
    doubled             UInt64                  COMMENT 'Rows beyond the first for the same position; must be 0',
    missing_offsets     UInt64                  COMMENT 'Offsets between the first and the last without any row; 0 at rest, in flight the partitions differ a little',
    missing_indexes     UInt64                  COMMENT 'Positions below the largest index of their record without a row; 0 at rest',
    expected            UInt64                  COMMENT 'Items that the sink has stored by its own count',
    expected_last       Int64                   COMMENT 'Largest offset among them',
    ok                  UInt8                   COMMENT '1: every item is there exactly once'
)
AS WITH
    rows AS
    (
        SELECT epoch, events_partition, events_offset, events_index, 1 AS outcome FROM ${database}.events
        UNION ALL
        SELECT epoch, events_partition, events_offset, events_index, 2 AS outcome FROM ${database}.duplicates
        UNION ALL
        SELECT epoch, events_partition, events_offset, events_index, 3 AS outcome FROM ${database}.rejections
    ),
    records AS
    (
        SELECT epoch, events_partition, events_offset,
            countIf(outcome = 1) AS s, countIf(outcome = 2) AS d, countIf(outcome = 3) AS r,
            uniqExact(events_index) AS positions, toUInt64(max(events_index)) + 1 AS length
        FROM rows
        GROUP BY epoch, events_partition, events_offset
    ),
    held AS
    (
        SELECT epoch, events_partition,
            min(events_offset) AS first_offset, max(events_offset) AS last_offset,
            sum(s) AS stored, sum(d) AS duplicates, sum(r) AS rejected,
            sum(s + d + r - positions) AS doubled,
            toUInt64(max(events_offset) - min(events_offset) + 1 - count()) AS missing_offsets,
            sum(length - positions) AS missing_indexes
        FROM records
        GROUP BY epoch, events_partition
    ),
    newest AS
    (
        SELECT epoch, partitions, items, last_offsets FROM ${database}.sink_positions
        ORDER BY next_offset DESC LIMIT 1 BY epoch, facts_partition
    ),
    counted AS
    (
        SELECT epoch, events_partition, sum(n) AS expected, max(o) AS expected_last
        FROM newest ARRAY JOIN partitions AS events_partition, items AS n, last_offsets AS o
        GROUP BY epoch, events_partition
    )
SELECT
    k.epoch AS epoch, k.events_partition AS events_partition, h.first_offset AS first_offset, h.last_offset AS last_offset,
    h.stored AS stored, h.duplicates AS duplicates, h.rejected AS rejected, h.doubled AS doubled,
    h.missing_offsets AS missing_offsets, h.missing_indexes AS missing_indexes,
    c.expected AS expected, c.expected_last AS expected_last,
    h.doubled = 0 AND h.missing_offsets = 0 AND h.missing_indexes = 0
        AND h.stored + h.duplicates + h.rejected >= c.expected AND h.last_offset >= c.expected_last AS ok
FROM (SELECT epoch, events_partition FROM held UNION DISTINCT SELECT epoch, events_partition FROM counted) AS k
LEFT JOIN held AS h ON h.epoch = k.epoch AND h.events_partition = k.events_partition
LEFT JOIN counted AS c ON c.epoch = k.epoch AND c.events_partition = k.events_partition
ORDER BY epoch, events_partition
COMMENT 'Is every item of the events topic stored, duplicate or rejected, exactly once?';

CREATE VIEW IF NOT EXISTS ${database}.freshness
(
    epoch               UInt32                  COMMENT 'Epoch of the deployment record',
    source              Int32                   COMMENT 'Inbox partition',
    decided_at          DateTime64(3, 'UTC')    COMMENT 'Newest decision of the source that is stored',
    log_time            DateTime64(3, 'UTC')    COMMENT 'Newest Kafka timestamp of its facts partition that is stored',
    stored_at           DateTime64(3, 'UTC')    COMMENT 'When the newest block was stored',
    seconds_behind      Float64                 COMMENT 'Now minus log_time; grows while nothing happens at all',
    events_last_minute  UInt64                  COMMENT 'Events of the source written to the facts topic within the last minute and stored',
    fact_ms_p50         Float64                 COMMENT 'Median of log_time minus kafka_time of these, in ms: how long router and machine took',
    fact_ms_p99         Float64                 COMMENT '99th percentile of the same'
)
AS WITH
    newest AS
    (
        SELECT epoch, sources, sink_positions.decided_at AS decisions, log_time, stored_at FROM ${database}.sink_positions
        ORDER BY next_offset DESC LIMIT 1 BY epoch, facts_partition
    ),
    recent AS
    (
        SELECT epoch, source, count() AS n,
            quantiles(0.5, 0.99)(toUnixTimestamp64Milli(log_time) - toUnixTimestamp64Milli(kafka_time)) AS q
        FROM ${database}.events
        WHERE log_time > now64(3) - INTERVAL 1 MINUTE
        GROUP BY epoch, source
    )
SELECT
    p.epoch AS epoch, p.source AS source, p.decided AS decided_at, p.log_time AS log_time, p.stored_at AS stored_at,
    (toUnixTimestamp64Milli(now64(3)) - toUnixTimestamp64Milli(p.log_time)) / 1000 AS seconds_behind,
    r.n AS events_last_minute, if(r.n = 0, 0, r.q[1]) AS fact_ms_p50, if(r.n = 0, 0, r.q[2]) AS fact_ms_p99
FROM (SELECT epoch, log_time, stored_at, source, decided FROM newest ARRAY JOIN sources AS source, decisions AS decided) AS p
LEFT JOIN recent AS r ON r.epoch = p.epoch AND r.source = p.source
ORDER BY epoch, source
COMMENT 'How far ClickHouse is behind each profile machine';
