-- A transactional producer's markers and aborted records take offsets of the events topic without an event. The routers
-- tell of them, so that the accounting can tell them from losses. Of offsets that were routed before this step it cannot.
CREATE TABLE IF NOT EXISTS ${database}.offsets_without_event
(
    events_partition Int32                   COMMENT 'Position in the events topic: partition',
    first_offset     Int64                   COMMENT 'First of the offsets',
    last_offset      Int64                   COMMENT 'Last of the offsets',
    decided_at       DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen',
    source           Int32                   COMMENT 'Inbox partition that reported it',
    version          UInt64                  COMMENT 'Output number: orders everything one source says',
    epoch            UInt32                  COMMENT 'Epoch of the deployment record',
    log_time         DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the facts topic; parts are kept by its month'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(log_time)
ORDER BY (events_partition, last_offset)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Offsets in a row that never held an event: markers of transactions and records of aborted ones';

ALTER TABLE ${database}.sink_positions
    COMMENT COLUMN items 'How many items of each events partition have been stored (event, duplicate, rejection or offsets without an event): what the tables must hold';

-- A row of offsets_without_event stands for each offset from its first to its last. An event that lies in one of them
-- contradicts it, and counts as doubled: else it would make up for an offset that is missing.
CREATE OR REPLACE VIEW ${database}.accounting
(
    epoch               UInt32                  COMMENT 'Epoch of the deployment record',
    events_partition    Int32                   COMMENT 'Partition of the events topic',
    first_offset        Int64                   COMMENT 'Smallest offset seen',
    last_offset         Int64                   COMMENT 'Largest offset seen',
    stored              UInt64                  COMMENT 'Rows in events',
    duplicates          UInt64                  COMMENT 'Rows in duplicates',
    rejected            UInt64                  COMMENT 'Rows in rejections',
    holes               UInt64                  COMMENT 'Rows in offsets_without_event',
    without_event       UInt64                  COMMENT 'Offsets that these rows explain: they never held an event, and are not missing',
    doubled             UInt64                  COMMENT 'Rows beyond the first for the same position, and records at offsets that hold none; must be 0',
    missing_offsets     UInt64                  COMMENT 'Offsets between the first and the last without any row; 0 at rest, in flight the partitions differ a little',
    missing_indexes     UInt64                  COMMENT 'Positions below the largest index of their record without a row; 0 at rest',
    expected            UInt64                  COMMENT 'Items that the sink has stored by its own count: the rows of the four tables',
    expected_last       Int64                   COMMENT 'Largest offset among them',
    ok                  UInt8                   COMMENT '1: every item is there exactly once, and every offset is accounted for'
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
    voids AS
    (
        SELECT epoch, events_partition, min(offsets_without_event.first_offset) AS first, offsets_without_event.last_offset AS last,
            count() AS n, 1 AS there
        FROM ${database}.offsets_without_event
        GROUP BY epoch, events_partition, last
    ),
    spans AS
    (
        SELECT a.epoch AS epoch, a.events_partition AS events_partition, a.events_offset AS first, a.events_offset AS last,
            a.s AS s, a.d AS d, a.r AS r, toUInt64(0) AS h, toUInt64(v.there = 1 AND v.first <= a.events_offset) AS beyond,
            a.positions AS positions, a.length AS length
        FROM records AS a
        ASOF LEFT JOIN voids AS v ON v.epoch = a.epoch AND v.events_partition = a.events_partition AND v.last >= a.events_offset
        UNION ALL
        SELECT epoch, events_partition, first, last, 0 AS s, 0 AS d, 0 AS r, n AS h, toUInt64(n - 1) AS beyond, 0 AS positions, 0 AS length
        FROM voids
    ),
    held AS
    (
        SELECT epoch, events_partition,
            min(first) AS first_offset, max(last) AS last_offset,
            sum(s) AS stored, sum(d) AS duplicates, sum(r) AS rejected, sum(h) AS holes,
            sumIf(last - first + 1, h > 0) AS without_event,
            sum(s + d + r - positions + beyond) AS doubled,
            countIf(h = 0 AND beyond = 0) AS offsets,
            sum(length - positions) AS missing_indexes
        FROM spans
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
    h.stored AS stored, h.duplicates AS duplicates, h.rejected AS rejected, h.holes AS holes, toUInt64(h.without_event) AS without_event,
    h.doubled AS doubled,
    toUInt64(if(h.holes + h.stored + h.duplicates + h.rejected = 0, 0, h.last_offset - h.first_offset + 1 - h.offsets - h.without_event)) AS missing_offsets,
    h.missing_indexes AS missing_indexes,
    c.expected AS expected, c.expected_last AS expected_last,
    h.doubled = 0 AND missing_offsets = 0 AND h.missing_indexes = 0
        AND h.stored + h.duplicates + h.rejected + h.holes >= c.expected AND h.last_offset >= c.expected_last AS ok
FROM (SELECT epoch, events_partition FROM held UNION DISTINCT SELECT epoch, events_partition FROM counted) AS k
LEFT JOIN held AS h ON h.epoch = k.epoch AND h.events_partition = k.events_partition
LEFT JOIN counted AS c ON c.epoch = k.epoch AND c.events_partition = k.events_partition
ORDER BY epoch, events_partition
COMMENT 'Is every item of the events topic stored, duplicate or rejected, exactly once, and every other offset known to hold none?';
