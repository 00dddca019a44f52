-- Positions are found by epoch and facts partition, and every new deployment begins with epoch 1: on the database of another one a
-- sink would go on from that one's offsets and drop facts as repeats. So it writes here whose database this is before it looks
-- at any position. What was stored before this step belongs to the first deployment that stores after it.
CREATE TABLE IF NOT EXISTS ${database}.deployments
(
    epoch            UInt32                  COMMENT 'Epoch of the deployment record',
    deployment       String                  COMMENT 'Id of the deployment',
    record           UInt64                  COMMENT 'Hash of the deployment record',
    stored_at        DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the server stored this row'
)
ENGINE = MergeTree
ORDER BY (epoch, stored_at)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'To which deployment the rows of each epoch belong: one row per epoch. The sink of another deployment refuses to store here';
