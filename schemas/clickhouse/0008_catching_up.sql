-- What was stored before this step follows the rule 0.
ALTER TABLE ${database}.sink_positions
    ADD COLUMN IF NOT EXISTS rule_until Int64 DEFAULT 0 COMMENT 'The next block ends before the first record of a later second than that of its own first record which is not before this one (Unix seconds); 0: a block per second' AFTER rule_bytes;
