// Package store keeps the state of profile machines on disk: one Badger database per process, and in
// it one checkpoint per partition. It is the only importer of Badger.
//
// Vocabulary. A checkpoint is a partition's whole state at one position of its log. Commit moves it
// from one position to a later one; a position between two commits is never on disk. A generation is
// one copy of a partition's state: 1 at first, another only when a snapshot is restored, so a restart
// copies nothing. An incarnation is one Acquire of a partition: a number held in memory, so that of
// two machines in this process that both believe they own a partition only the newer is served.
//
// Layout. Every key begins with the partition and the generation, then a room:
//
//	partition u32 | generation u32 | room | rest
//	p 0  g                 number of p's current generation
//	p n  c                 checkpoint record: position and meta
//	p n  d  key            state
//	p n  e                 end of a staged checkpoint: parts, entries, position and meta
//	p n  s  part u32  key  staged change: '=' value, or '-'
//	ffffffff 0  D          the deployment record's hash
//
// Every value ends with a CRC-32C over its key and itself, checked at each read. Badger's own block
// checksums are checked by us, once, when the store is opened: in its reads and compactions a block that
// fails them counts as the end of its table, so that keys would be absent without an error.
//
// Invariants.
//
//   - Readers see exactly one checkpoint. A commit that fits a Badger transaction is one. A larger one
//     is staged in numbered parts, valid once the end record is in; then the parts are applied, then
//     one transaction writes the checkpoint record and removes the end record, then the parts are
//     removed. Acquire finishes what has an end record and discards parts without one.
//   - Reads use a snapshot taken after the newest finished commit, so they neither see a half-applied
//     one nor wait for its fsync: the hot path never waits for a disk it does not read from.
//   - Writes go one after another (one mutex): the check of incarnation and position, and the commit
//     behind it, are one step.
//   - Reads check the incarnation after reading: a result handed out was current when it was read.
//   - A commit that failed half-way takes the partition from its handle (every later call says
//     ErrStale), because what is on disk is then only known to Acquire.
//   - No write begins below the free-space mark: a full disk is SIGBUS on Badger's mapped files, which
//     no process survives.
//
// Not detected: damage to a table's keys while the process runs; and damage inside the newest, not yet
// flushed logs (files *.mem). Badger cuts such a log at the first bad record: in the last log the
// partition goes on from an older checkpoint; in one before it, changes between are lost. Disks that do
// this need a check below us.
package store
