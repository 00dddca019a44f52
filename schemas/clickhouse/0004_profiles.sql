CREATE TABLE IF NOT EXISTS ${database}.tag_changes
(
    profile_id       UUID                    COMMENT 'Profile whose tag changed, as recorded; see tag_changes_now',
    tag              LowCardinality(String)  COMMENT 'Name of the tag; empty if the profile was merged or erased',
    change           LowCardinality(String)  COMMENT 'entered, left, changed, merged or erased',
    value            String                  COMMENT 'Value after the change, JSON',
    previous         String                  COMMENT 'Value before the change, JSON',
    version          UInt64                  COMMENT 'Output number: only grows for a profile',
    previous_version UInt64                  COMMENT 'Version of the change of this profile before; 0: the first',
    id               String                  COMMENT 'Identifier of the change, as published',
    catalog          LowCardinality(String)  COMMENT 'Catalogue that decided, name@version',
    cause_kind       LowCardinality(String)  COMMENT 'event, timer, merge, catalog, erase or unmerge',
    cause_event_id   String                  COMMENT 'Identifier of the causing event, empty if there is none',
    event_time       DateTime64(3, 'UTC')    COMMENT 'Time of the causing event; for timers the deadline',
    decided_at       DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen',
    winner           UUID                    COMMENT 'Surviving profile of a merge; zeros otherwise',
    inputs           String                  COMMENT 'JSON object of the feature values the rule read',
    source           Int32                   COMMENT 'Inbox partition that decided',
    epoch            UInt32                  COMMENT 'Epoch of the deployment record',
    log_time         DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the facts topic; parts are kept by its month'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(log_time)
ORDER BY (tag, profile_id, version)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every change of a tag, as published on the tags topic, with the inputs of the rule';

CREATE TABLE IF NOT EXISTS ${database}.profiles
(
    profile_id       UUID                    COMMENT 'The profile',
    version          UInt64                  COMMENT 'Output number of this document: the largest of a profile counts',
    as_of            DateTime64(3, 'UTC')    COMMENT 'Instant at which features and tags were evaluated',
    first_seen       DateTime64(3, 'UTC')    COMMENT 'Time of the first event',
    last_seen        DateTime64(3, 'UTC')    COMMENT 'Time of the latest event',
    deleted          UInt8                   COMMENT '1: a tombstone, the profile was merged or erased',
    winner           UUID                    COMMENT 'Tombstone of a merge: the surviving profile; zeros otherwise',
    events           Int64                   COMMENT 'Events counted for the profile, those of absorbed profiles included',
    identifiers      Array(String)           COMMENT 'Canonical identifiers of the profile; sensitive values are keyed hashes',
    tags             String                  COMMENT 'JSON object of the tags that are true or have a value, names ascending',
    features         String                  COMMENT 'JSON object of the feature values, names ascending',
    decided_at       DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen',
    catalog          Int64                   COMMENT 'Version of the catalogue that was active',
    source           Int32                   COMMENT 'Inbox partition the profile lives in',
    epoch            UInt32                  COMMENT 'Epoch of the deployment record',
    log_time         DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the facts topic; parts are kept by its month'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(log_time)
ORDER BY profile_id
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Documents of profiles; older versions go when parts are merged. Read profiles_now';
