// Package clickhouse takes Portrait's facts to ClickHouse: the engine that is embedded by default,
// the migrations (package schemas has the SQL), the sink, and queries.
//
// # Vocabulary
//
// A fact is what a profile machine says for ClickHouse: an event counted, a duplicate, a rejection, offsets
// without an event, a merge, an edge, a tag change, a profile document. A source is the machine of one inbox partition;
// its facts are numbered densely from 1, and its mark is the number of the last one stored. A record
// of the facts topic carries facts of one source; without any it is a marker, which only lets time
// pass. A block is what one round of inserts stores, its token the name under which ClickHouse
// remembers that it has. The position is the row of sink_positions behind a block.
//
// # Invariants
//
//   - Blocks, tokens and contents are a function of the log, the position and the rule in it: any two
//     sinks, a zombie too, make the same ones. So a repeat changes nothing, in tables or aggregates.
//   - Whoever resumes knows first that the rows of its epoch are its deployment's (table deployments): positions are found by epoch
//     and partition, so those of another deployment would look like its own. Another one's database is refused.
//   - The position is a block's last insert. Behind a crash at most one block is repeated.
//   - The rule of a block is known before its first insert: it stands in the position before it. A
//     new rule therefore comes into force one block late. How far a block goes is a part of its rule: a second
//     of the log, or more while more of the log is known to be there. Sinks may choose differently; who stores
//     the position first decides.
//   - No block waits for a record that is not in the log yet, but for the first of a later second.
//   - A fact above the mark plus one is a gap and stops the sink; at or below the mark it is dropped.
//   - Nothing that depends on the clock or on a map's order is written, but stored_at and what
//     schema_migrations says.
//   - What waits is bounded: one block, by rows and by bytes.
//
// # Goroutines
//
//	pipeline ── Log ──> Run ── Steps.Add ──> Block ── insert, table by table, then the position
//	                     └─ wake ──> survivors: SYSTEM RELOAD DICTIONARY
//	StartEngine ── a goroutine per engine that owns its thread: starts the child, reaps it
//
// # What is not obvious
//
//   - The embedded engine never reloads dictionaries by itself; a server does.
//   - The embedded engine waits 5 s at its end for clients that are still connected, so Close kills
//     it after 2 s.
//   - A child's death signal is tied to the thread that started it, not to the process.
//   - Versions of two sources do not compare: who survives a chain of merges is found in the relation.
//   - A view over sink_positions must take the largest next_offset: older rows go at any time.
//
// # A server of your own
//
// Connect and Migrate take a DSN. The user needs all rights on the database and SYSTEM RELOAD
// DICTIONARY on it; version 24.7 is the oldest that deduplicates what views derive. The embedded
// engine comes with the read-only user portrait_reader, without a password because it listens on
// loopback only; a server's administrator makes one with
//
//	CREATE USER portrait_reader IDENTIFIED BY '…' SETTINGS readonly = 1;
//	GRANT SELECT, SHOW, dictGet ON portrait.* TO portrait_reader;
package clickhouse
