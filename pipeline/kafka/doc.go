// Package kafka is the pipeline's hands on Kafka and the only importer of kafka-go: a client, topics
// that are created and verified, a fetcher and a producer per partition, group membership, and a
// reader of compacted topics. It knows nothing of what records mean.
//
// Vocabulary. An offset is the place of a record in its partition; Start is the first offset that
// still exists, High the first that does not exist yet (of committed records: behind an open
// transaction nothing can be read). A position is the offset a reader asks for next.
//
// Invariants.
//   - A Fetcher never skips: an offset below Start or beyond High is an error with its remedy. Every
//     batch says where the next one begins, because transaction markers and compaction leave holes.
//   - Records come checked (CRC), without control records and without aborted transactions.
//   - A Producer has exactly one request in flight per output partition, acks=all, repeated byte for
//     byte until it is acknowledged; nothing later is sent to that partition before. A repeat after a
//     lost answer may write twice, the late copy even behind newer records (a stalled broker may
//     append it after the repeat): first copies are in order, and receivers drop by number.
//   - Acknowledgements are called once each, in order of Send, from one goroutine per partition.
//   - All queues are bounded by records and bytes; a full one blocks the sender.
//   - Committed offsets are hints for lag monitoring: the owner's own checkpoint is the position.
//
// Why fetches are encoded here, through kafka-go's transport: its Reader costs a goroutine, a channel
// and three allocations per record; its Conn.ReadBatch does not tell Start, delivers control records
// and aborted transactions, takes the writer's timestamp on LogAppendTime topics, and asks for the
// same offset for ever when compaction emptied the tail of a compressed batch (or jumps to offset 1
// when it emptied a whole one). Fetched records here are slices of one buffer per response.
package kafka
