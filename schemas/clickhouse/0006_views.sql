CREATE VIEW IF NOT EXISTS ${database}.events_now
(
    profile_id          UUID                    COMMENT 'Profile the event belongs to today',
    recorded_profile_id UUID                    COMMENT 'Profile it was counted for at the time',
    event_id            String                  COMMENT 'Identifier given by the producer, or topic, partition, offset and index',
    event               LowCardinality(String)  COMMENT 'Name of the event, after the aliases of the catalogue',
    time                DateTime64(3, 'UTC')    COMMENT 'When it happened',
    channel             LowCardinality(String)  COMMENT 'Channel it came through, empty if none was given',
    identifiers         Array(String)           COMMENT 'Canonical identifiers in order of priority',
    properties          String                  COMMENT 'JSON object of the properties',
    amount              Nullable(Decimal(18, 6)) COMMENT 'Property amount, exact; NULL if absent or no number',
    events_partition    Int32                   COMMENT 'Position in the events topic: partition',
    events_offset       Int64                   COMMENT 'Position in the events topic: offset',
    events_index        Int32                   COMMENT 'Position in the events topic: index in the record, from 0',
    kafka_time          DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the events topic',
    decided_at          DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen',
    catalog             Int64                   COMMENT 'Version of the catalogue that was active',
    source              Int32                   COMMENT 'Inbox partition that counted it',
    version             UInt64                  COMMENT 'Output number: orders everything one source says',
    epoch               UInt32                  COMMENT 'Epoch of the deployment record',
    log_time            DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the facts topic'
)
AS SELECT
    dictGetOrDefault('${database}.surviving_profile', 'winner', tuple(e.profile_id), e.profile_id) AS profile_id,
    e.profile_id AS recorded_profile_id,
    e.event_id AS event_id, e.event AS event, e.time AS time, e.channel AS channel, e.identifiers AS identifiers,
    e.properties AS properties, e.amount AS amount, e.events_partition AS events_partition,
    e.events_offset AS events_offset, e.events_index AS events_index, e.kafka_time AS kafka_time,
    e.decided_at AS decided_at, e.catalog AS catalog, e.source AS source, e.version AS version,
    e.epoch AS epoch, e.log_time AS log_time
FROM ${database}.events AS e
COMMENT 'Events with identity now: merges of today apply to events of the past';

CREATE VIEW IF NOT EXISTS ${database}.events_recorded
(
    profile_id          UUID                    COMMENT 'Profile it was counted for at the time',
    event_id            String                  COMMENT 'Identifier given by the producer, or topic, partition, offset and index',
    event               LowCardinality(String)  COMMENT 'Name of the event, after the aliases of the catalogue',
    time                DateTime64(3, 'UTC')    COMMENT 'When it happened',
    channel             LowCardinality(String)  COMMENT 'Channel it came through, empty if none was given',
    identifiers         Array(String)           COMMENT 'Canonical identifiers in order of priority',
    properties          String                  COMMENT 'JSON object of the properties',
    amount              Nullable(Decimal(18, 6)) COMMENT 'Property amount, exact; NULL if absent or no number',
    kafka_time          DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the events topic',
    decided_at          DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen',
    catalog             Int64                   COMMENT 'Version of the catalogue that was active'
)
AS SELECT profile_id, event_id, event, time, channel, identifiers, properties, amount, kafka_time, decided_at, catalog
FROM ${database}.events
COMMENT 'Events with identity as recorded: what was known when each was counted, never changed afterwards';

CREATE VIEW IF NOT EXISTS ${database}.profiles_now
(
    profile_id          UUID                    COMMENT 'The profile',
    version             UInt64                  COMMENT 'Output number of the latest document',
    as_of               DateTime64(3, 'UTC')    COMMENT 'Instant at which features and tags were evaluated',
    first_seen          DateTime64(3, 'UTC')    COMMENT 'Time of the first event',
    last_seen           DateTime64(3, 'UTC')    COMMENT 'Time of the latest event',
    events              Int64                   COMMENT 'Events counted for the profile',
    identifiers         Array(String)           COMMENT 'Canonical identifiers of the profile',
    tags                String                  COMMENT 'JSON object of the tags that are true or have a value',
    features            String                  COMMENT 'JSON object of the feature values',
    decided_at          DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen',
    catalog             Int64                   COMMENT 'Version of the catalogue that was active',
    source              Int32                   COMMENT 'Inbox partition the profile lives in'
)
AS SELECT profile_id, version, as_of, first_seen, last_seen, events, identifiers, tags, features, decided_at, catalog, source
FROM ${database}.profiles FINAL
WHERE deleted = 0
COMMENT 'The latest document of every profile that was neither merged nor erased';

CREATE VIEW IF NOT EXISTS ${database}.tag_changes_now
(
    profile_id          UUID                    COMMENT 'Profile the change belongs to today',
    recorded_profile_id UUID                    COMMENT 'Profile whose tag changed at the time',
    tag                 LowCardinality(String)  COMMENT 'Name of the tag; empty if the profile was merged or erased',
    change              LowCardinality(String)  COMMENT 'entered, left, changed, merged or erased',
    value               String                  COMMENT 'Value after the change, JSON',
    previous            String                  COMMENT 'Value before the change, JSON',
    version             UInt64                  COMMENT 'Output number: only grows for a recorded profile',
    previous_version    UInt64                  COMMENT 'Version of the change of the recorded profile before; 0: the first',
    id                  String                  COMMENT 'Identifier of the change, as published',
    catalog             LowCardinality(String)  COMMENT 'Catalogue that decided, name@version',
    cause_kind          LowCardinality(String)  COMMENT 'event, timer, merge, catalog, erase or unmerge',
    cause_event_id      String                  COMMENT 'Identifier of the causing event, empty if there is none',
    event_time          DateTime64(3, 'UTC')    COMMENT 'Time of the causing event; for timers the deadline',
    decided_at          DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen',
    inputs              String                  COMMENT 'JSON object of the feature values the rule read',
    source              Int32                   COMMENT 'Inbox partition that decided'
)
AS SELECT
    dictGetOrDefault('${database}.surviving_profile', 'winner', tuple(t.profile_id), t.profile_id) AS profile_id,
    t.profile_id AS recorded_profile_id, t.tag AS tag, t.change AS change, t.value AS value, t.previous AS previous,
    t.version AS version, t.previous_version AS previous_version, t.id AS id, t.catalog AS catalog,
    t.cause_kind AS cause_kind, t.cause_event_id AS cause_event_id, t.event_time AS event_time,
    t.decided_at AS decided_at, t.inputs AS inputs, t.source AS source
FROM ${database}.tag_changes AS t
COMMENT 'Tag changes with identity now';
