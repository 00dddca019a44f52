CREATE TABLE IF NOT EXISTS ${database}.identity_merges
(
    loser            UUID                    COMMENT 'Profile that went into another one',
    winner           UUID                    COMMENT 'Profile that it went into; may have been absorbed itself since, see dictionary surviving_profile',
    at               DateTime64(3, 'UTC')    COMMENT 'When the winner absorbed it',
    direct           UInt8                   COMMENT '1: absorbed now; 0: had been absorbed before by what was absorbed now',
    root             String                  COMMENT 'Identifier at which the loser lived',
    via              String                  COMMENT 'Identifier that linked both',
    cause            String                  COMMENT 'Identifier of the event that linked both',
    decided_at       DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen',
    source           Int32                   COMMENT 'Inbox partition of the winner',
    version          UInt64                  COMMENT 'Output number: orders everything one source says; says nothing between two sources',
    epoch            UInt32                  COMMENT 'Epoch of the deployment record',
    log_time         DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the facts topic; parts are kept by its month'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(log_time)
ORDER BY (loser, at, version)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Closed relation of merges: each winner repeats a row for every profile that what it absorbed had absorbed before';

CREATE TABLE IF NOT EXISTS ${database}.identity_edges
(
    a                String                  COMMENT 'Canonical identifier',
    b                String                  COMMENT 'Canonical identifier seen in the same event',
    accepted         UInt8                   COMMENT '1: they may share a profile; 0: refused',
    reason           LowCardinality(String)  COMMENT 'Why it was refused: limit, weak or blocked; empty if accepted',
    cause            String                  COMMENT 'Identifier of the event',
    at               DateTime64(3, 'UTC')    COMMENT 'When it was decided',
    profile_id       UUID                    COMMENT 'Profile at which it was decided, as recorded',
    decided_at       DateTime64(3, 'UTC')    COMMENT 'Largest Kafka timestamp the profile machine had seen',
    source           Int32                   COMMENT 'Inbox partition that decided',
    version          UInt64                  COMMENT 'Output number: orders everything one source says',
    epoch            UInt32                  COMMENT 'Epoch of the deployment record',
    log_time         DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the record in the facts topic; parts are kept by its month'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(log_time)
ORDER BY (a, b, at)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Provenance of identities: which identifiers were seen together, and whether that joined them';

-- A loser has rows for every profile on its way to the survivor. Versions of two sources do not
-- compare, so the survivor is found by the relation itself: it is the winner that never lost.
CREATE VIEW IF NOT EXISTS ${database}.surviving_profiles
(
    loser            UUID                    COMMENT 'Profile that went into another one',
    winner           UUID                    COMMENT 'Profile that holds its identifiers today'
)
AS SELECT loser, argMax(m.winner, (m.winner NOT IN (SELECT loser FROM ${database}.identity_merges), m.at, m.version)) AS winner
FROM ${database}.identity_merges AS m
GROUP BY loser
COMMENT 'For each profile that was absorbed the one that survives; the source of dictionary surviving_profile';

CREATE DICTIONARY IF NOT EXISTS ${database}.surviving_profile
(
    loser            UUID,
    winner           UUID
)
PRIMARY KEY loser
SOURCE(CLICKHOUSE(DB ${database:text} TABLE 'surviving_profiles' USER ${user:text} PASSWORD ${password:text}
    INVALIDATE_QUERY 'SELECT count() FROM ${database}.identity_merges'))
LIFETIME(MIN 1 MAX 2)
LAYOUT(COMPLEX_KEY_HASHED())
COMMENT 'loser -> winner, held in memory; the sink has it reloaded after each block that merges profiles, and a server, not the embedded engine, does it by itself as well';
