CREATE TABLE IF NOT EXISTS ${database}.sink_positions
(
    epoch            UInt32                  COMMENT 'Epoch of the deployment record; a new one starts anew at offset 0',
    facts_partition  Int32                   COMMENT 'Partition of the facts topic',
    next_offset      Int64                   COMMENT 'First offset of the facts partition that is not stored yet; the next block begins here',
    rule_rows        UInt32                  COMMENT 'The next block ends after the record that brings it to this many rows',
    rule_bytes       UInt64                  COMMENT 'The next block ends after the record that brings it to this many bytes',
    log_time         DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp among the records stored so far',
    sources          Array(Int32)            COMMENT 'Inbox partitions heard from, ascending; parallel to marks and decided_at',
    marks            Array(UInt64)           COMMENT 'Number of the last fact stored of each source; numbers are dense',
    decided_at       Array(DateTime64(3, 'UTC')) COMMENT 'Largest decision time stored of each source',
    partitions       Array(Int32)            COMMENT 'Partitions of the events topic heard of, ascending; parallel to items and last_offsets',
    items            Array(UInt64)           COMMENT 'How many items of each events partition have been stored (event, duplicate or rejection): what the tables must hold',
    last_offsets     Array(Int64)            COMMENT 'Largest offset of each events partition among them',
    stored_at        DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the server stored this row'
)
ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (epoch, facts_partition)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How far the sink has come: the last insert of each block. One row per facts partition after merging; the largest next_offset counts';
