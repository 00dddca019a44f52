CREATE TABLE IF NOT EXISTS ${database}.events
(
    profile_id       UUID                    COMMENT 'Profile the event was counted for, as recorded; see events_now for the profile it belongs to today',
    event_id         String                  COMMENT 'Identifier given by the producer, or topic, partition, offset and index',
    event            LowCardinality(String)  COMMENT 'Name of the event, after the aliases of the catalogue',
    time             DateTime64(3, 'UTC')    COMMENT 'When it happened, as the producer says; never after kafka_time',
    channel          LowCardinality(String)  COMMENT 'Channel it came through, empty if none was given',
    identifiers      Array(String)           COMMENT 'Canonical identifiers (type:value) in order of priority; sensitive values are keyed hashes',
    properties       String                  COMMENT 'JSON object of the properties, keys ascending, numbers with exactly the digits that were sent',
    amount           Nullable(Decimal(18, 6)) COMMENT 'Property amount, exact, in the currency of the deployment; NULL if absent or no number',
    events_partition Int32                   COMMENT 'Position in the events topic: partition',
    events_offset    Int64                   COMMENT 'Position in the events topic: offset',
    events_index     Int32                   COMMENT 'Position in the events topic: index in the record, from 0',
    kafka_time       DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the events topic',
    decided_at       DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen when it counted the event',
    catalog          Int64                   COMMENT 'Version of the catalogue that was active then',
    source           Int32                   COMMENT 'Inbox partition that counted it',
    version          UInt64                  COMMENT 'Output number: orders everything one source says',
    epoch            UInt32                  COMMENT 'Epoch of the deployment record',
    log_time         DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the facts topic; parts are kept by its month',
    INDEX by_log_time log_time TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(log_time)
ORDER BY (event, profile_id, time, events_partition, events_offset, events_index)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every event that was counted, once, with the profile as recorded at the time';

CREATE TABLE IF NOT EXISTS ${database}.duplicates
(
    events_partition Int32                   COMMENT 'Position in the events topic: partition',
    events_offset    Int64                   COMMENT 'Position in the events topic: offset',
    events_index     Int32                   COMMENT 'Position in the events topic: index in the record, from 0',
    event_id         String                  COMMENT 'Identifier that the profile had already seen',
    event            LowCardinality(String)  COMMENT 'Name of the event',
    profile_id       UUID                    COMMENT 'Profile that had seen it, as recorded',
    time             DateTime64(3, 'UTC')    COMMENT 'When it happened, as the repeat says',
    kafka_time       DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the events topic',
    decided_at       DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen',
    source           Int32                   COMMENT 'Inbox partition that found it',
    version          UInt64                  COMMENT 'Output number: orders everything one source says',
    epoch            UInt32                  COMMENT 'Epoch of the deployment record',
    log_time         DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the facts topic; parts are kept by its month'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(log_time)
ORDER BY (events_partition, events_offset, events_index)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Repeats of an event by its producer: counted for nobody, listed so that the accounting is complete';

CREATE TABLE IF NOT EXISTS ${database}.rejections
(
    events_partition Int32                   COMMENT 'Position in the events topic: partition',
    events_offset    Int64                   COMMENT 'Position in the events topic: offset',
    events_index     Int32                   COMMENT 'Position in the events topic: index in the record, from 0',
    reason           LowCardinality(String)  COMMENT 'Why it could not be used',
    detail           String                  COMMENT 'The place of the fault, never its content; the original bytes are in the rejected topic',
    kafka_time       DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the events topic',
    decided_at       DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen',
    source           Int32                   COMMENT 'Inbox partition that reported it',
    version          UInt64                  COMMENT 'Output number: orders everything one source says',
    epoch            UInt32                  COMMENT 'Epoch of the deployment record',
    log_time         DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the facts topic; parts are kept by its month'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(log_time)
ORDER BY (events_partition, events_offset, events_index)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Events that could not be used, with the reason';
