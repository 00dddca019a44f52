// Package snapshot keeps copies of the partitions' state where any node can read them: in a directory
// that all nodes see, or in an S3-compatible object store. It is the only importer of the S3 client. It knows
// neither Kafka nor the machine; what it copies are keys and values of profile/store.
//
// Vocabulary. A snapshot is one object. A base is a partition's whole state at a position; a delta is
// what changed from one position to another, deletions included. A chain is a base and the deltas that
// lead on from it. The logic version of a snapshot is that of the machine which goes on from it.
//
// Format. Our own, not Badger's backup: incremental backups lose deletions, and versions are local to a
// database.
//
//	"PORTSNAP" | version u8 | length u32 | header | crc u32
//	chunk ...   kind u8 'c' | length u32 | payload | crc u32
//	chunk       kind u8 'z' | length u32 | payload | crc u32
//
// A payload is compressed with zstd and, if there is a key, sealed with AES-256-GCM under a key of this
// object's own, with the chunk's number as nonce and the header as additional data. The payload of 'c' is a list
// of entries in ascending order, that of 'z' their number and the meta of the checkpoint. A CRC covers
// everything before it in its part and the chunk's number, so chunks cannot change places.
//
// Invariants.
//   - An object appears whole or not at all: it is written beside and renamed, or uploaded in one request.
//   - A delta from f to t leads from any state at a position p with f ≤ p < t to the state at t: it has the
//     values at t of everything that changed behind f. So chains may overlap.
//   - A reader hands nothing out of a chunk whose checksum it has not verified, and says that the state is
//     complete only behind a valid end. Restoring verifies a whole object before it applies any of it.
//   - Memory is bounded whatever the bytes say: chunks by MaxChunk, compressed and not.
package snapshot
